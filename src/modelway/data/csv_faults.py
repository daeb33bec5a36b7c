"""Where and why a CSV file can't be parsed: file, line, column and value, found at leisure."""

from __future__ import annotations

import csv
import io
from functools import partial
from typing import IO, TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pyarrow.csv as pa_csv

from modelway.data.convert import first_failure, parse_text
from modelway.data.refusals import place_in, value_refused, wrong_type
from modelway.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modelway.data.layout import Layout
    from modelway.records.data import DataOptions

csv.field_size_limit(16 << 20)  # its default, 128 KiB, is less than Arrow takes; it holds for the whole process
_SPOILED = "\N{REPLACEMENT CHARACTER}"


class _Row(NamedTuple):
    number: int
    """Of the row below the header, from 1; the header itself is 0."""
    line: int
    """Of the file, from 1."""
    cells: list[str]

    @property
    def place(self) -> str:
        return f"row {self.number} (line {self.line})"


def explain(layout: Layout, source: DataOptions, file: str, path: Path, header: list[str], reason: str) -> InputError:
    """The refusal of a file that could not be parsed; `reason` is what the parser said."""
    finders = [_undecodable, _uneven, _mistyped]
    if "conversion error" in reason and "UTF8" not in reason:
        finders.reverse()
    for finder in finders:
        refusal = finder(layout, source, file, path, header)
        if refusal is not None:
            return refusal
    return InputError(f"the file can't be read: {reason}", where=file, remedy="Check the file and data.encoding.")


def find_row(source: DataOptions, path: Path, index: int) -> tuple[str, dict[str, str]]:
    """Place, and text by column, of the row with this index from 0."""
    rows = _rows(source, path)
    header = next(rows).cells
    row = next(row for row in rows if row.number == index + 1)
    return row.place, dict(zip(header, row.cells, strict=False))


def open_text(source: DataOptions, path: Path, errors: str = "strict") -> IO[str]:
    """Open a CSV file as the csv module wants it; a byte order mark is skipped."""
    encoding = "utf-8-sig" if source.encoding.lower().replace("_", "-") in {"utf-8", "utf8"} else source.encoding
    return path.open(encoding=encoding, errors=errors, newline="")


def spoiled(cells: list[str]) -> bool:
    """Whether bytes in these cells could not be decoded."""
    return any(_SPOILED in cell for cell in cells)


def _rows(source: DataOptions, path: Path) -> Iterator[_Row]:
    with open_text(source, path, errors="replace") as text:
        reader = csv.reader(text, delimiter=source.delimiter)
        number, line = -1, 1
        for cells in reader:
            if cells:
                number += 1
                yield _Row(number, line, cells)
            line = reader.line_num + 1


def _undecodable(layout: Layout, source: DataOptions, file: str, path: Path, header: list[str]) -> InputError | None:
    """A row with bytes that are not of the encoding, in a column that is read."""
    with path.open("rb") as content:
        for line, raw in enumerate(content, start=1):
            try:
                raw.decode(source.encoding)
            except UnicodeDecodeError as error:
                cells = next(
                    csv.reader(io.StringIO(raw.decode(source.encoding, "replace")), delimiter=source.delimiter)
                )
                column = next((name for name, cell in zip(header, cells, strict=False) if spoiled([cell])), None)
                if column in layout.names or line == 1:
                    return InputError(
                        f"bytes that are not {source.encoding}: {raw[error.start : error.start + 8]!r}",
                        where=place_in(file, f"line {line}", column),
                        remedy="Set data.encoding to the file's (latin-1, cp1252, …), or save the file as UTF-8.",
                    )
    return None


def _uneven(_layout: Layout, source: DataOptions, file: str, path: Path, header: list[str]) -> InputError | None:
    """A row with more or fewer values than the header has names."""
    try:
        for row in _rows(source, path):
            if len(row.cells) != len(header):
                return InputError(
                    f"the row has {len(row.cells)} values, the header {len(header)} names: "
                    f"{source.delimiter.join(row.cells)[:80]!r}",
                    where=place_in(file, row.place),
                    remedy=f"Correct the row; a value that contains {source.delimiter!r} has to stand in quotes.",
                )
    except csv.Error as error:
        return InputError(f"this is no CSV file: {error}", where=file, remedy="Check the file.")
    return None


def _mistyped(layout: Layout, source: DataOptions, file: str, path: Path, _header: list[str]) -> InputError | None:
    """A value that is not of its column's type: everything read as text, then converted piece by piece."""
    options = pa_csv.ConvertOptions(
        column_types=dict.fromkeys(layout.names, pa.string()),
        include_columns=layout.names,
        null_values=list(source.null_values),
        strings_can_be_null=True,
    )
    parse = pa_csv.ParseOptions(delimiter=source.delimiter, newlines_in_values=True)
    read = pa_csv.ReadOptions(encoding=source.encoding)
    seen = 0
    try:
        for batch in pa_csv.open_csv(path, read_options=read, parse_options=parse, convert_options=options):
            for name, column in layout.columns.items():
                texts = pa.chunked_array([batch.column(name)])
                index = first_failure(texts, partial(parse_text, column=column))
                if index is not None:
                    place, cells = find_row(source, path, seen + index)
                    return value_refused(wrong_type(name, column, cells[name]), file, place, name)
            seen += batch.num_rows
    except (pa.ArrowInvalid, UnicodeError):
        return None
    return None
