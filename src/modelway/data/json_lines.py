"""JSON Lines files: one object a line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.json as pa_json

from modelway.data.convert import first_failure, parse_text
from modelway.data.parquet_files import as_text
from modelway.data.refusals import Complaint, place_in, value_refused, wrong_type
from modelway.errors import InputError
from modelway.parsing import check_lines, parse_json
from modelway.records.data import Column, ColumnType
from modelway.records.tables import ARROW_TYPES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modelway.data.layout import Layout

_BLOCK = 8 << 20
_PYTHON_TYPES: dict[ColumnType, tuple[type, ...]] = {
    ColumnType.INTEGER: (int,),
    ColumnType.NUMBER: (int, float),
    ColumnType.BOOLEAN: (bool,),
    ColumnType.CATEGORY: (str,),
    ColumnType.TEXT: (str,),
    ColumnType.DATE: (str,),
}


def read_json_lines(layout: Layout, file: str, path: Path) -> pa.Table:
    """Read one JSON Lines file as a table with the layout's schema; `file` is its name in messages.

    A key that a line leaves out is a missing value.

    Raises:
        InputError: the file is empty, torn, or holds something else than the layout.
    """
    _check_first(layout, file, path)
    try:
        table = _parse(layout, path, "infer")
    except pa.ArrowInvalid as error:
        refusal = _explain(layout, file, path)
        if refusal is not None:
            raise refusal from error
        # All declared columns are sound, so it is an ignored one that has values of several types.
        try:
            table = _parse(layout, path, "ignore")
        except pa.ArrowInvalid:
            raise InputError(f"the file can't be read: {error}", where=file, remedy="Check the file.") from error
    present = [*table.column_names, *layout.columns]
    layout.check_names(file, list(dict.fromkeys(present)))
    columns = [_converted(file, path, name, column, table[name]) for name, column in layout.columns.items()]
    keys = [as_text(file, name, table[name]) for name in layout.keys]
    return pa.table([*columns, *keys], schema=layout.schema)


def find_line(path: Path, index: int) -> str:
    """Place of the object with this index from 0."""
    for found, (number, _) in enumerate(_lines(path)):
        if found == index:
            return f"line {number}"
    raise IndexError(index)


def _parse(layout: Layout, path: Path, unexpected: str) -> pa.Table:
    kinds = {
        name: pa.string() if column.type is ColumnType.DATE else ARROW_TYPES[column.type]
        for name, column in layout.columns.items()
    }
    check_lines(path)
    table = pa_json.read_json(
        path,
        read_options=pa_json.ReadOptions(block_size=_BLOCK),
        parse_options=pa_json.ParseOptions(
            explicit_schema=pa.schema(list(kinds.items())), unexpected_field_behavior=unexpected
        ),
    )
    table.validate(full=True)  # the parser takes bytes that are not UTF-8
    return table


def _converted(file: str, path: Path, name: str, column: Column, values: pa.ChunkedArray) -> pa.ChunkedArray:
    if column.type is not ColumnType.DATE:
        return values
    try:
        return parse_text(values, column)
    except pa.ArrowInvalid as error:
        index = first_failure(values, lambda part: parse_text(part, column)) or 0
        complaint = wrong_type(name, column, values[index].as_py())
        raise value_refused(complaint, file, find_line(path, index), name) from error


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    with path.open("rb") as content:
        for number, raw in enumerate(content, start=1):
            if raw.strip():
                yield number, raw


def _check_first(layout: Layout, file: str, path: Path) -> None:
    """Refuse an empty file, and one whose first object lacks a column that can't be missing."""
    first = next(_lines(path), None)
    if first is None:
        raise InputError("the file is empty", where=file, remedy="Remove it, or write it again.")
    found = read_object(file, *first)
    optional = [name for name, column in layout.columns.items() if column.nullable]
    layout.check_names(file, [*found, *(name for name in [*optional, *layout.keys] if name not in found)])


def _explain(layout: Layout, file: str, path: Path) -> InputError | None:
    """The refusal of the first line that does not fit."""
    try:
        for number, raw in _lines(path):
            found = read_object(file, number, raw)
            layout.check_names(place_in(file, f"line {number}"), list(dict.fromkeys([*found, *layout.names])))
            for name, column in layout.columns.items():
                if (complaint := _complaint(name, column, found.get(name))) is not None:
                    return value_refused(complaint, file, f"line {number}", name)
    except InputError as refusal:
        return refusal
    return None


def _complaint(name: str, column: Column, value: Any) -> Complaint | None:
    if value is None:
        return None
    if is_of_type(column, value):
        return None
    complaint = wrong_type(name, column, value)
    if isinstance(value, str) or (column.type is ColumnType.INTEGER and type(value) is int):
        return complaint
    return complaint._replace(remedy=f"Correct it, or set columns.{name}.type to what the file holds.")


def is_of_type(column: Column, value: Any) -> bool:
    """Whether JSON's value can stand in a column; of a date only that it is text is asked."""
    if isinstance(value, bool) or column.type is ColumnType.BOOLEAN:
        return isinstance(value, bool) and column.type is ColumnType.BOOLEAN
    if isinstance(value, int) and column.type is ColumnType.INTEGER:
        return -(2**63) <= value < 2**63
    return isinstance(value, _PYTHON_TYPES[column.type])


def read_object(file: str, number: int, raw: bytes) -> dict[str, Any]:
    """The object in one line of a file; raises `InputError` where the line is torn or holds something else."""
    where = place_in(file, f"line {number}")
    try:
        found = parse_json(raw.decode())
    except UnicodeDecodeError as error:
        raise InputError("the line is not UTF-8, as JSON has to be", where=where, remedy="Save it as UTF-8.") from error
    except ValueError as error:
        raise InputError(f"the line is torn or no JSON: {error}", where=where, remedy="Write it again.") from error
    if not isinstance(found, dict):
        raise InputError("the line is no JSON object", where=where, remedy='Write one {"column": value, …} a line.')
    return found
