"""Rows of CSV files."""

from __future__ import annotations

import codecs
import csv
import io
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.csv as pa_csv

from modelway.batch.blocks import Block, Broken, Wanted, typed
from modelway.batch.names import check_names
from modelway.batch.text import RowEnds, text_blocks
from modelway.data.convert import parse_text
from modelway.data.suite.lines import LONGEST
from modelway.errors import InputError, UsageError
from modelway.records.data import ColumnType
from modelway.records.tables import ARROW_TYPES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelway.batch.content import Content
    from modelway.records.batch import Position
    from modelway.records.data import DataOptions

_HEAD = 64 << 10
_SHOWN = 200
_WHOLE = 32 << 20
_BYTES = "\N{REPLACEMENT CHARACTER}"


def csv_ends(source: DataOptions) -> RowEnds:
    """What finds the ends of rows."""
    return RowEnds(source.delimiter)


def is_cut(source: DataOptions) -> bool:
    """Whether files of this encoding can be cut: their line breaks, commas and quotes are those of ASCII.

    Raises:
        UsageError: there is no such encoding.
    """
    try:
        codecs.lookup(source.encoding)
    except LookupError as error:
        raise UsageError(
            f"there is no encoding {source.encoding!r}", where="data.encoding", remedy="Use utf-8 or latin-1."
        ) from error
    signs = f'\r\n",{source.delimiter}'
    try:
        return signs.encode(source.encoding) == signs.encode("ascii")
    except UnicodeEncodeError:
        return False


def read_csv(content: Content, source: DataOptions, wanted: Wanted, begin: Position, end: int) -> Iterator[Block]:
    """The rows of a CSV file (RFC 4180) from one place to another.

    Args:
        content: the file.
        source: how it is written.
        wanted: what is read of it.
        begin: where a row begins; offset 0 is before the header.
        end: where a row ends, in bytes.

    Raises:
        InputError: it is empty, has another delimiter, lacks a column, or a row is too long.
        OutsideError: the file can't be read.
    """
    name = content.file.name
    if not is_cut(source):
        content, source = _rewritten(content, source)
        end = content.file.size
    header, first = read_header(content, source)
    ignored = check_names(name, header, wanted, "Set data.delimiter if another one separates the values.")
    ends = csv_ends(source)
    row = begin.row
    for text in text_blocks(content.read, max(begin.offset, first), end, ends, name, row):
        block = _parse(name, row + 1, _as_utf8(text, source), header, source, wanted, ends)
        row += block.rows
        yield replace(block, ignored=ignored)


def _rewritten(content: Content, source: DataOptions) -> tuple[Content, DataOptions]:
    """A file in UTF-8 whose line breaks are not those of ASCII, such as one in UTF-16; it is read as a whole."""
    file = content.file
    if file.size > _WHOLE:
        raise InputError(
            f"a file in {source.encoding} may have {_WHOLE >> 20} MiB",
            where=file.name,
            remedy="Save it as UTF-8, which can be read piece by piece.",
        )
    text = content.read(0, file.size).decode(source.encoding, "replace").encode()
    return content.holding(text), source.model_copy(update={"encoding": "utf-8"})


def read_header(content: Content, source: DataOptions) -> tuple[list[str], int]:
    """The names of the columns, and where the rows begin; raises `InputError`."""
    size, name = content.file.size, content.file.name
    length = _HEAD
    while True:
        head = content.read(0, length)
        ends = csv_ends(source)
        whole = len(head) >= size
        skipped = len(head) - len(head.removeprefix(codecs.BOM_UTF8).lstrip(b"\r\n"))
        found = _first_row(head[skipped:], ends, whole=whole)
        if found:
            break
        if whole:
            raise InputError("the file is empty", where=name, remedy="Remove it, or write it again.")
        if length > LONGEST:
            raise InputError("the header is longer than 4 MiB", where=name, remedy="Check how the file was written.")
        length *= 4
    text = head[skipped : skipped + found].decode(source.encoding, "replace")
    names = next(csv.reader(io.StringIO(text, newline=""), delimiter=source.delimiter), [])
    return names, skipped + found


