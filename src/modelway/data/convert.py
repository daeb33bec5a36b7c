"""Values as a file holds them → the Arrow type of their column."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from modelway.records.data import Column, ColumnType
from modelway.records.tables import ARROW_TYPES

if TYPE_CHECKING:
    from collections.abc import Callable

_ZONED = r"(?:[zZ]|[+-]\d\d(?::?\d\d)?)$"
_INSTANT = ARROW_TYPES[ColumnType.DATE]
_SORTS = {
    ColumnType.INTEGER: "integer",
    ColumnType.NUMBER: "number",
    ColumnType.BOOLEAN: "boolean (true, false, 1, 0)",
    ColumnType.CATEGORY: "text",
    ColumnType.TEXT: "text",
    ColumnType.DATE: "date as ISO 8601 writes it (2026-11-23, 2026-11-23T09:00:00Z)",
}


def describe(column: Column) -> str:
    """What a value of the column has to be, in words."""
    return f"date of the form {column.format!r}" if column.format else _SORTS[column.type]


def parse_text(texts: pa.ChunkedArray, column: Column) -> pa.ChunkedArray:
    """Text as a CSV file holds it → the column's Arrow type; raises `pa.ArrowInvalid` at a value that does not fit."""
    if column.type is ColumnType.DATE:
        return parse_dates(texts, column.format)
    if pa.types.is_string(ARROW_TYPES[column.type]):
        return texts
    return pc.utf8_trim_whitespace(texts).cast(ARROW_TYPES[column.type])


def parse_dates(texts: pa.ChunkedArray, form: str | None) -> pa.ChunkedArray:
    """Dates as text → timestamp[us, UTC]; those without a zone are taken as UTC.

    Args:
        texts: strings, nulls stay null.
        form: as for `datetime.strptime`; ISO 8601 when None.

    Raises:
        pa.ArrowInvalid: a text is no date of that form.
    """
    if form is not None:
        return _parse_formatted(texts, form)
    try:
        return texts.cast(pa.timestamp("us")).cast(_INSTANT)
    except pa.ArrowInvalid:
        zoned = pc.match_substring_regex(texts, _ZONED)
        # A plain date ends like a zone: 2026-11-23 has its -23, so only what is longer counts.
        zoned = pc.and_kleene(zoned, pc.greater(pc.binary_length(texts), 10))
        nothing = pa.scalar(None, pa.string())
        aware = pc.if_else(zoned, texts, nothing).cast(_INSTANT)
        naive = pc.if_else(zoned, nothing, texts).cast(pa.timestamp("us")).cast(_INSTANT)
        return pc.coalesce(aware, naive)


def convert(values: pa.ChunkedArray, column: Column) -> pa.ChunkedArray:
    """Typed values of a Parquet file → the column's Arrow type; raises `pa.ArrowInvalid` at one that does not fit.

    No information is lost: 1.5 is no integer, 2**53 + 1 no number. Only dates are cut to microseconds.
    """
    wanted = ARROW_TYPES[column.type]
    if column.type is ColumnType.DATE:
        if _is_text(values.type):
            return parse_dates(values.cast(pa.string()), column.format)
        if pa.types.is_timestamp(values.type) and values.type.unit == "ns":
            values = values.cast(pa.timestamp("us", tz=values.type.tz), safe=False)
    return values.cast(wanted)


def is_convertible(kind: pa.DataType, column: Column) -> bool:
    """Whether values of an Arrow type can stand in a column at all."""
    types = pa.types
    if types.is_null(kind):
        return True
    if column.type in {ColumnType.INTEGER, ColumnType.NUMBER}:
        return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind))
    if column.type is ColumnType.BOOLEAN:
        return bool(types.is_boolean(kind))
    if column.type is ColumnType.DATE:
        return bool(types.is_timestamp(kind) or types.is_date(kind) or _is_text(kind))
    return bool(_is_text(kind) or types.is_integer(kind))


def first_failure(values: pa.ChunkedArray, action: Callable[[pa.ChunkedArray], object]) -> int | None:
    """The index of the first value at which a conversion, which looks at each value alone, raises `pa.ArrowInvalid`."""

    def fails(start: int, end: int) -> bool:
        try:
            action(values.slice(start, end - start))
        except pa.ArrowInvalid:
            return True
        return False

    start, end = 0, len(values)
    if not fails(start, end):
        return None
    while end - start > 1:
        middle = (start + end) // 2
        if fails(start, middle):
            end = middle
        else:
            start = middle
    return start


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _parse_formatted(texts: pa.ChunkedArray, form: str) -> pa.ChunkedArray:
    """Python's parser, once for each different text: Arrow's takes 31 February for 2 March."""
    coded = texts.combine_chunks().dictionary_encode()
    try:
        moments = [datetime.strptime(text, form) for text in coded.dictionary.to_pylist()]  # noqa: DTZ007 - a zone is set below
    except ValueError as error:
        raise pa.ArrowInvalid(str(error)) from error
    utc = [moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC) for moment in moments]
    return pa.chunked_array([pa.array(utc, _INSTANT).take(coded.indices)], _INSTANT)
