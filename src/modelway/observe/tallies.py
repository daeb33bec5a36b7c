"""What one column holds, counted piece by piece in bounded memory; tallies of parts merge into that of the whole."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from modelway.observe.bins import counts_of, edges_of, ranks_of
from modelway.records.data import ColumnType
from modelway.records.observe import Distribution
from modelway.records.tables import held_in
from modelway.sketches import QuantileSketch

if TYPE_CHECKING:
    from numpy.typing import NDArray

LISTED = 200
"""Categories that a distribution lists."""
HELD = 10_000
"""Different categories that are counted at a time; beyond, the rarest half are forgotten, and their counts bound the
error (Manku and Motwani, "Approximate frequency counts over data streams", VLDB 2002)."""

_LARGEST = 1e145
"""A request may hold any finite number, whose square is none."""


class NumberTally:
    """Numbers between edges; without edges, a sketch finds them.

    Args:
        kind: the column's type.
        edges: of the distribution to compare with; the counts are exact then.
    """

    def __init__(self, kind: ColumnType, edges: tuple[float, ...] = ()) -> None:
        self._kind = kind
        self._edges = np.array(edges)
        self._ranks = np.zeros(len(edges) + 1, np.int64)
        self._sketch = None if edges else QuantileSketch()
        self._missing = self._count = self._finite = 0
        self._mean = self._squares = self._beyond = 0.0
        self._least, self._most = math.inf, -math.inf

    def add(self, values: pa.Array | pa.ChunkedArray) -> None:
        """Take values as `numbers_of` reads them; NaN counts as missing."""
        numbers = np.sort(numbers_of(self._kind, values))
        if len(numbers) and np.isnan(numbers[-1]):
            numbers = numbers[: np.searchsorted(numbers, np.nan)]
        self._missing += len(values) - len(numbers)
        self._count += len(numbers)
        if self._sketch is None:
            self._ranks += ranks_of(numbers, self._edges)
        if len(numbers) and not (math.isfinite(numbers[0]) and math.isfinite(numbers[-1])):
            numbers = numbers[np.isfinite(numbers)]
        if len(numbers):
            if self._sketch is not None:
                self._sketch.add(numbers)
            else:
                self._beyond += _beyond(numbers, self._edges)
            bounded = bounded_of(numbers)
            mean = float(bounded.mean())
            squares = float(np.square(bounded - mean).sum())
            self._join(len(numbers), mean, squares, float(numbers[0]), float(numbers[-1]))

    def merge(self, other: NumberTally) -> None:
        """Take what another tally over the same edges took."""
        self._missing += other._missing
        self._count += other._count
        self._ranks += other._ranks
        self._beyond += other._beyond
        if self._sketch is not None and other._sketch is not None:
            self._sketch.merge(other._sketch)
        self._join(other._finite, other._mean, other._squares, other._least, other._most)

    def finish(self) -> Distribution:
        """The distribution of what was taken until now."""
        rows = self._count + self._missing
        if not self._finite:
            return Distribution(type=self._kind, rows=rows, missing=self._missing)
        edges, ranks, error = self._edges, self._ranks, 0
        if self._sketch is not None:
            edges, ranks, error = _of_sketch(self._sketch)
        below, counts, above = counts_of(ranks, self._count if self._sketch is None else self._finite)
        return Distribution(
            type=self._kind,
            rows=rows,
            missing=self._missing,
            edges=tuple(edges.tolist()),
            counts=tuple(counts.tolist()),
            below=below,
            above=above,
            beyond=self._beyond,
            error=error,
            mean=self._mean,
            std=math.sqrt(max(self._squares, 0.0) / self._finite),
            min=self._least,
            max=self._most,
        )

    def _join(self, count: int, mean: float, squares: float, least: float, most: float) -> None:
        """Mean and variance of both parts (Chan, Golub and LeVeque, "Updating formulae ...", 1979)."""
        if count:
            total = self._finite + count
            step = mean - self._mean
            self._mean += step * count / total
            self._squares += squares + step * step * self._finite * count / total
            self._finite = total
            self._least, self._most = min(self._least, least), max(self._most, most)


class CategoryTally:
    """Categories, each with its rows.

    Args:
        kind: the column's type.
        known: categories that are never forgotten: those of the distribution to compare with.
    """

    def __init__(self, kind: ColumnType, known: frozenset[str] = frozenset()) -> None:
        self._kind = kind
        self._known = known
        self._counts: dict[str, int] = {}
        self._rows = self._missing = self._forgotten = 0
        self._error = 0

    def add(self, values: pa.Array | pa.ChunkedArray) -> None:
        """Take values; booleans count as true and false."""
        self._rows += len(values)
        self._missing += values.null_count
        counted = pc.value_counts(_as_categories(values))
        names, counts = counted.field("values"), counted.field("counts")
        for name, count in zip(names.to_pylist(), counts.to_pylist(), strict=True):
            if name is not None:
                self._counts[name] = self._counts.get(name, 0) + count
        self._forget()

    def merge(self, other: CategoryTally) -> None:
        """Take what another tally took."""
        self._rows += other._rows
        self._missing += other._missing
        self._forgotten += other._forgotten
        self._error += other._error
        for name, count in other._counts.items():
            self._counts[name] = self._counts.get(name, 0) + count
        self._forget()

    def finish(self) -> Distribution:
        """The distribution of what was taken until now: the known categories and the most frequent others."""
        pairs = sorted(self._counts.items(), key=lambda pair: (-pair[1], pair[0]))
        new = [pair for pair in pairs if pair[0] not in self._known]
        dropped = new[LISTED:]
        gone = {name for name, _ in dropped}
        return Distribution(
            type=self._kind,
            rows=self._rows,
            missing=self._missing,
            categories={name: count for name, count in pairs if name not in gone},
            other=self._forgotten + sum(count for _, count in dropped),
            category_error=self._error,
        )

    def _forget(self) -> None:
        if len(self._counts) - len(self._known) <= HELD:
            return
        new = sorted(
            ((name, count) for name, count in self._counts.items() if name not in self._known),
            key=lambda pair: (-pair[1], pair[0]),
        )
        for name, count in new[HELD // 2 :]:
            del self._counts[name]
            self._forgotten += count
        self._error += new[HELD // 2][1]


Tally = NumberTally | CategoryTally


def tally_for(kind: ColumnType, reference: Distribution | None = None) -> Tally:
    """An empty tally for a column; its counts are exact where there is a distribution to compare with."""
    if kind in {ColumnType.CATEGORY, ColumnType.BOOLEAN}:
        return CategoryTally(kind, frozenset(reference.categories) if reference else frozenset())
    return NumberTally(kind, reference.edges if reference else ())


def numbers_of(kind: ColumnType, values: pa.Array | pa.ChunkedArray) -> NDArray[np.float64]:
    """A column's values that are there, as float64: dates in seconds since 1970, texts as their characters' number."""
    present = values.drop_null() if values.null_count else values
    if kind is ColumnType.TEXT:
        present = pc.utf8_length(present)
    elif kind is ColumnType.DATE:
        return np.asarray(present.cast(pa.int64()).to_numpy(zero_copy_only=False) / 1e6, np.float64)
    if isinstance(present, pa.ChunkedArray):
        return np.asarray(present.to_numpy(), np.float64)
    if pa.types.is_floating(present.type):
        return np.asarray(held_in(present)[0], np.float64)
    return np.asarray(present.to_numpy(zero_copy_only=False), np.float64)


def _as_categories(values: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    return pc.if_else(values, "true", "false") if pa.types.is_boolean(values.type) else values


def bounded_of(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Numbers whose sums and squares stay finite: values beyond 1e145 in size count as that, shape unchanged."""
    bounded: NDArray[np.float64] = np.clip(numbers, -_LARGEST, _LARGEST)
    return bounded


def _beyond(values: NDArray[np.float64], edges: NDArray[np.float64]) -> float:
    """How far the ascending values that lie beyond the edges do so, all together."""
    values, edges = bounded_of(values), bounded_of(edges)
    below = values[: np.searchsorted(values, edges[0])]
    above = values[np.searchsorted(values, edges[-1], side="right") :]
    return float((edges[0] - below).sum() + (above - edges[-1]).sum())


def _of_sketch(sketch: QuantileSketch) -> tuple[NDArray[np.float64], NDArray[np.int64], int]:
    """Edges, ranks at them and their error from a sketch; least and greatest value are exact."""
    values, weights = sketch.weighted()
    values[0], values[-1] = sketch.ends
    edges = edges_of(values, weights)
    ends = np.append(0, np.cumsum(weights))
    return edges, ends[ranks_of(values, edges)], sketch.rank_error
