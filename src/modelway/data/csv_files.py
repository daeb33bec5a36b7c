"""CSV files: parsed straight into the right types; where that fails, a slow second look finds the place."""

from __future__ import annotations

import codecs
import csv
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.csv as pa_csv

from modelway.data.convert import parse_text
from modelway.data.csv_faults import explain, open_text, spoiled
from modelway.errors import InputError, UsageError
from modelway.records.data import Column, ColumnType

if TYPE_CHECKING:
    from pathlib import Path

    from modelway.data.layout import Layout
    from modelway.records.data import DataOptions

_DELIMITERS = ";\t|,:"
_BLOCK = 1 << 20


def read_csv(layout: Layout, source: DataOptions, file: str, path: Path) -> pa.Table:
    """Read one CSV file (RFC 4180) as a table with the layout's schema; `file` is its name in messages.

    Raises:
        InputError: the file is empty, torn, or holds something else than the layout.
        UsageError: there is no such encoding.
    """
    header, has_rows = read_header(source, file, path)
    if spoiled(header):
        raise explain(layout, source, file, path, header, "the header can't be decoded")
    check_delimiter(layout, source, file, header)
    layout.check_names(file, header)
    if not has_rows:
        return layout.schema.empty_table()
    dates = {name: column for name, column in layout.columns.items() if column.type is ColumnType.DATE}
    try:
        table = _parse(layout, source, path, dates, spans_lines=_may_span_lines(layout, header, path))
        for name, column in dates.items():
            table = table.set_column(table.schema.get_field_index(name), name, parse_text(table[name], column))
    except (pa.ArrowInvalid, UnicodeError) as error:
        raise explain(layout, source, file, path, header, str(error)) from error
    return table


def _parse(layout: Layout, source: DataOptions, path: Path, dates: dict[str, Column], *, spans_lines: bool) -> pa.Table:
    types = {field.name: pa.string() if field.name in dates else field.type for field in layout.schema}
    return pa_csv.read_csv(
        path,
        read_options=pa_csv.ReadOptions(encoding=source.encoding),
        parse_options=pa_csv.ParseOptions(delimiter=source.delimiter, newlines_in_values=spans_lines),
        convert_options=pa_csv.ConvertOptions(
            column_types=types,
            include_columns=layout.names,
            null_values=list(source.null_values),
            strings_can_be_null=True,
        ),
    )


def read_header(source: DataOptions, file: str, path: Path) -> tuple[list[str], bool]:
    """The column names, and whether anything comes after them."""
    try:
        codecs.lookup(source.encoding)
    except LookupError as error:
        raise UsageError(
            f"there is no encoding {source.encoding!r}", where="data.encoding", remedy="Use utf-8 or latin-1."
        ) from error
    with open_text(source, path, errors="replace") as text:
        rows = (row for row in csv.reader(text, delimiter=source.delimiter) if row)
        try:
            header = next(rows, None)
            has_rows = header is not None and any(line.strip() for line in text)
        except csv.Error as error:
            raise InputError(f"this is no CSV file: {error}", where=file, remedy="Check the file.") from error
    if header is None:
        raise InputError("the file is empty", where=file, remedy="Remove it, or write it again.")
    return header, has_rows


def check_delimiter(layout: Layout, source: DataOptions, file: str, header: list[str]) -> None:
    """Refuse a file in which another delimiter would find columns that this one does not."""
    if len(header) > 1 or set(header) & set(layout.names):
        return
    for other in _DELIMITERS:
        if other != source.delimiter and other in header[0]:
            raise InputError(
                f"there is one column only, {header[0][:60]!r}; its name contains {other!r}",
                where=file,
                remedy=f"Set data.delimiter to {other!r}; it is {source.delimiter!r}.",
            )


def _may_span_lines(layout: Layout, header: list[str], path: Path) -> bool:
    """Whether a value may contain a line break, which costs Arrow's parser time: only text in quotes can."""
    texts = {ColumnType.CATEGORY, ColumnType.TEXT}
    if all(name in layout.columns and layout.columns[name].type not in texts for name in header):
        return False
    with path.open("rb") as file:
        file.readline()
        return any(b'"' in block for block in iter(partial(file.read, _BLOCK), b""))
