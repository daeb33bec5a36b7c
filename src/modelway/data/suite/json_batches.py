"""JSON Lines files, piece by piece."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pa_json

from modelway.data.json_lines import is_of_type, read_object
from modelway.data.suite.kinds import Converted, Kind, convert_stored, convert_texts
from modelway.data.suite.lines import LONGEST, ROWS, long_line
from modelway.errors import InputError
from modelway.parsing import check_lines
from modelway.records.data import ColumnType
from modelway.records.tables import ARROW_TYPES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


def json_batches(
    file: str, path: Path, kinds: Mapping[str, Kind]
) -> Iterator[tuple[int, pa.Table, dict[str, Converted]]]:
    """The objects of a JSON Lines file in pieces of bounded size.

    Args:
        file: its name in messages.
        path: where it is.
        kinds: what is known of the columns; all keys of an object are read.

    Yields:
        The number of the piece's first object, from 0; the values as they stand there; and those of `kinds` in their
        type. A key that an object leaves out is a missing value.

    Raises:
        InputError: the file is empty, a line is torn, no object, or too long.
    """
    start = 0
    for line, block in _blocks(file, path):
        try:
            table = _parse(block, kinds)
            ready = {name: _typed(table[name], kinds[name]) for name in table.column_names if name in kinds}
        except pa.ArrowInvalid:
            table, ready = _by_line(file, line, block, kinds)
        for at in range(0, table.num_rows, ROWS):
            part = {name: typed.slice(at, ROWS) for name, typed in ready.items()}
            yield start + at, table.slice(at, ROWS), part
        start += table.num_rows
    if not start:
        raise InputError("the file is empty", where=file, remedy="Remove it, or write it again.")


def json_objects(file: str, path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a JSON Lines file as Python values, one by one; raises as `json_batches` does."""
    for line, block in _blocks(file, path):
        yield from _objects(file, line, block)


def _blocks(file: str, path: Path) -> Iterator[tuple[int, bytes]]:
    """Whole lines, some megabytes of them at a time, with the number of the first one, from 1."""
    line, rest = 1, b""
    with path.open("rb") as content:
        while block := content.read(LONGEST):
            block = rest + block
            end = block.rfind(b"\n") + 1
            if not end and len(block) > LONGEST:
                raise long_line(file, line)
            if end:
                yield line, block[:end]
                line += block.count(b"\n", 0, end)
            rest = block[end:]
    if rest:
        yield line, rest


def _parse(block: bytes, kinds: Mapping[str, Kind]) -> pa.Table:
    if not block.strip():
        return pa.table({})
    types = {
        name: pa.string() if kind.type is ColumnType.DATE else ARROW_TYPES[kind.column.type]
        for name, kind in kinds.items()
        if kind.column is not None
    }
    check_lines(block)
    table = pa_json.read_json(
        io.BytesIO(block),
        read_options=pa_json.ReadOptions(block_size=len(block) + 1),
        parse_options=pa_json.ParseOptions(explicit_schema=pa.schema(list(types.items()))),
    )
    table.validate(full=True)  # the parser takes bytes that are not UTF-8
    return table


def _typed(values: pa.ChunkedArray, kind: Kind) -> Converted:
    return convert_texts(values, kind) if kind.type is ColumnType.DATE else convert_stored(values, kind)


def _by_line(file: str, line: int, block: bytes, kinds: Mapping[str, Kind]) -> tuple[pa.Table, dict[str, Converted]]:
    """The slow way, for a piece with a value that is not of its column's type: every value as JSON's text."""
    objects = list(_objects(file, line, block))
    names = list(dict.fromkeys(name for found in objects for name in found))
    raw = {name: pa.chunked_array([[_text(found.get(name)) for found in objects]], pa.string()) for name in names}
    ready = {name: _sorted_out(kinds[name], raw[name], objects, name) for name in names if name in kinds}
    return pa.table(raw), ready


def _objects(file: str, line: int, block: bytes) -> Iterator[dict[str, Any]]:
    for number, raw in enumerate(io.BytesIO(block), start=line):
        if raw.strip():
            yield read_object(file, number, raw)


def _sorted_out(kind: Kind, raw: pa.ChunkedArray, objects: list[dict[str, Any]], name: str) -> Converted:
    if kind.column is None:
        return convert_stored(raw, kind)
    column = kind.column
    fitting = [found.get(name) if is_of_type(column, found.get(name)) else None for found in objects]
    if column.type is ColumnType.DATE:
        values = convert_texts(pa.chunked_array([fitting], pa.string()), kind).values
    else:
        values = pa.chunked_array([fitting], ARROW_TYPES[column.type])
    unreadable = pc.and_(pc.is_valid(raw), pc.is_null(values))
    return Converted(values, unreadable)


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
