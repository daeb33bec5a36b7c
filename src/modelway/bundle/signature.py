"""What a model takes and gives, told when it is evaluated, from the columns that it was fitted and measured on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelway.bundle.layout import SIGNATURE
from modelway.records.bundle import Signature, SignatureColumn, SignatureOutput
from modelway.records.data import Task
from modelway.records.features import CategoryFeature

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from modelway.records.data import Column
    from modelway.records.features import FeatureSpec
    from modelway.records.fit import ModelInfo


def write_signature(
    directory: Path, info: ModelInfo, spec: FeatureSpec, columns: Mapping[str, Column], threshold: float
) -> Signature:
    """Write `signature.json` into a directory.

    Args:
        directory: where it goes.
        info: the model's.
        spec: its features, which know the categories.
        columns: what the data set's columns must hold.
        threshold: the probability from which on the positive class is predicted (two classes).
    """
    known = {feature.column: feature.categories for feature in spec.features if isinstance(feature, CategoryFeature)}
    signature = Signature(
        task=info.task,
        target=info.target,
        columns=tuple(_column(name, columns[name], known.get(name)) for name in info.inputs),
        outputs=_outputs(info),
        classes=info.classes,
        threshold=threshold,
    )
    (directory / SIGNATURE).write_text(signature.to_json(), encoding="utf-8")
    return signature


def _column(name: str, column: Column, known: tuple[str, ...] | None) -> SignatureColumn:
    """A request must hold what the data set must; categories are closed only where the settings say which there are."""
    return SignatureColumn(
        name=name,
        type=column.type,
        nullable=column.nullable,
        values=column.values if column.values is not None else known,
        refuse_unseen=column.values is not None,
        min=column.min,
        max=column.max,
        format=column.format,
    )


def _outputs(info: ModelInfo) -> tuple[SignatureOutput, ...]:
    if info.task is Task.REGRESSION:
        return (SignatureOutput(name="prediction", type="number"),)
    probabilities = [SignatureOutput(name=f"probability_{name}", type="number") for name in info.classes]
    return (SignatureOutput(name="prediction", type="string"), *probabilities)
