"""A few cells for a column's values, where a profile of its own would be too much: in each slice, and for PSI."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc

from modelway.observe.tallies import numbers_of
from modelway.records.data import ColumnType

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from modelway.records.observe import Distribution

PARTS = 10
"""Cells of numbers, at most, with like shares of the rows; as many as PSI usually has."""
CATEGORIES = 19
"""Categories with a cell of their own; the others share one."""


def parts_of(counts: NDArray[np.int64], parts: int = PARTS) -> NDArray[np.intp]:
    """The bins with which at most `parts` parts of like numbers of rows begin; the first is 0."""
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    if not total:
        return np.zeros(1, np.intp)
    wanted = total * np.arange(1, parts) / parts
    # A part ends with the bin whose end is nearest to where it should; a bin of many rows is a part of its own.
    at = np.searchsorted(ends, wanted)
    before = np.where(at > 0, ends[np.maximum(at - 1, 0)], 0)
    first = np.where(ends[at] - wanted <= wanted - before, at + 1, at)
    return np.unique(np.concatenate(([0], first[first < len(counts)])))


@dataclass(frozen=True, eq=False)
class Cells:
    """How values become cells, numbered from 0; the last cell is that of missing values.

    Attributes:
        kind: the column's type.
        cuts: the least number of every cell but the first.
        categories: those with a cell of their own; further ones share the next cell.
    """

    kind: ColumnType
    cuts: NDArray[np.float64]
    categories: tuple[str, ...] = ()

    @classmethod
    def of(cls, whole: Distribution) -> Cells:
        """The cells that a column's whole distribution is cut into."""
        if whole.type in {ColumnType.CATEGORY, ColumnType.BOOLEAN}:
            return cls(whole.type, np.empty(0), tuple(whole.categories)[:CATEGORIES])
        first = parts_of(np.array(whole.counts, np.int64))
        return cls(whole.type, np.array(whole.edges)[first[1:]])

    def __len__(self) -> int:
        inner = len(self.categories) + 1 if self._categorical else len(self.cuts) + 1
        return inner + 1

    @property
    def names(self) -> tuple[str, ...]:
        """What each cell holds, in words."""
        if self._categorical:
            return (*self.categories, "others", "missing")
        cuts = [f"{cut:.4g}" for cut in self.cuts]
        if not cuts:
            return ("any", "missing")
        inner = [f"{low} to {high}" for low, high in pairwise(cuts)]
        return (f"below {cuts[0]}", *inner, f"from {cuts[-1]}", "missing")

    def codes(self, values: pa.Array | pa.ChunkedArray) -> NDArray[np.intp]:
        """Each value's cell; shape (rows,)."""
        present = np.asarray(pc.is_valid(values).to_numpy(zero_copy_only=False), np.bool_)
        codes = np.full(len(values), len(self) - 1, np.intp)
        codes[present] = self._of_present(values.drop_null())
        return codes

    def _of_present(self, values: pa.Array | pa.ChunkedArray) -> NDArray[np.intp]:
        import pyarrow as pa

        if not self._categorical:
            numbers = numbers_of(self.kind, values)
            codes = np.searchsorted(self.cuts, numbers, side="right")
            return np.where(np.isnan(numbers), len(self) - 1, codes)
        if pa.types.is_boolean(values.type):
            values = pc.if_else(values, "true", "false")
        elif pa.types.is_dictionary(values.type):
            values = values.cast(pa.string())
        found = pc.fill_null(pc.index_in(values, pa.array(self.categories, pa.string())), len(self.categories))
        return np.asarray(found.to_numpy(zero_copy_only=False), np.intp)

    @property
    def _categorical(self) -> bool:
        return self.kind in {ColumnType.CATEGORY, ColumnType.BOOLEAN}
