"""Rows of JSON Lines files: one object a line."""

from __future__ import annotations

import json
from itertools import islice
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.json as pa_json

from modelway.batch.blocks import Block, Broken, Unreadable, Wanted, typed
from modelway.batch.names import check_names
from modelway.batch.text import RowEnds, text_blocks
from modelway.data.json_lines import is_of_type, read_object
from modelway.data.suite.kinds import Kind, convert_texts
from modelway.errors import InputError
from modelway.parsing import check_lines, parse_json
from modelway.records.data import ColumnType
from modelway.records.tables import ARROW_TYPES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from modelway.batch.content import Content
    from modelway.records.batch import Position
    from modelway.records.data import Column

JSON_ENDS = RowEnds(None)
_LOOKED_AT = 20
"""Lines of each block whose keys are compared with the wanted columns."""
_SHOWN = 200


def read_json(content: Content, wanted: Wanted, begin: Position, end: int) -> Iterator[Block]:
    """The objects of a JSON Lines file from one place to another; a key that one leaves out is a missing value.

    Args:
        content: the file.
        wanted: what is read of it.
        begin: where a line begins.
        end: where a line ends, in bytes.

    Raises:
        InputError: a line is too long.
        OutsideError: the file can't be read.
    """
    row, name = begin.row, content.file.name
    if not content.file.size:
        raise InputError("the file is empty", where=name, remedy="Remove it, or write it again.")
    for text in text_blocks(content.read, begin.offset, end, JSON_ENDS, name, row):
        if not text.strip():
            continue
        block = _parse(name, row + 1, text, wanted)
        row += block.rows
        yield block


def _parse(file: str, row: int, text: bytes, wanted: Wanted) -> Block:
    kinds = {
        name: pa.string() if column.type is ColumnType.DATE else ARROW_TYPES[column.type]
        for name, column in wanted.columns.items()
    }
    ignored = _ignored(text, wanted)
    try:
        check_lines(text)
        raw = pa_json.read_json(
            pa.BufferReader(text),
            read_options=pa_json.ReadOptions(use_threads=False, block_size=len(text) + 1),
            parse_options=pa_json.ParseOptions(
                explicit_schema=pa.schema(list(kinds.items())), unexpected_field_behavior="ignore"
            ),
        )
        raw.validate(full=True)  # the parser takes bytes that are not UTF-8
        table, unreadable = _typed(raw, wanted)
    except pa.ArrowInvalid:
        return _by_line(file, row, text, wanted, ignored)
    return Block(file, row, table, raw if unreadable else None, unreadable, ignored=ignored)


def _ignored(text: bytes, wanted: Wanted) -> tuple[str, ...]:
    """The keys of the first lines that are not wanted."""
    names: dict[str, None] = {}
    for line in islice((line for line in text.split(b"\n", _LOOKED_AT + 1) if line.strip()), _LOOKED_AT):
        try:
            found = parse_json(line)
        except ValueError:
            continue
        names |= dict.fromkeys(found if isinstance(found, dict) else ())
    return check_names("", list(names), Wanted(wanted.columns, frozenset()))


def _typed(raw: pa.Table, wanted: Wanted) -> tuple[pa.Table, tuple[Unreadable, ...]]:
    """Dates are text in JSON; all others have their type already."""
    dates = {name: column for name, column in wanted.columns.items() if column.type is ColumnType.DATE}
    texts, _ = typed(raw.drop_columns(list(dates)), wanted, texts=False)
    unreadable = []
    for name, column in dates.items():
        converted = convert_texts(raw.column(name), Kind(column, declared=True, stored=""))
        texts = texts.set_column(texts.schema.get_field_index(name), name, converted.values)
        if converted.unreadable is not None:
            unreadable.append(Unreadable(name, converted.unreadable.fill_null(False).combine_chunks()))
    return texts, tuple(unreadable)


def _by_line(file: str, row: int, text: bytes, wanted: Wanted, ignored: tuple[str, ...]) -> Block:
    """The slow way, for a block with a line that is no object, or a value that is not of its column's type."""
    objects, numbers, broken = _objects(file, row, text)
    columns: dict[str, Any] = {}
    raw: dict[str, Any] = {}
    unreadable = []
    for name, column in wanted.columns.items():
        given = [found.get(name) for found in objects]
        raw[name] = pa.array([_text(value) for value in given], pa.string())
        values = _fitting(column, given)
        columns[name] = values
        mask = [value is not None and not there for value, there in zip(given, values.is_valid(), strict=True)]
        if any(mask):
            unreadable.append(Unreadable(name, pa.array(mask)))
    return Block(
        file,
        row,
        pa.table(columns),
        pa.table(raw),
        tuple(unreadable),
        tuple(broken),
        pa.array(numbers, pa.int64()),
        ignored,
    )


def _fitting(column: Column, given: Sequence[Any]) -> pa.Array:
    """The values of a column that are of its type, null for others."""
    if column.type is ColumnType.TEXT:
        return pa.array([_text(value) for value in given], pa.string())
    fitting = [value if value is not None and is_of_type(column, value) else None for value in given]
    if column.type is ColumnType.NUMBER:
        fitting = [None if value is None else float(value) for value in fitting]
    if column.type is not ColumnType.DATE:
        return pa.array(fitting, ARROW_TYPES[column.type])
    dates = convert_texts(pa.chunked_array([fitting], pa.string()), Kind(column, declared=True, stored=""))
    return dates.values.combine_chunks()


def _objects(file: str, row: int, text: bytes) -> tuple[list[dict[str, Any]], list[int], list[Broken]]:
    objects, numbers, broken = [], [], []
    number = row - 1
    for line in text.split(b"\n"):
        if not line.strip():
            continue
        number += 1
        try:
            objects.append(read_object(file, number, line))
            numbers.append(number)
        except InputError as error:
            broken.append(Broken(number, error.what, line[:_SHOWN].decode("utf-8", "replace")))
    return objects, numbers, broken


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
