"""The baseline that monitoring compares with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from modelway.records.data import ColumnType, Dataset, Task
from modelway.records.observe import Baseline, Distribution

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from modelway.records.evaluate import Scores

BINS = 20
LISTED = 200
SAMPLE = 100_000
"""Rows, at the most, that the edges of the bins are taken from; the counts are of all rows."""


def make_baseline(dataset: Dataset, train: pa.Table, scores: Scores, metrics: Mapping[str, float | None]) -> Baseline:
    """Profile the training rows and the scores of the held-out rows.

    Args:
        dataset: what the columns are.
        train: the training rows.
        scores: the model's scores of the held-out rows.
        metrics: the held-out metrics' values.
    """
    columns = {name: distribution(column.type, train.column(name)) for name, column in dataset.columns.items()}
    return Baseline(
        rows=train.num_rows, columns=columns, predictions=_predictions(dataset, scores), metrics=dict(metrics)
    )


def distribution(kind: ColumnType, values: pa.ChunkedArray) -> Distribution:
    """Count the values of one column: in bins with equally many rows each, or by category."""
    if kind in {ColumnType.CATEGORY, ColumnType.BOOLEAN}:
        return _categories(kind, values)
    present = values.drop_null()
    if kind is ColumnType.TEXT:
        present = pc.utf8_length(present)
    elif kind is ColumnType.DATE:
        present = pc.divide(present.cast(pa.int64()), 1_000_000)
    return _bins(kind, present.to_numpy().astype(np.float64, copy=False), missing=values.null_count)


def _predictions(dataset: Dataset, scores: Scores) -> Distribution:
    if dataset.task is Task.REGRESSION:
        return _bins(ColumnType.NUMBER, scores.prediction.astype(np.float64, copy=False), missing=0)
    if scores.probability is not None and len(dataset.classes) == 2:
        return _bins(ColumnType.NUMBER, scores.probability[:, 1], missing=0)
    names = pa.array(dataset.classes).take(pa.array(scores.prediction))
    return _categories(ColumnType.CATEGORY, pa.chunked_array([names]))


def _categories(kind: ColumnType, values: pa.ChunkedArray) -> Distribution:
    present = values.drop_null()
    if kind is ColumnType.BOOLEAN:
        present = pc.if_else(present, "true", "false")
    pairs = [(item["values"], item["counts"]) for item in present.value_counts().to_pylist()]
    pairs.sort(key=lambda pair: (-pair[1], pair[0]))
    return Distribution(
        type=kind,
        rows=len(values),
        missing=values.null_count,
        categories=dict(pairs[:LISTED]),
        other=sum(count for _, count in pairs[LISTED:]),
    )


def _bins(kind: ColumnType, values: NDArray[np.float64], *, missing: int) -> Distribution:
    rows = len(values) + missing
    if not len(values):
        return Distribution(type=kind, rows=rows, missing=missing)
    # A fixed stride keeps sorting cheap on long columns and the result the same on every machine.
    sample = np.sort(values[:: -(-len(values) // SAMPLE)])
    inner = np.quantile(sample, np.linspace(0, 1, BINS + 1)[1:-1], method="lower")
    edges = np.unique(np.concatenate(([values.min()], inner, [values.max()])))
    counts = [len(values)] if len(edges) == 1 else np.histogram(values, bins=edges)[0].tolist()
    return Distribution(
        type=kind,
        rows=rows,
        missing=missing,
        edges=tuple(edges.tolist()),
        counts=tuple(counts),
        mean=float(values.mean()),
        std=float(values.std()),
    )
