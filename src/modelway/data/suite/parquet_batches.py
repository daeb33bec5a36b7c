"""Parquet files, piece by piece: the size of their row groups does not matter for the memory it takes."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from modelway.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

ROWS = 1 << 17
"""Rows of a piece, at the most: twice those of text files, since what is asked of each piece takes its own time."""
_BYTES = 64 << 20
"""Of one piece, about, where rows are wide."""


def parquet_schema(file: str, path: Path) -> tuple[pa.Schema, int]:
    """The columns of a Parquet file and its number of rows; raises `InputError` where it is torn."""
    with _opened(file, path) as parquet:
        return parquet.schema_arrow, parquet.metadata.num_rows


def parquet_batches(
    file: str, path: Path, columns: Sequence[str] | None = None, only: Collection[int] | None = None
) -> Iterator[tuple[int, pa.Table]]:
    """The rows of a Parquet file in pieces of bounded size, each with the number of its first row, from 0.

    Args:
        file: its name in messages.
        path: where it is.
        columns: the columns to read; all when None.
        only: row numbers from 0; row groups with none of them are left out.

    Raises:
        InputError: the file is torn, or its text is not UTF-8.
    """
    with _opened(file, path) as parquet:
        metadata = parquet.metadata
        start = 0
        for group in range(metadata.num_row_groups):
            rows = metadata.row_group(group).num_rows
            if rows and (only is None or any(start <= row < start + rows for row in only)):
                size = max(1, min(ROWS, _BYTES * rows // max(metadata.row_group(group).total_byte_size, 1)))
                at = start
                for batch in parquet.iter_batches(size, row_groups=[group], columns=columns):
                    _check_text(file, at, batch)
                    yield at, pa.Table.from_batches([batch])
                    at += batch.num_rows
            start += rows


@contextmanager
def _opened(file: str, path: Path) -> Iterator[pq.ParquetFile]:
    try:
        with pq.ParquetFile(path, buffer_size=1 << 20, pre_buffer=False) as parquet:
            yield parquet
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the system's own error; Arrow's have no number
        raise InputError(
            f"the file is torn or no Parquet file: {str(error).splitlines()[0][:120]}",
            where=file,
            remedy="Write the file again.",
        ) from error


def _check_text(file: str, start: int, batch: pa.RecordBatch) -> None:
    """Refuse text that is not UTF-8, which the reader lets through."""
    for name, values in zip(batch.schema.names, batch.columns, strict=True):
        if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
            try:
                values.validate(full=True)
            except pa.ArrowInvalid as error:
                raise InputError(
                    "bytes that are not UTF-8",
                    where=f"{file}, rows {start + 1} to {start + len(values)}, column {name!r}",
                    remedy="Write the file again, with text in UTF-8.",
                ) from error
