"""The rows of all files, piece by piece, in the types that the checks ask."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa

from modelway.data.ahead import ahead
from modelway.data.suite.csv_batches import csv_batches
from modelway.data.suite.json_batches import json_batches
from modelway.data.suite.kinds import Converted, Kind, convert_stored, convert_texts
from modelway.data.suite.parquet_batches import parquet_batches
from modelway.errors import OutsideError
from modelway.records.tables import ARROW_TYPES

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from modelway.data.suite.survey import SourceFile
    from modelway.records.data import DataOptions

_MASK = "__modelway_unreadable__"


@dataclass(frozen=True)
class Batch:
    """Some rows of one file that follow each other."""

    file: SourceFile
    start: int
    """The number of the first row in its file, from 0."""
    frame: pl.DataFrame
    """The known columns in their types, null where missing or unreadable; beside them the masks of `unreadable`."""
    raw: pa.Table
    """The values as the file holds them, all columns of the file."""

    def unreadable(self, name: str) -> pl.Expr | None:
        """True where a value is there that is not of its column's type; None where there is none."""
        return pl.col(_MASK + name) if _MASK + name in self.frame.columns else None


def read_batches(
    files: Iterable[SourceFile],
    source: DataOptions,
    kinds: Mapping[str, Kind],
    columns: Sequence[str] | None = None,
    only: Mapping[str, Collection[int]] | None = None,
) -> Iterator[Batch]:
    """All rows of all files, in their order; a second thread reads ahead.

    Args:
        files: what to read.
        source: how CSV files are written.
        kinds: the known columns; a file that lacks one has missing values there.
        columns: of those, the ones to read; all, and what else the file has, when None.
        only: rows to read by file's name, from 0; others may come as well, but no file that is not named.

    Raises:
        InputError: a file is torn or can't be parsed.
        OutsideError: the file system fails.
    """
    wanted = dict(kinds) if columns is None else {name: kinds[name] for name in columns}
    with closing(ahead(_all(files, source, wanted, None if columns is None else set(columns), only))) as batches:
        yield from batches


def _all(
    files: Iterable[SourceFile],
    source: DataOptions,
    kinds: Mapping[str, Kind],
    columns: set[str] | None,
    only: Mapping[str, Collection[int]] | None,
) -> Iterator[Batch]:
    for file in files:
        rows = only.get(file.name, ()) if only is not None else None
        if rows is not None and not rows:
            continue
        present = [name for name in file.stored if name in columns] if columns is not None else None
        try:
            for start, table, ready in _pieces(file, source, kinds, present, rows):
                yield Batch(file, start, _frame(table.num_rows, kinds, ready), table)
                if rows is not None and start + table.num_rows > max(rows):
                    break
        except OSError as error:
            reason = error.strerror or str(error)
            raise OutsideError(f"reading fails: {reason}", where=str(file.path), remedy="Try again.") from error


def _pieces(
    file: SourceFile,
    source: DataOptions,
    kinds: Mapping[str, Kind],
    present: list[str] | None,
    rows: Collection[int] | None,
) -> Iterator[tuple[int, pa.Table, dict[str, Converted]]]:
    if file.format == ".jsonl":
        yield from json_batches(file.name, file.path, kinds)
        return
    action: Callable[[pa.ChunkedArray, Kind], Converted]
    if file.format == ".parquet":
        pieces, action = parquet_batches(file.name, file.path, present, rows), convert_stored
    else:
        pieces, action = csv_batches(source, file.name, file.path, present), convert_texts
    for start, table in pieces:
        yield start, table, {name: action(table[name], kinds[name]) for name in table.column_names if name in kinds}


def _frame(rows: int, kinds: Mapping[str, Kind], ready: Mapping[str, Converted]) -> pl.DataFrame:
    columns: dict[str, pa.ChunkedArray | pa.Array] = {}
    for name, kind in kinds.items():
        if name in ready:
            columns[name] = ready[name].values
            if (mask := ready[name].unreadable) is not None:
                columns[_MASK + name] = mask
        else:
            columns[name] = pa.nulls(rows, ARROW_TYPES[kind.column.type] if kind.column is not None else pa.bool_())
    frame = pl.from_arrow(pa.table(columns))
    assert isinstance(frame, pl.DataFrame)  # noqa: S101 - a table gives a frame
    frame.columns = list(columns)  # polars gives a column without a name one
    return frame
