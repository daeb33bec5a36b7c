"""The input cut into units: which rows become which part follows from the files alone, never from who scores them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from modelway.batch.content import Content
from modelway.batch.csv_rows import csv_ends, is_cut, read_header
from modelway.batch.json_rows import JSON_ENDS
from modelway.batch.parquet_rows import open_parquet
from modelway.batch.text import BLOCK, text_blocks
from modelway.records.batch import Position, Unit
from modelway.storage import is_s3

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from modelway.records.batch import InputFile, PartRecord
    from modelway.records.data import DataOptions, S3Options

UNIT_BYTES = 16 << 20
"""Of the files that a unit is made of, about."""
UNIT_ROWS = 250_000
"""Rows of a unit of Parquet, at the least, where a file is cut; row groups are never cut."""
UNIT_FILES = 500


@dataclass
class Piece:
    """The part of a unit that lies in one file.

    Attributes:
        content: the file.
        begin: where it begins.
        end: where it ends, as the positions of that kind of file count; None at the file's end.
    """

    content: Content
    begin: Position
    end: int | None

    @property
    def is_remote(self) -> bool:
        """Whether it lies on S3."""
        return is_s3(self.content.file.uri)

    @property
    def text_end(self) -> int:
        """Where it ends, in bytes; of CSV and JSON Lines."""
        return self.content.file.size if self.end is None else self.end

    def fetch(self) -> None:
        """Bring it into memory, but for parts of Parquet files: those are read column by column."""
        if PurePosixPath(self.content.file.uri).suffix != ".parquet":
            self.content.fetch(self.begin.offset, self.text_end)
        elif self.begin.offset == 0 and self.end is None and self.content.file.size <= UNIT_BYTES:
            self.content.fetch(0, self.content.file.size)


def pieces_of(unit: Unit, files: Sequence[InputFile], s3: S3Options) -> list[Piece]:
    """A unit, file by file."""
    begin, end = unit.begin, unit.end
    pieces = []
    for number in range(begin.file, min(end.file + 1, len(files))):
        first = begin if number == begin.file else Position(file=number)
        last = end.offset if number == end.file else None
        if last != 0:
            pieces.append(Piece(Content(files[number], s3), first, last))
    return pieces


def cut(
    files: Sequence[InputFile], source: DataOptions, s3: S3Options, done: Mapping[int, PartRecord]
) -> Iterator[Unit]:
    """The units that are not done, in their order.

    A file that is larger than a unit is looked at to find where it can be cut: of Parquet its footer, of text every
    byte up to there. Where a part is done, its record tells where the next one begins.

    Args:
        files: the input.
        source: how CSV files are written.
        s3: where `s3://` addresses lead.
        done: the records of the parts that are there.

    Raises:
        InputError: a file is torn, or a row in it is too long.
        OutsideError: S3 or the file system fails.
    """
    cutter = _Cutter(files, source, s3)
    at, number = Position(file=0), 0
    while at.file < len(files):
        if number in done:
            at = done[number].unit.end
        else:
            unit = Unit(number=number, begin=at, end=cutter.next_after(at))
            yield unit
            at = unit.end
        number += 1


class _Cutter:
    def __init__(self, files: Sequence[InputFile], source: DataOptions, s3: S3Options) -> None:
        self._files = files
        self._source = source
        self._s3 = s3

    def next_after(self, begin: Position) -> Position:
        """Where the unit that begins here ends."""
        first = self._files[begin.file]
        if first.size > UNIT_BYTES:
            within = self._within(first, begin)
            if within is not None:
                return within
            # What is left of a large file is a unit of its own: how much it is, is known for text alone.
            return Position(file=begin.file + 1)
        number, size = begin.file, 0
        while number < len(self._files) and number - begin.file < UNIT_FILES:
            size += self._files[number].size
            if number > begin.file and size > UNIT_BYTES:
                break
            number += 1
        return Position(file=number)

    def _within(self, file: InputFile, begin: Position) -> Position | None:
        """Where a large file is cut next; None where it ends before."""
        content = Content(file, self._s3)
        match PurePosixPath(file.uri).suffix:
            case ".parquet":
                return self._row_groups(content, begin)
            case ".jsonl":
                return self._lines(content, begin)
            case ".csv" if is_cut(self._source):
                return self._lines(content, begin, self._source.delimiter)
        return None

    def _row_groups(self, content: Content, begin: Position) -> Position | None:
        with open_parquet(content) as parquet:
            metadata = parquet.metadata
            rows = size = 0
            for group in range(begin.offset, metadata.num_row_groups):
                told = metadata.row_group(group)
                rows, size = rows + told.num_rows, size + told.total_byte_size
                if (rows >= UNIT_ROWS or size >= 4 * UNIT_BYTES) and group + 1 < metadata.num_row_groups:
                    return Position(file=begin.file, offset=group + 1, row=begin.row + rows)
        return None

    def _lines(self, content: Content, begin: Position, delimiter: str | None = None) -> Position | None:
        ends = JSON_ENDS if delimiter is None else csv_ends(self._source)
        start = begin.offset
        if delimiter is not None and not start:
            _, start = read_header(content, self._source)
        size, name = content.file.size, content.file.name
        at, rows = start, begin.row
        if size - at <= UNIT_BYTES + BLOCK:
            return None
        content.fetch(at, min(size, at + UNIT_BYTES + 2 * BLOCK))
        for text in text_blocks(content.read, at, size, ends, name, rows):
            at, rows = at + len(text), rows + ends.count(text)
            if at - start >= UNIT_BYTES:
                return Position(file=begin.file, offset=at, row=rows) if at < size else None
        return None
