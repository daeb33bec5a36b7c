"""The tables that pass between rooms: pyarrow's, with one Arrow type for each type of column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from modelway.records.data import ColumnType

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

ARROW_TYPES: dict[ColumnType, pa.DataType] = {
    ColumnType.INTEGER: pa.int64(),
    ColumnType.NUMBER: pa.float64(),
    ColumnType.BOOLEAN: pa.bool_(),
    ColumnType.CATEGORY: pa.string(),
    ColumnType.TEXT: pa.string(),
    ColumnType.DATE: pa.timestamp("us", tz="UTC"),
}
"""The Arrow type of each column type, in prepared tables and in every request."""


# What pyarrow's own functions do as well; but `array`, `scalar` and `to_numpy` import pandas, a third of a second and
# 40 MB of each process that scores.


def number_array(values: NDArray[Any]) -> pa.Array:
    """Numbers that all are there, shape (rows,), in the type that numpy has them in."""
    held = np.ascontiguousarray(values)
    return pa.Array.from_buffers(pa.from_numpy_dtype(held.dtype), len(held), [None, pa.py_buffer(held)])


def text_array(values: Sequence[str]) -> pa.StringArray:
    """Texts that all are there."""
    encoded = [value.encode() for value in values]
    ends = np.cumsum([0, *map(len, encoded)], dtype=np.int32)
    return pa.Array.from_buffers(pa.string(), len(encoded), [None, pa.py_buffer(ends), pa.py_buffer(b"".join(encoded))])


def held_in(numbers: pa.Array) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    """The numbers of an array, and which are missing, if any is: what stands in the place of those means nothing.

    The numbers are not to be changed: most often they are the array's own memory.
    """
    if not numbers.null_count:
        return np.from_dlpack(numbers), None
    bare = pa.Array.from_buffers(numbers.type, len(numbers), [None, numbers.buffers()[1]], offset=numbers.offset)
    return np.from_dlpack(bare), np.from_dlpack(numbers.is_null().cast(pa.uint8())).astype(np.bool_)


def labels_in(encoded: pa.DictionaryArray) -> tuple[list[Any], NDArray[np.integer[Any]]]:
    """The values of a dictionary, None behind them, and each row's place among these, shape (rows,)."""
    labels = [*encoded.dictionary.to_pylist(), None]
    places, missing = held_in(encoded.indices)
    return labels, places if missing is None else np.where(missing, np.intp(len(labels) - 1), places)
