"""The rows of a table by the value of a column."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

MISSING = "(missing)"
"""The group of the rows without a value."""
QUARTERS = 4
"""Numbers and dates with more different values than these are cut into so many parts, at their quartiles."""


@dataclass(frozen=True, eq=False)
class Group:
    """Rows with one value.

    Attributes:
        value: the value or range as text.
        index: the rows' numbers.
    """

    value: str
    index: NDArray[np.intp]


def groups_of(column: pa.ChunkedArray) -> list[Group]:
    """Group the rows by value, or by quartile for numbers and dates with many values; missing values come last.

    Numbers and dates come in ascending order, everything else with the largest group first.
    """
    if len(column) == 0:
        return []
    if _is_ordered(column.type):
        code, labels = _cut(column)
    else:
        code, labels = _encode(column)
    order = np.argsort(code, kind="stable")
    ends = np.cumsum(np.bincount(code, minlength=len(labels)))
    groups = [Group(label, index) for label, index in zip(labels, np.split(order, ends[:-1]), strict=True)]
    groups = [group for group in groups if len(group.index)]
    if not _is_ordered(column.type):
        groups.sort(key=lambda group: (group.value == MISSING, -len(group.index), group.value))
    return groups


def largest(groups: list[Group], limit: int) -> list[Group]:
    """The largest groups, in the order they are given in."""
    kept = sorted(groups, key=lambda group: -len(group.index))[:limit]
    return [group for group in groups if group in kept]


def numbers_of(column: pa.ChunkedArray) -> NDArray[np.float64]:
    """Numbers or dates as float64, NaN where missing; dates as microseconds since 1970."""
    if pa.types.is_temporal(column.type):
        column = column.cast(pa.int64())
    values: NDArray[np.float64] = column.cast(pa.float64(), safe=False).to_numpy().astype(np.float64, copy=False)
    return values


def codes_of(column: pa.ChunkedArray) -> tuple[NDArray[np.intp], list[Any]]:
    """Each row's number in the list of different values, None (missing) among them where it occurs."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    encoded = column.combine_chunks().dictionary_encode(null_encoding="encode")
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    return encoded.indices.to_numpy(zero_copy_only=False).astype(np.intp), encoded.dictionary.to_pylist()


def _is_ordered(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_temporal(kind))


def _encode(column: pa.ChunkedArray) -> tuple[NDArray[np.intp], list[str]]:
    code, values = codes_of(column)
    return code, [MISSING if value is None else _text(value) for value in values]


def _cut(column: pa.ChunkedArray) -> tuple[NDArray[np.intp], list[str]]:
    values = numbers_of(column)
    missing = np.isnan(values)
    present = values[~missing]
    write = _writer(column.type)
    distinct = np.unique(present)
    if len(distinct) <= QUARTERS:
        edges, labels = distinct[:-1], [write(value) for value in distinct]
    else:
        edges = np.quantile(present, [0.25, 0.5, 0.75], method="lower")
        # Where the greatest value is that frequent, the rows below it still are a part of their own.
        edges = np.unique(np.minimum(edges, distinct[-2]))
        inner = [f"{write(low)} < … ≤ {write(high)}" for low, high in pairwise(edges)]
        labels = [f"≤ {write(edges[0])}", *inner, f"> {write(edges[-1])}"]
    code = np.where(missing, len(labels), np.searchsorted(edges, values))
    return code.astype(np.intp), [*labels, MISSING]


def _writer(kind: pa.DataType) -> Callable[[float], str]:
    if pa.types.is_temporal(kind):
        return lambda value: str(pa.scalar(int(value), pa.int64()).cast(kind).as_py())
    return lambda value: f"{value:.6g}"


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
