"""What each column of a data set is taken for, and how its values become that."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from modelway.data.convert import convert, is_convertible, parse_text
from modelway.records.data import Column, ColumnType
from modelway.records.tables import ARROW_TYPES

_NUMERAL = r"^\s*-?(0|[1-9]\d*)\s*$"
_NUMBER = r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$|^\s*[+-]?([iI][nN][fF]|[nN][aA][nN])\s*$"
_SCREENS = {
    ColumnType.INTEGER: r"^\s*[+-]?\d{1,20}\s*$",
    ColumnType.NUMBER: _NUMBER,
    ColumnType.BOOLEAN: r"^\s*([tT][rR][uU][eE]|[fF][aA][lL][sS][eE]|0|1)\s*$",
    ColumnType.DATE: r"^\d{4}-(0\d|1[0-2])-([0-2]\d|3[01])",
}
"""What text must look like to be worth parsing; finding bad values one by one is slow where there are many."""


@dataclass(frozen=True)
class Kind:
    """What a column is taken for."""

    column: Column | None
    """None where it is of no type that we have, such as a list."""
    declared: bool
    """Whether the settings say so; else the files do."""
    stored: str
    """The type that the files store it in."""

    @property
    def type(self) -> ColumnType | None:
        """Its type."""
        return self.column.type if self.column is not None else None


@dataclass(frozen=True)
class Converted:
    """The values of a column in their type."""

    values: pa.ChunkedArray
    """As `records.tables.ARROW_TYPES` says; for a kind without a type, true where there is a value."""
    unreadable: pa.ChunkedArray | None = None
    """True where there is a value that is not of the type, and `values` is null; None where there is none."""

    def slice(self, start: int, rows: int) -> Converted:
        """Some of them that follow each other."""
        mask = self.unreadable
        return Converted(self.values.slice(start, rows), mask.slice(start, rows) if mask is not None else None)


def found_type(stored: pa.DataType) -> ColumnType | None:
    """The type that a column has of itself, in a file that tells it."""
    types = pa.types
    if types.is_dictionary(stored):
        stored = stored.value_type
    if types.is_integer(stored):
        return ColumnType.INTEGER
    if types.is_floating(stored) or types.is_decimal(stored):
        return ColumnType.NUMBER
    if types.is_boolean(stored):
        return ColumnType.BOOLEAN
    if types.is_timestamp(stored) or types.is_date(stored):
        return ColumnType.DATE
    if types.is_string(stored) or types.is_large_string(stored) or types.is_string_view(stored):
        return ColumnType.TEXT
    return None


def guess_type(texts: pa.ChunkedArray) -> ColumnType:
    """The narrowest type that all of these texts can be read as; digits with a leading zero are no number."""
    present = texts.drop_null()
    if not len(present):
        return ColumnType.TEXT
    if pc.all(pc.match_substring_regex(present, _NUMERAL)).as_py():
        candidates = [ColumnType.INTEGER, ColumnType.NUMBER]
    elif pc.any(pc.match_substring_regex(present, r"^\s*-?0\d")).as_py():
        candidates = [ColumnType.DATE]
    else:
        candidates = [ColumnType.NUMBER, ColumnType.BOOLEAN, ColumnType.DATE]
    for candidate in candidates:
        try:
            parse_text(present, Column(type=candidate))
        except pa.ArrowInvalid:
            continue
        return candidate
    return ColumnType.TEXT


def convert_texts(texts: pa.ChunkedArray, kind: Kind) -> Converted:
    """Text as CSV holds it, in the column's type."""
    if kind.column is None or pa.types.is_string(ARROW_TYPES[kind.column.type]):
        return Converted(texts)
    column = kind.column
    try:
        return Converted(parse_text(texts, column))
    except pa.ArrowInvalid:
        pass
    candidates = texts
    if column.format is None:
        candidates = pc.if_else(
            pc.match_substring_regex(texts, _SCREENS[column.type]), texts, pa.scalar(None, pa.string())
        )
    return _marked(texts, _salvaged(candidates, column, of_text=True))


def convert_stored(values: pa.ChunkedArray, kind: Kind) -> Converted:
    """Values as Parquet holds them, in the column's type."""
    if kind.column is None:
        there = pc.if_else(pc.is_valid(values), pa.scalar(True), pa.scalar(None, pa.bool_()))
        return Converted(there)
    wanted = ARROW_TYPES[kind.column.type]
    if values.type == wanted:
        return Converted(values)
    if not is_convertible(values.type, kind.column):
        return _marked(values, pa.chunked_array([pa.nulls(len(values), wanted)]))
    try:
        return Converted(convert(values, kind.column))
    except pa.ArrowInvalid:
        pass
    candidates = values
    if pa.types.is_floating(values.type) and pa.types.is_integer(wanted):
        whole = pc.and_(pc.equal(pc.floor(values), values), pc.less(pc.abs(values), 2.0**63))
        candidates = pc.if_else(whole, values, pa.scalar(None, values.type))
    return _marked(values, _salvaged(candidates, kind.column, of_text=False))


def _marked(values: pa.ChunkedArray, typed: pa.ChunkedArray) -> Converted:
    unreadable = pc.and_(pc.is_valid(values), pc.is_null(typed))
    return Converted(typed, unreadable if pc.any(unreadable).as_py() else None)


def _salvaged(values: pa.ChunkedArray, column: Column, *, of_text: bool) -> pa.ChunkedArray:
    """The values that can be converted, null for the others; each different value is tried once."""
    coded = values.combine_chunks()
    coded = coded if pa.types.is_dictionary(coded.type) else coded.dictionary_encode()
    action = parse_text if of_text else convert
    wanted = ARROW_TYPES[column.type]

    def go(part: pa.Array) -> list[pa.Array]:
        try:
            return list(action(pa.chunked_array([part]), column).chunks)
        except pa.ArrowInvalid:
            if len(part) == 1:
                return [pa.nulls(1, wanted)]
        middle = len(part) // 2
        return go(part.slice(0, middle)) + go(part.slice(middle))

    known = pa.chunked_array(go(coded.dictionary), wanted)
    return known.take(coded.indices)
