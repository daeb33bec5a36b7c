"""The baseline that monitoring compares with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from modelway.observe.bins import counts_of, edges_of, ranks_of
from modelway.observe.profile import PREDICTIONS, Slices
from modelway.observe.tallies import CategoryTally, bounded_of, numbers_of
from modelway.records.data import ColumnType, Dataset, Task
from modelway.records.observe import Baseline, Distribution

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelway.records.evaluate import Scores
    from modelway.records.observe import SliceProfile

_CATEGORIES = {ColumnType.CATEGORY, ColumnType.BOOLEAN}


def make_baseline(
    dataset: Dataset,
    train: pa.Table,
    held_out: pa.Table,
    scores: Scores,
    metrics: Mapping[str, float | None],
    importance: Mapping[str, float],
    slices: tuple[str, ...] = (),
) -> Baseline:
    """Profile the training rows and the scores of the held-out rows.

    Args:
        dataset: what the columns are.
        train: the training rows.
        held_out: the held-out rows.
        scores: the model's scores of the held-out rows.
        metrics: the held-out metrics' values.
        importance: each column's share in the model's decisions.
        slices: columns whose values are profiled one by one; those without categories are left out.
    """
    columns = {name: distribution(column.type, train.column(name)) for name, column in dataset.columns.items()}
    predictions = predictions_of(dataset, scores)
    kind = ColumnType.CATEGORY if pa.types.is_string(predictions.type) else ColumnType.NUMBER
    profiled = distribution(kind, predictions)
    several = scores.probability is not None and len(dataset.classes) > 2
    return Baseline(
        rows=train.num_rows,
        columns=columns,
        predictions=profiled,
        metrics=dict(metrics),
        labels=None if dataset.task is Task.REGRESSION else distribution(ColumnType.CATEGORY, _labels(dataset, scores)),
        scores=_scores(dataset, scores) if several else {},
        task=dataset.task,
        target=dataset.target,
        classes=dataset.classes,
        importance=dict(importance),
        slices=_slices(slices, columns, profiled, train, held_out, predictions),
    )


def distribution(kind: ColumnType, values: pa.ChunkedArray) -> Distribution:
    """Count the values of one column: in bins with equally many rows each, or by category."""
    if kind in _CATEGORIES:
        tally = CategoryTally(kind)
        tally.add(values)
        return tally.finish()
    numbers = np.sort(numbers_of(kind, values))
    numbers = numbers[np.isfinite(numbers)]
    missing = len(values) - len(numbers)
    if not len(numbers):
        return Distribution(type=kind, rows=len(values), missing=missing)
    edges = edges_of(numbers)
    _, counts, _ = counts_of(ranks_of(numbers, edges), len(numbers))
    return Distribution(
        type=kind,
        rows=len(values),
        missing=missing,
        edges=tuple(edges.tolist()),
        counts=tuple(counts.tolist()),
        mean=float(bounded_of(numbers).mean()),
        std=float(bounded_of(numbers).std()),
        min=float(numbers[0]),
        max=float(numbers[-1]),
    )


def predictions_of(dataset: Dataset, scores: Scores) -> pa.ChunkedArray:
    """What is watched of a model's answers: the positive class's probability, the predicted class, or the value."""
    if dataset.task is Task.REGRESSION:
        return pa.chunked_array([scores.prediction.astype(np.float64, copy=False)])
    if scores.probability is not None and len(dataset.classes) == 2:
        return pa.chunked_array([np.ascontiguousarray(scores.probability[:, 1])])
    return _labels(dataset, scores)


def _labels(dataset: Dataset, scores: Scores) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(dataset.classes, pa.string()).take(pa.array(scores.prediction))])


def _scores(dataset: Dataset, scores: Scores) -> dict[str, Distribution]:
    probability = scores.probability
    assert probability is not None  # noqa: S101 - the caller asks
    return {
        name: distribution(ColumnType.NUMBER, pa.chunked_array([np.ascontiguousarray(probability[:, at])]))
        for at, name in enumerate(dataset.classes)
    }


def _slices(
    names: tuple[str, ...],
    columns: Mapping[str, Distribution],
    profiled: Distribution,
    train: pa.Table,
    held_out: pa.Table,
    predictions: pa.ChunkedArray,
) -> tuple[SliceProfile, ...]:
    """The columns of the training rows by slice, and the predictions of the held-out rows."""
    of_train = Slices.over(names, {**columns, PREDICTIONS: profiled})
    of_train.add(train)
    of_held_out = Slices.over(names, {**columns, PREDICTIONS: profiled})
    of_held_out.add(held_out, predictions)
    return tuple(
        one.model_copy(update={"cells": one.cells | _only(PREDICTIONS, other.cells)})
        for one, other in zip(of_train.finish(), of_held_out.finish(), strict=True)
    )


def _only(name: str, cells: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    return {name: cells[name]} if name in cells else {}
