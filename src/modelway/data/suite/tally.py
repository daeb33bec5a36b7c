"""What one column holds, added up piece by piece."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import polars as pl

from modelway.data.suite.distinct import DistinctSketch
from modelway.data.suite.values import NUMERIC, TEXTS
from modelway.records.data import ColumnType
from modelway.sketches import QuantileSketch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelway.data.suite.batches import Batch
    from modelway.data.suite.kinds import Kind

_FEW = 1000
"""Different values up to which each one's rows are counted."""
_COUNTED = TEXTS | {ColumnType.BOOLEAN, ColumnType.INTEGER}
_ROWS = "\0rows"
_LONGEST = 100
"""Characters of a text that are told; longer ones are not counted one by one."""


class ColumnTally:
    """Counts, least, greatest, mean, spread and different values of a column."""

    def __init__(self, name: str, kind: Kind, *, quantiles: bool) -> None:
        self.name, self.kind = name, kind
        self.missing = self.unreadable = self.present = 0
        self.not_finite = 0
        self.least: float | None = None
        self.most: float | None = None
        self.mean = 0.0
        self._squares = 0.0
        self.total = 0.0
        self.sketch = QuantileSketch() if quantiles else None
        self._distinct = DistinctSketch()
        self._values: dict[Any, int] | None = {} if kind.type in _COUNTED else None

    @property
    def std(self) -> float | None:
        """The sample's standard deviation; None for fewer than two values, or where it is too great for a number."""
        if self.present < 2 or not math.isfinite(self._squares):
            return None
        return math.sqrt(max(self._squares, 0.0) / (self.present - 1))

    @property
    def distinct(self) -> tuple[int, bool]:
        """How many different values there are, and whether they were counted, not estimated."""
        if self._values is not None:
            return len(self._values), True
        return min(self._distinct.count, self.present + self.not_finite), self._distinct.exact

    @property
    def values(self) -> dict[str, int] | None:
        """The rows of each value as text; None where there are too many values, or too long ones."""
        return None if self._values is None else {as_text(value): rows for value, rows in self._values.items()}

    def expressions(self, batch: Batch) -> list[pl.Expr]:
        """What `add` needs of a piece."""
        column = pl.col(self.name)
        mask = batch.unreadable(self.name)
        asked = [column.null_count(), pl.lit(0) if mask is None else mask.sum()]
        if self.kind.type is None:
            return asked
        if self._values is None:
            asked.append(self._distinct.expression(self.name))
        else:
            asked.append(column.drop_nulls().value_counts(name=_ROWS).head(_FEW + 1).implode())
        if self.kind.type in NUMERIC:
            return [*asked, column.min(), column.max(), column.mean(), column.var(ddof=0)]
        if self.kind.type is ColumnType.DATE:
            micros = column.to_physical()
            return [*asked, micros.min(), micros.max()]
        if self.kind.type in TEXTS:
            lengths = column.str.len_chars()
            return [*asked, lengths.min(), lengths.max()]
        return asked

    def add(self, batch: Batch, found: Sequence[Any]) -> None:
        """Add a piece, of which `found` is what `expressions` gave."""
        nulls, unreadable = int(found[0]), int(found[1] or 0)
        rows = len(batch.frame)
        self.unreadable += unreadable
        self.missing += nulls - unreadable
        if self.kind.type is None:
            self.present += rows - nulls
            return
        values = batch.frame[self.name]
        if self.kind.type in NUMERIC:
            self._add_numbers(values, rows - nulls, found[3:])
        else:
            self.present += rows - nulls
            scale = 1e6 if self.kind.type is ColumnType.DATE else 1
            self._widen(*(None if end is None else end / scale for end in found[3:]))
            if self.sketch is not None:
                self.sketch.add(values.drop_nulls().to_physical().to_numpy() / scale)
        if self._values is None:
            self._distinct.add(found[2])
        else:
            self._count(values, found[2], longest=found[4] if self.kind.type in TEXTS else 0)

    def _add_numbers(self, values: pl.Series, count: int, found: Sequence[Any]) -> None:
        if found[2] is not None and not math.isfinite(found[2]):
            # Not finite: there is NaN or infinity, or the numbers are huge. They are left out here and told apart.
            kept = values.filter(values.is_finite())
            self.not_finite += count - len(kept)
            count = len(kept)
            found = (kept.min(), kept.max(), kept.mean(), kept.var(ddof=0))
            values = kept
        if not count:
            return
        least, most, mean, variance = found
        self._widen(float(least), float(most))
        # Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979.
        total = self.present + count
        step = mean - self.mean
        self.mean += step * count / total
        self._squares += variance * count + step * step * self.present * count / total
        self.present = total
        self.total += mean * count
        if self.sketch is not None:
            self.sketch.add(values.drop_nulls().cast(pl.Float64).to_numpy())

    def _widen(self, least: float | None = None, most: float | None = None) -> None:
        if least is not None and most is not None:
            self.least = least if self.least is None else min(self.least, least)
            self.most = most if self.most is None else max(self.most, most)

    def _count(self, values: pl.Series, counts: pl.Series, longest: int | None) -> None:
        """Count each value's rows as long as there are few; then go on with estimating how many there are."""
        assert self._values is not None  # noqa: S101 - the caller asks
        known = dict(self._values)
        for value, rows in counts.struct.unnest().iter_rows():
            known[value] = known.get(value, 0) + rows
        if len(known) <= _FEW and (longest or 0) <= _LONGEST:
            self._values = known
            return
        seen = pl.Series(self.name, list(self._values), values.dtype)
        self._values = None
        for part in (seen, values):
            self._distinct.add(part.to_frame().select(self._distinct.expression(self.name)).to_series()[0])


def as_text(value: object) -> str:
    """A value as the settings would write it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
