"""Files in, one checked table out."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pyarrow as pa

from modelway.data.check import first_offence
from modelway.data.csv_faults import find_row
from modelway.data.csv_files import read_csv
from modelway.data.json_lines import find_line, read_json_lines
from modelway.data.layout import Layout
from modelway.data.parquet_files import read_parquet
from modelway.data.refusals import value_refused
from modelway.errors import InputError, OutsideError

if TYPE_CHECKING:
    from pathlib import Path

    from modelway.records.data import DataOptions, PrepareOptions


def read_table(
    options: PrepareOptions, source: DataOptions, files: list[tuple[str, Path]], keys: tuple[str, ...] = ()
) -> pa.Table:
    """Read files one after the other into one table and check each value against `options.columns`.

    Args:
        options: the columns, which of them is the target, and which others may stand in the files.
        source: how CSV files are written.
        files: name in messages and local path of each file, *.csv, *.parquet or *.jsonl.
        keys: ignored columns to keep, as text, behind the others.

    Returns:
        The declared columns in the settings' order, in the types of `records.tables.ARROW_TYPES`, then `keys`.

    Raises:
        InputError: a file is missing, empty or torn, or a column or value is not what the settings say; it names
            file, row, column and value.
        OutsideError: the file system denies access or fails.
        UsageError: there is no such encoding.
    """
    layout = Layout.of(options, keys)
    tables = [_read_file(layout, source, file, path) for file, path in files]
    table = pa.concat_tables(tables)
    if table.num_rows == 0:
        raise InputError("there is a header but no row", where=files[0][0], remedy="Check how the file was written.")
    for name, column in options.columns.items():
        offence = first_offence(name, column, table[name], is_target=name == options.target)
        if offence is not None:
            file, place, raw = _find(source, files, tables, offence.index, name)
            raise value_refused(offence.complain(raw), file, place, name)
    return table


def _read_file(layout: Layout, source: DataOptions, file: str, path: Path) -> pa.Table:
    if not path.is_file():
        raise InputError("there is no such file", where=str(path), remedy="Check data.uri.")
    if path.stat().st_size == 0:
        raise InputError("the file is empty", where=file, remedy="Remove it, or write it again.")
    try:
        match path.suffix:
            case ".csv":
                return read_csv(layout, source, file, path)
            case ".parquet":
                return read_parquet(layout, file, path)
            case ".jsonl":
                return read_json_lines(layout, file, path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutsideError(f"reading fails: {reason}", where=str(path), remedy="Check the permissions.") from error
    raise InputError(
        f"files of kind {path.suffix or path.name!r} can't be read",
        where=file,
        remedy="Use CSV, Parquet or JSON Lines, named *.csv, *.parquet or *.jsonl.",
    )


def _find(
    source: DataOptions, files: list[tuple[str, Path]], tables: list[pa.Table], index: int, column: str
) -> tuple[str, str, str | None]:
    """File, place in it, and the text as it stands there (CSV only), of a row of the whole table."""
    ends = [0]
    for table in tables:
        ends.append(ends[-1] + table.num_rows)
    number = next(at for at, (start, end) in enumerate(pairwise(ends)) if start <= index < end)
    (file, path), row = files[number], index - ends[number]
    if path.suffix == ".csv":
        place, cells = find_row(source, path, row)
        return file, place, cells[column]
    return file, find_line(path, row) if path.suffix == ".jsonl" else f"row {row + 1}", None
