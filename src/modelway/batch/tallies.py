"""Predictions, counted while they are made, and put together afterwards."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from modelway.records.batch import Tally
from modelway.records.data import Task

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from modelway.records.bundle import Signature
    from modelway.records.evaluate import Scores
    from modelway.records.observe import Distribution

_LEAST_SHARE = 1e-4
"""Stands for the share of an empty bin: the index would be infinite."""
_BINS = 10
_MOST_VALUES = 50
"""Values of one slice column that are counted; rows of others count as `OTHER`."""
OTHER = "(other)"
MISSING = "(missing)"


def output_values(signature: Signature, scores: Scores) -> NDArray[np.float64] | None:
    """What is counted in bins: the value, or the positive class's probability; None for more classes."""
    if signature.task is Task.REGRESSION:
        return scores.prediction.astype(np.float64, copy=False)
    if len(signature.classes) == 2 and scores.probability is not None:
        positive: NDArray[np.float64] = scores.probability[:, 1]
        return positive
    return None


def tally(signature: Signature, scores: Scores, edges: Sequence[float]) -> Tally:
    """Count some predictions."""
    rows = len(scores.prediction)
    if not rows:
        return Tally()
    values = output_values(signature, scores)
    categories = {}
    if signature.classes:
        counts = np.bincount(scores.prediction, minlength=len(signature.classes)).tolist()
        categories = dict(zip(signature.classes, counts, strict=True))
    if values is None:
        return Tally(rows=rows, categories=categories)
    return Tally(
        rows=rows,
        counts=_bins(values, edges),
        categories=categories,
        total=float(values.sum()),
        least=float(values.min()),
        greatest=float(values.max()),
    )


def _bins(values: NDArray[np.float64], edges: Sequence[float]) -> tuple[int, ...]:
    """Below the first edge, in each bin, above the last edge, which still belongs to the last bin."""
    if not edges:
        return ()
    # Sorting first is three times as fast as looking for the place of each value.
    ordered = np.sort(values)
    lower = edges[:-1] or edges  # a single edge is a bin of its own
    ends = [*np.searchsorted(ordered, lower, "left"), np.searchsorted(ordered, edges[-1], "right")]
    return tuple(np.diff(ends, prepend=0, append=len(ordered)).tolist())


def merge(tallies: Iterable[Tally]) -> Tally:
    """All of them together; the order decides the last bits of the sum."""
    found = [one for one in tallies if one.rows]
    if not found:
        return Tally()
    categories: dict[str, int] = {}
    for one in found:
        for name, count in one.categories.items():
            categories[name] = categories.get(name, 0) + count
    counts = tuple(int(sum(column)) for column in zip(*(one.counts for one in found), strict=True))
    leasts = [one.least for one in found if one.least is not None]
    greatests = [one.greatest for one in found if one.greatest is not None]
    return Tally(
        rows=sum(one.rows for one in found),
        counts=counts,
        categories=categories,
        total=math.fsum(one.total for one in found),
        least=min(leasts, default=None),
        greatest=max(greatests, default=None),
    )


def merge_slices(parts: Iterable[dict[str, Tally]]) -> dict[str, Tally]:
    """The tallies of a column's values, most frequent first; beyond 50 values the rarest are put together."""
    gathered: dict[str, list[Tally]] = {}
    for part in parts:
        for value, one in part.items():
            gathered.setdefault(value, []).append(one)
    merged = {value: merge(found) for value, found in gathered.items()}
    ordered = sorted(merged, key=lambda value: (value == OTHER, -merged[value].rows, value))
    if len(ordered) <= _MOST_VALUES:
        return {value: merged[value] for value in ordered}
    kept, rest = ordered[: _MOST_VALUES - 1], ordered[_MOST_VALUES - 1 :]
    return {value: merged[value] for value in kept} | {OTHER: merge(merged[value] for value in rest)}


def shift(expected: Sequence[int], found: Sequence[int]) -> float | None:
    """The population stability index of one distribution against another; None where either is empty.

    Bins are put together until each has a tenth of what is expected: with finer ones, chance alone makes a shift.
    """
    if len(expected) != len(found) or not sum(expected) or not sum(found):
        return None
    index = 0.0
    for before, after in _coarse(expected, found):
        if not before and not after:
            continue
        old, new = max(before / sum(expected), _LEAST_SHARE), max(after / sum(found), _LEAST_SHARE)
        index += (new - old) * math.log(new / old)
    return index


def _coarse(expected: Sequence[int], found: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Both in at most ten bins; what is left at the end goes to the last one."""
    least = sum(expected) / _BINS
    bins: list[tuple[int, int]] = []
    before = after = 0
    for old, new in zip(expected, found, strict=True):
        before, after = before + old, after + new
        if before >= least:
            bins.append((before, after))
            before = after = 0
    if bins:
        bins[-1] = (bins[-1][0] + before, bins[-1][1] + after)
    yield from bins


def comparable(baseline: Distribution, predictions: Tally) -> tuple[list[int], list[int]]:
    """The counts of a baseline and of predictions in the same bins or classes."""
    if baseline.categories:
        names = sorted({*baseline.categories, *predictions.categories})
        return [baseline.categories.get(name, 0) for name in names], [
            predictions.categories.get(name, 0) for name in names
        ]
    if not predictions.counts:
        return [], []
    return [baseline.below, *baseline.counts, baseline.above], list(predictions.counts)
