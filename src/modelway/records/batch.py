"""Options and records of batch inference: a data set in, predictions out."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from modelway.records.base import Record
from modelway.records.bundle import BundleInfo
from modelway.records.data import ColumnType, DataOptions, S3Options
from modelway.records.observe import Distribution
from modelway.records.trust import Trust

RUN_NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$"
"""What a run may be called: it names a folder."""


class BatchOptions(Record):
    """The `batch` section of the settings."""

    input: DataOptions | None = None
    """What is scored; how its CSV files are written is `prepare.data`'s where absent."""
    output: str = "predictions"
    """Where each run gets a folder of its own: a directory, relative to the settings file, or `s3://bucket/prefix`."""
    model_version: str = "champion"
    """The version that scores: a number, alias, run, release tag or latest."""
    keys: tuple[str, ...] | None = None
    """Columns that stand beside each prediction; `prepare.split.key` where absent, file and row where that is empty."""
    slices: tuple[str, ...] = ()
    """Columns whose values are counted one by one in the report."""
    batch_size: Annotated[int, Field(ge=1, le=1_000_000)] = 8192
    """Rows that the model scores at a time."""
    max_rejects: Annotated[float, Field(ge=0)] = 0.01
    """How many rows may be refused before the run fails: a number of rows, or below 1 a share of all rows."""
    engine: Literal["local", "ray"] = "local"
    """Processes of this machine, or a Ray cluster."""
    ray_address: str | None = None
    """The cluster's address; Ray's own default where absent."""
    workers: Annotated[int, Field(ge=1)] | None = None
    """Processes that score; one a core where absent, and never more than `memory` has room for."""
    memory: Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?(MB|GB)$")] = "1GB"
    """What all processes of a run on this machine may hold together."""
    require_signature: bool = False
    """Whether a bundle without a valid signature is refused, by serve, batch and deploy alike."""
    public_key: str | None = None
    """The public key that signatures are verified with, as in `serve.public_key`, which holds where this is absent."""
    s3: S3Options | None = None
    """Where `s3://` addresses lead; `prepare.s3` where absent."""
    notify_success: bool = False
    """Whether Slack hears of runs that went well, too."""


class Position(Record):
    """A place in the input, between two rows."""

    file: int
    """Number of the file, from 0; one more than the last at the end."""
    offset: int = 0
    """Bytes from its beginning; of Parquet files row groups."""
    row: int = 0
    """Rows before it in the file."""


class Unit(Record):
    """The rows of one part of the output."""

    number: int
    begin: Position
    end: Position


class InputFile(Record):
    """One file of the input."""

    name: str
    """Below the input's address."""
    uri: str
    size: int
    """Bytes."""
    identity: str
    """Its SHA-256, or the ETag of an object."""


class BatchPlan(Record):
    """What a run does; written before anything else, and never changed. Equal plans give equal bytes."""

    schema_version: Literal[1] = 1
    run: str
    started: str
    """When it began, ISO 8601, UTC."""
    previous: str | None = None
    """The run that was published last in the same place."""
    model: BundleInfo
    bundle_digest: str
    input: str
    """The address."""
    source: DataOptions
    """How its CSV files are written."""
    files: tuple[InputFile, ...]
    keys: dict[str, ColumnType]
    """The columns beside each prediction; file and row when empty."""
    slices: tuple[str, ...] = ()
    batch_size: int


class PartitionSetup(Record):
    """What a process needs to score units."""

    plan: BatchPlan
    bundle: str
    """Directory of the bundle."""
    output: str
    """The run's folder."""
    s3: S3Options
    edges: tuple[float, ...] = ()
    """Where predictions are cut into bins."""
    trust: Trust = Trust()
    """What the bundle may use, and who has to have signed it."""
    spool: str | None = None
    """Where files are made that go to S3; a directory of the process's own when absent."""
    modules: tuple[str, ...] = ()
    """Where the user's own modules are looked up."""


class Tally(Record):
    """Predictions, counted: in the bins of the baseline, or by class."""

    rows: int = 0
    counts: tuple[int, ...] = ()
    """Below the first edge, in each bin, above the last edge."""
    categories: dict[str, int] = {}
    total: float = 0.0
    """The sum of the values."""
    least: float | None = None
    greatest: float | None = None


class PartFile(Record):
    """A file that a run wrote."""

    name: str
    """Below the run's folder."""
    size: int
    sha256: str


class Example(Record):
    """A row that was refused."""

    file: str
    row: int
    """In its file, from 1."""
    reason: str


class PartSeconds(Record):
    """How long the steps of one part took; they overlap."""

    reading: float = 0.0
    scoring: float = 0.0
    writing: float = 0.0
    whole: float = 0.0


class PartRecord(Record):
    """A part that is there, with what is counted of it."""

    unit: Unit
    rows: int
    """Rows that were read."""
    rejects: int
    """Rows that were refused."""
    files: tuple[PartFile, ...]
    predictions: Tally = Tally()
    slices: dict[str, dict[str, Tally]] = {}
    """By column and value."""
    reasons: dict[str, int] = {}
    """Refused rows by what is wrong with them."""
    examples: tuple[Example, ...] = ()
    ignored: tuple[str, ...] = ()
    """Columns of the input that the model does not know."""
    seconds: PartSeconds = PartSeconds()


class SliceCount(Record):
    """The rows with one value of a column."""

    column: str
    value: str
    rows: int
    mean: float | None = None
    """Of the probability or the value; None for more than two classes."""


class BatchSummary(Record):
    """`batch.json`: what a run came to."""

    plan: BatchPlan
    rows: int
    predicted: int
    rejects: int
    parts: int
    classes: tuple[str, ...] = ()
    reasons: dict[str, int] = {}
    examples: tuple[Example, ...] = ()
    ignored: tuple[str, ...] = ()
    predictions: Tally = Tally()
    baseline: Distribution | None = None
    """Of the model's outputs on held-out rows."""
    baseline_labels: Distribution | None = None
    """Of the predicted classes there."""
    shift: float | None = None
    """Population stability index of the predictions against the baseline."""
    previous: Tally | None = None
    """Of the run before, where it was scored in the same bins."""
    previous_shift: float | None = None
    slices: tuple[SliceCount, ...] = ()


class PartTime(Record):
    """How long one part took."""

    part: int
    rows: int
    seconds: PartSeconds


class BatchTimings(Record):
    """`timings.json`: wall times of the last start of a run."""

    seconds: float
    workers: int
    scored_rows: int
    """Rows that this start scored; the others were there."""
    parts: tuple[PartTime, ...] = ()
    """All parts, the slowest first; at most 20."""


class BatchResult(Record):
    """What the command did."""

    output: str
    """The run's folder."""
    summary: BatchSummary
    timings: BatchTimings | None = None
    """None where the run was there already."""
