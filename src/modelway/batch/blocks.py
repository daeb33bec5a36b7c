"""Rows as they come from a file: typed columns, and what could not be read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from modelway.data.convert import describe
from modelway.data.refusals import shown
from modelway.data.suite.kinds import Kind, convert_stored, convert_texts
from modelway.records.data import Column, ColumnType
from modelway.records.tables import ARROW_TYPES, number_array

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelway.records.bundle import Signature


@dataclass(frozen=True)
class Wanted:
    """What is read of a file.

    Attributes:
        columns: the signature's, in its order, then keys and slices.
        needed: those without which a file is refused.
        inputs: the signature's that are no keys.
    """

    columns: dict[str, Column]
    needed: frozenset[str]
    inputs: frozenset[str] = frozenset()

    @classmethod
    def of(cls, signature: Signature, keys: Mapping[str, ColumnType], slices: tuple[str, ...]) -> Wanted:
        """The columns of a signature, keys of these types, and slices, which count as text."""
        columns = {
            column.name: Column(type=column.type, nullable=True, format=column.format) for column in signature.columns
        }
        for name, kind in {**keys, **dict.fromkeys(slices, ColumnType.TEXT)}.items():
            columns.setdefault(name, Column(type=kind, nullable=True))
        needed = {column.name for column in signature.columns if not column.nullable}
        inputs = {column.name for column in signature.columns} - set(keys)
        return cls(columns, frozenset(needed | set(keys)), frozenset(inputs))

    @property
    def kinds(self) -> dict[str, Kind]:
        """The columns as the checks of data sets know them."""
        return {name: Kind(column, declared=True, stored="") for name, column in self.columns.items()}


@dataclass(frozen=True)
class Broken:
    """A row of which no value could be read."""

    row: int
    """In its file, from 1."""
    reason: str
    text: str


@dataclass(frozen=True)
class Unreadable:
    """Values of one column that are not of its type."""

    column: str
    rows: pa.BooleanArray
    """True where there is one."""


@dataclass(frozen=True)
class Block:
    """Rows of one file that follow each other."""

    file: str
    row: int
    """The number of the first row in its file, from 1."""
    table: pa.Table
    """The wanted columns in their types; null where missing or unreadable."""
    raw: pa.Table | None = None
    """The same columns as the file holds them, where some value was unreadable."""
    unreadable: tuple[Unreadable, ...] = ()
    broken: tuple[Broken, ...] = ()
    numbers: pa.Int64Array | None = None
    """The number of each row of the table in its file, where broken rows lie between them."""
    ignored: tuple[str, ...] = field(default=(), compare=False)
    """Columns of the file that are not wanted."""

    @property
    def rows(self) -> int:
        """How many rows the file has here."""
        return int(self.table.num_rows) + len(self.broken)

    def row_numbers(self) -> pa.Int64Array:
        """The number of each row of the table in its file, from 1."""
        if self.numbers is not None:
            return self.numbers
        return number_array(np.arange(self.row, self.row + self.table.num_rows, dtype=np.int64))

    def number_of(self, index: int) -> int:
        """The same of one row."""
        return int(self.numbers[index].as_py()) if self.numbers is not None else self.row + index

    def values_of(self, index: int) -> dict[str, Any]:
        """What the file holds in a row."""
        table = self.raw if self.raw is not None else self.table
        found: dict[str, Any] = table.slice(index, 1).to_pylist()[0]
        return found


def typed(raw: pa.Table, wanted: Wanted, *, texts: bool) -> tuple[pa.Table, tuple[Unreadable, ...]]:
    """The wanted columns in their types, and where values are none of them.

    Args:
        raw: as the file holds them; a wanted column that it lacks is missing in every row.
        wanted: the columns.
        texts: whether everything is text, as in CSV.
    """
    action = convert_texts if texts else convert_stored
    columns: dict[str, Any] = {}
    unreadable = []
    for name, kind in wanted.kinds.items():
        column = wanted.columns[name]
        if name not in raw.column_names:
            columns[name] = pa.nulls(raw.num_rows, ARROW_TYPES[column.type])
            continue
        converted = action(raw.column(name), kind)
        columns[name] = converted.values
        if converted.unreadable is not None:
            mask = pc.fill_null(converted.unreadable, False)
            unreadable.append(Unreadable(name, mask.combine_chunks() if isinstance(mask, pa.ChunkedArray) else mask))
    return pa.table(columns), tuple(unreadable)


def no_such(value: object, column: Column) -> str:
    """What is said of a value that is not of its column's type."""
    return f"{shown(value)} is no {describe(column)}"
