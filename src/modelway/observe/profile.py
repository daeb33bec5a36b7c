"""Rows, counted column by column and slice by slice; profiles of parts merge into that of the whole."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from modelway.observe.cells import Cells
from modelway.observe.tallies import tally_for
from modelway.records.data import ColumnType
from modelway.records.observe import SliceProfile

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa
    from numpy.typing import NDArray

    from modelway.observe.tallies import Tally
    from modelway.records.observe import Distribution

PREDICTIONS = ""
"""What the predictions are called among the columns of a slice; no column has this name."""
MOST_VALUES = 20
"""Of a column with more values, only so many become slices."""
_MANY = 50_000
"""Rows from which on columns are counted side by side."""
_SLICED = {ColumnType.CATEGORY, ColumnType.BOOLEAN}


class Profile:
    """The distributions of some columns.

    Args:
        kinds: the columns' types; those that a table lacks are passed over.
        reference: the distributions to compare with, whose edges are taken.
    """

    def __init__(self, kinds: Mapping[str, ColumnType], reference: Mapping[str, Distribution] | None = None) -> None:
        known = reference or {}
        self._tallies: dict[str, Tally] = {name: tally_for(kind, known.get(name)) for name, kind in kinds.items()}
        self._seen: set[str] = set()

    def add(self, table: pa.Table | pa.RecordBatch) -> None:
        """Count a table's rows; its columns have the types of `records.tables.ARROW_TYPES`."""
        there = self._tallies.keys() & set(table.schema.names)
        self._seen |= there
        if table.num_rows < _MANY:
            for name in there:
                self._tallies[name].add(table.column(name))
            return
        # Columns have nothing in common, and sorting and counting hold no lock.
        with ThreadPoolExecutor() as pool:
            for _ in pool.map(lambda name: self._tallies[name].add(table.column(name)), there):
                pass

    def merge(self, other: Profile) -> None:
        """Take what another profile of the same columns and edges counted."""
        for name, tally in self._tallies.items():
            tally.merge(other._tallies[name])  # type: ignore[arg-type]  # both are made for the same type
        self._seen |= other._seen

    def finish(self) -> dict[str, Distribution]:
        """The distribution of each column that was there."""
        return {name: tally.finish() for name, tally in self._tallies.items() if name in self._seen}


@dataclass
class Slices:
    """The rows of each value of some columns, in cells.

    Args:
        values: the values to look at, by column.
        cells: how each column is cut; the predictions' under an empty name.
    """

    values: Mapping[str, tuple[str, ...]]
    cells: Mapping[str, Cells]
    _rows: dict[str, NDArray[np.int64]] = field(init=False)
    _counts: dict[str, dict[str, NDArray[np.int64]]] = field(init=False)

    def __post_init__(self) -> None:
        self._rows = {column: np.zeros(len(values), np.int64) for column, values in self.values.items()}
        self._counts = {
            column: {
                name: np.zeros((len(values), len(cells)), np.int64)
                for name, cells in self.cells.items()
                if name != column
            }
            for column, values in self.values.items()
        }

    @classmethod
    def over(cls, columns: tuple[str, ...], whole: Mapping[str, Distribution]) -> Slices:
        """Slices by the most frequent values of those columns that have categories."""
        values = {
            name: tuple(whole[name].categories)[:MOST_VALUES]
            for name in columns
            if name in whole and whole[name].type in _SLICED
        }
        return cls(values, {name: Cells.of(found) for name, found in whole.items()})

    def add(self, table: pa.Table | pa.RecordBatch, predictions: pa.Array | pa.ChunkedArray | None = None) -> None:
        """Count a table's rows, with their predictions where those are known."""
        if not self.values:
            return
        names = set(table.schema.names)
        codes = {name: cells.codes(table.column(name)) for name, cells in self.cells.items() if name in names}
        if predictions is not None and PREDICTIONS in self.cells:
            codes[PREDICTIONS] = self.cells[PREDICTIONS].codes(predictions)
        for column, values in self.values.items():
            if column not in names:
                continue
            slice_ = Cells(self.cells[column].kind, np.empty(0), values).codes(table.column(column))
            inside = slice_ < len(values)
            self._rows[column] += np.bincount(slice_[inside], minlength=len(values))
            for name, counts in self._counts[column].items():
                if name in codes:
                    flat = slice_[inside] * counts.shape[1] + codes[name][inside]
                    self._counts[column][name] += np.bincount(flat, minlength=counts.size).reshape(counts.shape)

    def merge(self, other: Slices) -> None:
        """Take what others of the same values and cells counted."""
        for column, counts in self._counts.items():
            self._rows[column] += other._rows[column]
            for name in counts:
                counts[name] += other._counts[column][name]

    def finish(self) -> tuple[SliceProfile, ...]:
        """Every slice with the columns that were there."""
        return tuple(
            SliceProfile(
                column=column,
                value=value,
                rows=int(self._rows[column][at]),
                cells={
                    name: tuple(counts[at].tolist()) for name, counts in self._counts[column].items() if counts.any()
                },
            )
            for column, values in self.values.items()
            for at, value in enumerate(values)
        )
