"""What a bundle says of itself, and what verifying one finds."""

from __future__ import annotations

from typing import Literal

from modelway.records.base import Record
from modelway.records.data import ColumnType, Task


class SignatureColumn(Record):
    """One column that the model reads."""

    name: str
    type: ColumnType
    nullable: bool
    """Whether values may be missing, and with them the whole column."""
    values: tuple[str, ...] | None = None
    """The categories that the model knows (category)."""
    refuse_unseen: bool = False
    """Whether a category that is not among `values` is refused; else it counts as unseen (category)."""
    min: float | None = None
    """The least value allowed (integer, number)."""
    max: float | None = None
    """The greatest value allowed (integer, number)."""
    format: str | None = None
    """How dates are written, as for strptime; ISO 8601 when absent (date)."""


class SignatureOutput(Record):
    """One column that the model gives."""

    name: str
    """prediction, or `probability_CLASS`."""
    type: Literal["string", "number"]


class Signature(Record):
    """`signature.json`: what a model takes and gives."""

    task: Task
    target: str
    columns: tuple[SignatureColumn, ...]
    """In the order of the model's inputs."""
    outputs: tuple[SignatureOutput, ...]
    classes: tuple[str, ...] = ()
    """The order of the probabilities; of two classes the positive one is last; empty for regression."""
    threshold: float = 0.5
    """The probability from which on the positive class is predicted (two classes)."""


class Origin(Record):
    """Where a bundle's model comes from, as the registry knows it."""

    name: str
    """The model's name in the registry."""
    version: int
    """Its version there."""
    run_id: str
    commit: str | None = None
    """The revision of the user's code; it ends with -dirty where files differed."""
    created: str | None = None
    """The time of that commit, ISO 8601, UTC."""
    data_digest: str | None = None
    """SHA-256 that names the data set."""
    settings_digest: str | None = None
    """SHA-256 of the settings that decide the model."""
    lock_digest: str | None = None
    """SHA-256 of the lock that the packages came from."""


class BundleInfo(Record):
    """`bundle.json`: which model this is."""

    schema_version: Literal[1] = 1
    name: str
    """The model's name in the registry."""
    version: int
    """Its version there."""
    model_digest: str
    """SHA-256 that names the fitted model's own files."""
    run_id: str
    commit: str | None = None
    """The revision of the user's code that it was trained from; it ends with -dirty where files differed."""
    created: str | None = None
    """The time of that commit, ISO 8601, UTC: a bundle's own time would make other bytes of the same version."""
    format: Literal["onnx", "skops"]
    """What the estimator is kept as."""


class Comparison(Record):
    """How the exported model was compared with the fitted one."""

    held_out_rows: int
    awkward_rows: int
    """Rows with missing, unseen, extreme values, empty text, one column at a time and in all columns."""
    largest_difference: float
    """Between two probabilities, or two values."""


class Check(Record):
    """One thing that was verified of a bundle."""

    name: str
    """files, manifest, signature, provenance, sbom, mlflow, contents or reference."""
    detail: str
    """What was seen, in words."""


class BundleReport(Record):
    """What verifying a bundle found; a bundle that does not verify gives an error instead."""

    digest: str
    """SHA-256 that names the bundle: of its files, as the manifest has them."""
    info: BundleInfo
    signed: bool
    """Whether there is a signature and it was checked with a key."""
    checks: tuple[Check, ...]