def _first_row(text: bytes, ends: RowEnds, *, whole: bool) -> int:
    """How long the first row is; 0 where it is not all there."""
    at = text.find(b"\n") + 1
    while at:
        if ends.last(text[:at]) == at:
            return at
        at = text.find(b"\n", at) + 1
    return len(text) if whole else 0


def _as_utf8(text: bytes, source: DataOptions) -> bytes:
    if codecs.lookup(source.encoding).name in {"utf-8", "ascii", "utf-8-sig"}:
        return text
    return text.decode(source.encoding, "replace").encode()


def _parse(
    file: str, row: int, text: bytes, header: list[str], source: DataOptions, wanted: Wanted, ends: RowEnds
) -> Block:
    """Straight into the right types; where a value or row does not fit, a second and slower look at all of them."""
    spans = ends.spans_lines(text)
    types = {
        name: pa.string() if column.type is ColumnType.DATE else ARROW_TYPES[column.type]
        for name, column in wanted.columns.items()
        if name in header
    }
    try:
        table = _read(text, header, source, types, spans=spans)
        for name, column in wanted.columns.items():
            if column.type is ColumnType.DATE and name in types:
                at = table.schema.get_field_index(name)
                table = table.set_column(at, name, parse_text(table.column(name), column))
    except pa.ArrowInvalid:
        return _parse_with_care(file, row, text, header, source, wanted, spans=spans)
    ready, _ = typed(table, wanted, texts=False)
    return Block(file, row, ready)


def _read(
    text: bytes,
    header: list[str],
    source: DataOptions,
    types: dict[str, pa.DataType],
    *,
    spans: bool,
    handler: Any = None,
) -> pa.Table:
    return pa_csv.read_csv(
        pa.BufferReader(text),
        read_options=pa_csv.ReadOptions(column_names=header, use_threads=False, block_size=len(text) + 1),
        parse_options=pa_csv.ParseOptions(
            delimiter=source.delimiter, newlines_in_values=spans, invalid_row_handler=handler
        ),
        convert_options=pa_csv.ConvertOptions(
            column_types=types,
            include_columns=list(types),
            null_values=list(source.null_values),
            strings_can_be_null=True,
        ),
    )


def _parse_with_care(
    file: str, row: int, text: bytes, header: list[str], source: DataOptions, wanted: Wanted, *, spans: bool
) -> Block:
    """Every value as text first; rows of another length, and those with bytes that are no text, are told apart."""
    broken: list[Broken] = []

    def keep(found: Any) -> str:
        reason = f"the row has {found.actual_columns} values, the header {found.expected_columns} names"
        broken.append(Broken(row + found.number - 1, reason, (found.text or "")[:_SHOWN]))
        return "skip"

    types = dict.fromkeys([name for name in wanted.columns if name in header], pa.string())
    text = text.decode("utf-8", "replace").encode()
    try:
        raw = _read(text, header, source, types, spans=spans, handler=keep)
    except pa.ArrowInvalid as error:
        raise InputError(
            f"the rows from row {row} on can't be read: {error}",
            where=file,
            remedy="Check how the file was written; a quote may not be closed.",
        ) from error
    lost = {one.row for one in broken}
    numbers = [at for at in range(row, row + raw.num_rows + len(lost)) if at not in lost]
    spoiled = _spoiled_rows(raw)
    if spoiled:
        broken += [Broken(numbers[at], f"bytes that are not {source.encoding}", "") for at in spoiled]
        raw = raw.take([at for at in range(raw.num_rows) if at not in spoiled])
        numbers = [number for at, number in enumerate(numbers) if at not in spoiled]
    table, unreadable = typed(raw, wanted, texts=True)
    broken.sort(key=lambda one: one.row)
    return Block(file, row, table, raw, unreadable, tuple(broken), pa.array(numbers, pa.int64()))


def _spoiled_rows(raw: pa.Table) -> set[int]:
    """Rows with a character that stands for bytes which are no text."""
    found: set[int] = set()
    for column in raw.columns:
        for at, value in enumerate(column.to_pylist()):
            if value is not None and _BYTES in value:
                found.add(at)
    return found
