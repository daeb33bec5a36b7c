"""Files of a prediction log as tables of the fields that are wanted, some files at a time."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from modelway.observe.key_ledger import keys_of_texts
from modelway.records.serve import HUNG_UP

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from modelway.observe.log_hours import LogFile

Unreadable = (pa.ArrowInvalid, OSError, EOFError, zlib.error)
"""What reading a torn file raises."""
_TOGETHER = 32 << 20
"""Bytes of text that are read at once: many small files cost as much as a few large ones then."""
_BLOCK = 4 << 20
_LARGEST_BLOCK = 2**31 - 1
_SMOKE = pa.field("smoke", pa.bool_())


def parse_lines(content: bytes, schema: pa.Schema) -> pa.Table:
    """Lines of the predictions' log as a table, without those of smoke tests.

    Args:
        content: whole lines.
        schema: the fields that are wanted; a line that lacks one has null there.

    Raises:
        pa.ArrowInvalid: a line is no JSON, or a value is of another type.
    """
    import pyarrow.json

    options = pyarrow.json.ParseOptions(explicit_schema=schema.append(_SMOKE), unexpected_field_behavior="ignore")
    # Arrow takes no line that is longer than two blocks, and a request's texts may make one of many megabytes.
    blocks = [_BLOCK, min(len(content) + 1, _LARGEST_BLOCK)] if len(content) > _BLOCK else [_BLOCK]
    for block in blocks:
        try:
            table = pyarrow.json.read_json(
                pa.BufferReader(content), pyarrow.json.ReadOptions(block_size=block), options
            )
        except pa.ArrowInvalid:
            if block == blocks[-1]:
                raise
        else:
            smoke = pc.fill_null(table[_SMOKE.name], False)
            return (table.filter(pc.invert(smoke)) if pc.any(smoke).as_py() else table).drop_columns(_SMOKE.name)
    raise AssertionError  # the loop returns or raises


def is_answered(table: pa.Table) -> pa.ChunkedArray:
    """Whether the model gave each line an answer, which its caller may have hung up on; from `status` and `rows`."""
    unheard = pc.and_(pc.equal(table["status"], HUNG_UP), pc.greater(table["rows"], 0))
    return pc.or_(pc.less(table["status"], 400), unheard)


def field_of(structs: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    """One field of structs, whatever its name: Arrow takes a bare name that begins with a dot or bracket for a path."""
    return pc.struct_field(structs, [name])


@dataclass
class LogTables:
    """Reads files.

    Attributes:
        schemas: the fields that are wanted, among them `key`; the later ones are tried where the first do not fit.
        unreadable: files that could not be read, with the reason; grows while files are read.
    """

    schemas: tuple[pa.Schema, ...]
    unreadable: list[str] = field(default_factory=list)

    def read(self, files: Iterable[LogFile]) -> Iterator[pa.Table]:
        """All lines of the files that can be read."""
        for batch in self._batches(files):
            yield from self._tables(batch)

    def _batches(self, files: Iterable[LogFile]) -> Iterator[list[tuple[str, bytes]]]:
        batch: list[tuple[str, bytes]] = []
        size = 0
        for file in files:
            try:
                batch.append((file.name, gzip.decompress(file.path.read_bytes())))
            except Unreadable as error:
                self._tell(file.name, error)
                continue
            size += len(batch[-1][1])
            if size >= _TOGETHER:
                yield batch
                batch, size = [], 0
        yield batch

    def _tables(self, batch: list[tuple[str, bytes]]) -> Iterator[pa.Table]:
        """One table of all; where that fails, one of each file that can be read."""
        contents = [content for _, content in batch if content]
        if not contents:
            return
        try:
            yield self._table(b"".join(contents))
        except Unreadable as error:
            if len(batch) == 1:
                self._tell(batch[0][0], error)
                return
            for one in batch:
                yield from self._tables([one])

    def _table(self, content: bytes) -> pa.Table:
        """Raises `pa.ArrowInvalid` where the lines are not what the log's records are."""
        for schema in self.schemas:
            try:
                table = parse_lines(content, schema)
            except pa.ArrowInvalid:
                if schema is self.schemas[-1]:
                    raise
            else:
                keys_of_texts(table["key"].drop_null().combine_chunks())
                return table
        raise AssertionError  # the loop returns or raises

    def _tell(self, name: str, error: BaseException) -> None:
        self.unreadable.append(f"{name}: {(str(error).splitlines() or [type(error).__name__])[0]}")


def keys_of(texts: pa.ChunkedArray) -> pa.Array:
    """The log's keys as 64-bit numbers; null where there is none."""
    there = texts.is_valid().to_numpy()
    keys = np.zeros(len(texts), np.uint64)
    keys[there] = keys_of_texts(texts.drop_null().combine_chunks())
    return pa.array(keys, mask=~there)
