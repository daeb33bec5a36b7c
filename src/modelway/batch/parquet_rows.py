"""Rows of Parquet files: the size of their row groups does not matter for the memory it takes."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from modelway.batch.blocks import Block, Broken, Wanted, typed
from modelway.batch.names import check_names
from modelway.data.convert import describe, is_convertible
from modelway.errors import InputError
from modelway.records.tables import ARROW_TYPES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from modelway.batch.content import Content
    from modelway.records.batch import Position
    from modelway.records.data import Column

_ROWS = 1 << 15
_BYTES = 16 << 20
"""Of a block; another size would give other bytes of the output."""


def read_parquet(content: Content, wanted: Wanted, begin: Position, end: int | None) -> Iterator[Block]:
    """The rows of some row groups of a Parquet file.

    Args:
        content: the file.
        wanted: what is read of it.
        begin: its offset is the first row group.
        end: the row group after the last; None for all that follow.

    Raises:
        InputError: the file is torn, lacks a column, or holds one of another type.
        OutsideError: the file can't be read.
    """
    name = content.file.name
    with open_parquet(content) as parquet:
        schema, metadata = parquet.schema_arrow, parquet.metadata
    ignored = check_names(name, schema.names, wanted)
    present = [column for column in wanted.columns if column in schema.names]
    _check_types(name, schema, wanted, present)
    with open_parquet(content, _with_dictionary(schema, metadata, wanted)) as parquet:
        last = metadata.num_row_groups if end is None else end
        row = begin.row + 1
        for group in range(begin.offset, last):
            told = metadata.row_group(group)
            if not told.num_rows:
                continue
            size = max(1, min(_ROWS, _BYTES * told.num_rows // max(told.total_byte_size, 1)))
            for batch in parquet.iter_batches(size, row_groups=[group], columns=present, use_threads=False):
                yield _block(name, row, pa.Table.from_batches([batch]), wanted, ignored)
                row += batch.num_rows


def _with_dictionary(schema: pa.Schema, metadata: pq.FileMetaData, wanted: Wanted) -> list[str]:
    """Text of the signature that is stored with a dictionary: reading it so saves making each value, and coding it."""
    if not metadata.num_row_groups:
        return []
    group = metadata.row_group(0)
    stored = (group.column(at) for at in range(group.num_columns))
    coded = {told.path_in_schema for told in stored if told.has_dictionary_page}
    texts = [name for name in wanted.inputs if name in schema.names and pa.types.is_string(schema.field(name).type)]
    return [name for name in texts if name in coded and ARROW_TYPES[wanted.columns[name].type] == pa.string()]


@contextmanager
def open_parquet(content: Content, dictionaries: Sequence[str] = ()) -> Iterator[pq.ParquetFile]:
    """The file's reader; raises `InputError` where the file is torn.

    Args:
        content: the file.
        dictionaries: columns whose text is read with a dictionary.
    """
    try:
        with pq.ParquetFile(
            content.open_parquet(), buffer_size=1 << 20, pre_buffer=False, read_dictionary=list(dictionaries)
        ) as parquet:
            yield parquet
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the system's own error; Arrow's have no number
        raise InputError(
            f"the file is torn or no Parquet file: {str(error).splitlines()[0][:120]}",
            where=content.file.name,
            remedy="Write the file again.",
        ) from error


def _check_types(file: str, schema: pa.Schema, wanted: Wanted, present: list[str]) -> None:
    for name in present:
        found, column = schema.field(name).type, wanted.columns[name]
        if not is_convertible(found, column):
            raise InputError(
                f"the column holds {found}, which is no {describe(column)}",
                where=f"{file}, column {name!r}",
                remedy="Write the file again, with the type that the model was trained on.",
            )


def _block(file: str, row: int, raw: pa.Table, wanted: Wanted, ignored: tuple[str, ...]) -> Block:
    broken: list[Broken] = []
    numbers = None
    if spoiled := _spoiled_rows(raw):
        broken = [Broken(row + at, "bytes that are not UTF-8", "") for at in sorted(spoiled)]
        kept = [at for at in range(raw.num_rows) if at not in spoiled]
        raw, numbers = raw.take(kept), pa.array([row + at for at in kept], pa.int64())
    if all(_is_ready(raw.schema.field(name).type, wanted.columns[name]) for name in raw.column_names):
        table, unreadable = (raw, ()) if raw.num_columns == len(wanted.columns) else typed(raw, wanted, texts=False)
    else:
        table, unreadable = typed(raw, wanted, texts=False)
    return Block(file, row, table, raw if unreadable else None, unreadable, tuple(broken), numbers, ignored)


def _is_ready(kind: pa.DataType, column: Column) -> bool:
    return bool((kind.value_type if pa.types.is_dictionary(kind) else kind) == ARROW_TYPES[column.type])


def _spoiled_rows(raw: pa.Table) -> set[int]:
    """Rows with text that is not UTF-8, which the reader lets through."""
    found: set[int] = set()
    for given in raw.columns:
        column = _decoded_unless_sound(given) if pa.types.is_dictionary(given.type) else given
        kind = column.type
        if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
            continue
        try:
            column.validate(full=True)
        except pa.ArrowInvalid:
            found |= {at for at, value in enumerate(column.cast(pa.large_binary())) if not _is_text(value.as_py())}
    return found


def _decoded_unless_sound(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Nothing to look at where each dictionary is text; else the values, without it."""
    spoiled = [chunk for chunk in column.chunks if not _is_sound(chunk.dictionary)]
    if not spoiled:
        return pa.chunked_array([], pa.string())
    return pa.chunked_array([chunk.dictionary.take(chunk.indices) for chunk in column.chunks])


def _is_sound(values: pa.Array) -> bool:
    try:
        values.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _is_text(value: bytes | None) -> bool:
    try:
        (value or b"").decode()
    except UnicodeDecodeError:
        return False
    return True
