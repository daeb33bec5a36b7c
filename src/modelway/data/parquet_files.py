"""Parquet files."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from modelway.data.convert import convert, describe, first_failure, is_convertible
from modelway.data.refusals import place_in, value_refused, wrong_type
from modelway.errors import InputError
from modelway.records.tables import ARROW_TYPES

if TYPE_CHECKING:
    from pathlib import Path

    from modelway.data.layout import Layout
    from modelway.records.data import Column


def read_parquet(layout: Layout, file: str, path: Path) -> pa.Table:
    """Read one Parquet file as a table with the layout's schema; `file` is its name in messages.

    Raises:
        InputError: the file is torn, or holds something else than the layout.
    """
    try:
        with pq.ParquetFile(path, memory_map=True) as parquet:
            found = parquet.schema_arrow
            layout.check_names(file, found.names)
            for name, column in layout.columns.items():
                _check_type(file, name, column, found.field(name).type)
            table = parquet.read(columns=layout.names)
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the system's own error; Arrow's have no number
        raise InputError(
            f"the file is torn or no Parquet file: {str(error).splitlines()[0][:120]}",
            where=file,
            remedy="Write the file again.",
        ) from error
    converted = [_converted(file, name, column, table[name]) for name, column in layout.columns.items()]
    keys = [as_text(file, name, table[name]) for name in layout.keys]
    return pa.table([*converted, *keys], schema=layout.schema)


def as_text(file: str, name: str, values: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column that is not declared, but that the split reads, as text."""
    try:
        return values.cast(pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise InputError(
            f"values of type {values.type} can't split the rows",
            where=place_in(file, None, name),
            remedy="Name another column in prepare.split.",
        ) from error


def _validate(values: pa.ChunkedArray) -> None:
    """Raise `pa.ArrowInvalid` at text that is not UTF-8, which the reader lets through."""
    values.validate(full=True)


def _check_type(file: str, name: str, column: Column, found: pa.DataType) -> None:
    if not is_convertible(found, column):
        raise InputError(
            f"the column holds {found}, which is no {describe(column)}",
            where=place_in(file, None, name),
            remedy=f"Set columns.{name}.type to what the file holds, or write the file again.",
        )


def _converted(file: str, name: str, column: Column, values: pa.ChunkedArray) -> pa.ChunkedArray:
    if (index := first_failure(values, _validate)) is not None:
        where = place_in(file, f"row {index + 1}", name)
        raise InputError("bytes that are not UTF-8", where=where, remedy="Write the file again, with text in UTF-8.")
    if values.type == ARROW_TYPES[column.type]:
        return values
    try:
        return convert(values, column)
    except pa.ArrowInvalid as error:
        index = first_failure(values, partial(convert, column=column))
        if index is None:
            raise InputError(f"the values can't be converted: {error}", where=place_in(file, None, name)) from error
        complaint = wrong_type(name, column, values[index].as_py())
        raise value_refused(complaint, file, f"row {index + 1}", name) from error
