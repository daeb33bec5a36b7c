"""The tables that pass between rooms: pyarrow's, with one Arrow type for each type of column."""

from __future__ import annotations

import pyarrow as pa

from modelway.records.data import ColumnType

ARROW_TYPES: dict[ColumnType, pa.DataType] = {
    ColumnType.INTEGER: pa.int64(),
    ColumnType.NUMBER: pa.float64(),
    ColumnType.BOOLEAN: pa.bool_(),
    ColumnType.CATEGORY: pa.string(),
    ColumnType.TEXT: pa.string(),
    ColumnType.DATE: pa.timestamp("us", tz="UTC"),
}
"""The Arrow type of each column type, in prepared tables and in every request."""
