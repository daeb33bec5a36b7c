"""What a table that features are made from has to look like."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from modelway.errors import InputError
from modelway.records.tables import ARROW_TYPES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelway.records.data import ColumnType


def check_inputs(table: pa.Table, inputs: Mapping[str, ColumnType]) -> None:
    """Raise `InputError` unless the table has each of the columns, with its Arrow type, or a dictionary of that type.

    Others may be there too.
    """
    names = table.column_names
    for column, kind in inputs.items():
        count = names.count(column)
        if count != 1:
            found = "is missing" if count == 0 else f"is there {count} times"
            raise InputError(
                f"column {column!r} {found}", where=column, remedy=f"Columns that are wanted: {', '.join(inputs)}."
            )
        wanted, given = ARROW_TYPES[kind], table.schema.field(column).type
        if pa.types.is_dictionary(given):
            given = given.value_type
        if given != wanted:
            raise InputError(
                f"column {column!r} is of type {given}; a column of type {kind.value} has to be {wanted}", where=column
            )
