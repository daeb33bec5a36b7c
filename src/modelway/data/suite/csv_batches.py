"""CSV files, piece by piece, every value as the text that stands there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.csv as pa_csv

from modelway.data.csv_faults import explain, spoiled
from modelway.data.csv_files import check_delimiter, read_header
from modelway.data.layout import Layout
from modelway.data.suite.lines import LONGEST, ROWS, check_first_lines, long_row, refuse_long_line
from modelway.errors import InputError
from modelway.records.data import Column, ColumnType

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from modelway.records.data import DataOptions

_TAIL = 1 << 10


def csv_header(source: DataOptions, file: str, path: Path) -> list[str]:
    """The column names of a CSV file.

    Raises:
        InputError: it is empty, has another delimiter, has two columns of one name, or a line without end.
        UsageError: there is no such encoding.
    """
    return _header(source, file, path)[0]


def csv_batches(
    source: DataOptions, file: str, path: Path, columns: Sequence[str] | None = None
) -> Iterator[tuple[int, pa.Table]]:
    """The rows of a CSV file (RFC 4180) in pieces of bounded size, each with the number of its first row, from 0.

    Args:
        source: how the file is written.
        file: its name in messages.
        path: where it is.
        columns: the columns to read; all when None.

    Raises:
        InputError: the file can't be parsed; it names the place.
        UsageError: there is no such encoding.
    """
    header, has_rows = _header(source, file, path)
    if not has_rows:
        return
    start = 0
    last: pa.RecordBatch | None = None
    try:
        for batch in _open(source, path, header if columns is None else columns):
            for at in range(0, batch.num_rows, ROWS):
                yield start + at, pa.Table.from_batches([batch.slice(at, ROWS)])
            start += batch.num_rows
            last = batch if batch.num_rows else last
        _refuse_open_quote(file, path, last)
    except (pa.ArrowInvalid, UnicodeError) as error:
        refuse_long_line(file, path)
        if "straddling" in str(error):
            raise long_row(file, start + 1) from error
        raise explain(_all_text(header), source, file, path, header, str(error)) from error


def _header(source: DataOptions, file: str, path: Path) -> tuple[list[str], bool]:
    check_first_lines(file, path)
    header, has_rows = read_header(source, file, path)
    layout = _all_text(header)
    if spoiled(header):
        raise explain(layout, source, file, path, header, "the header can't be decoded")
    check_delimiter(Layout({}, frozenset()), source, file, header)
    layout.check_names(file, header)
    return header, has_rows


def _refuse_open_quote(file: str, path: Path, last: pa.RecordBatch | None) -> None:
    """Refuse a file whose last value swallows lines for want of a closing quote, which the reader lets through."""
    value = last.column(last.num_columns - 1)[-1].as_py() if last is not None else None
    if value is None or "\n" not in value:
        return
    with path.open("rb") as content:
        content.seek(max(path.stat().st_size - _TAIL, 0))
        if not content.read().rstrip().endswith(b'"'):
            raise InputError(
                f"the quote before {value[:40]!r} is never closed",
                where=file,
                remedy="Close it, or write the file again.",
            )


def _all_text(header: list[str]) -> Layout:
    return Layout(dict.fromkeys(header, Column(type=ColumnType.TEXT, nullable=True)), frozenset())


def _open(source: DataOptions, path: Path, columns: Sequence[str]) -> pa_csv.CSVStreamingReader:
    return pa_csv.open_csv(
        path,
        read_options=pa_csv.ReadOptions(encoding=source.encoding, block_size=LONGEST),
        parse_options=pa_csv.ParseOptions(delimiter=source.delimiter, newlines_in_values=True),
        convert_options=pa_csv.ConvertOptions(
            column_types=dict.fromkeys(columns, pa.string()),
            include_columns=list(columns),
            null_values=list(source.null_values),
            strings_can_be_null=True,
        ),
    )
