"""What the training rows of each column hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from modelway.data.classes import class_text
from modelway.records.data import Column, ColumnProfile, ColumnType

if TYPE_CHECKING:
    from numpy.typing import NDArray

BINS = 20
"""Bins of a histogram."""
TOP = 10
"""Values that are listed with their counts."""
_NUMERIC = {ColumnType.INTEGER, ColumnType.NUMBER}


def profile_table(columns: dict[str, Column], table: pa.Table) -> tuple[ColumnProfile, ...]:
    """A profile of each column, in their order.

    Numbers have mean, standard deviation (of the population), least, greatest and a histogram; different values are
    counted for all other types but dates, whose least and greatest are seconds since 1970.
    """
    return tuple(profile_column(name, column, table[name]) for name, column in columns.items())


def profile_column(name: str, column: Column, values: pa.ChunkedArray) -> ColumnProfile:
    """The profile of one column; a column without values has its count of missing ones alone."""
    base = ColumnProfile(name=name, type=column.type, missing=values.null_count)
    if values.null_count == len(values):
        return base
    if column.type in _NUMERIC:
        return base.model_copy(update=_of_numbers(values.drop_null().to_numpy()))
    if column.type is ColumnType.DATE:
        least, most = (end.cast(pa.int64()).as_py() / 1e6 for end in pc.min_max(values).values())
        return base.model_copy(update={"min": least, "max": most})
    if column.type is ColumnType.TEXT:
        return base.model_copy(update={"distinct": pc.count_distinct(values, mode="only_valid").as_py()})
    return base.model_copy(update=_of_categories(values))


def _of_numbers(values: NDArray[np.float64] | NDArray[np.int64]) -> dict[str, object]:
    numbers = values.astype(np.float64, copy=False)
    least, most, mean = float(numbers.min()), float(numbers.max()), float(numbers.mean())
    counts, _ = np.histogram(numbers, BINS, (least, most)) if most > least else (np.array([len(numbers)]), None)
    return {
        "mean": _settled(mean),
        "std": _settled(float(numbers.std())),
        "min": least,
        "max": most,
        "histogram": tuple(counts.tolist()),
    }


def _of_categories(values: pa.ChunkedArray) -> dict[str, object]:
    counted = [(class_text(item["values"]), item["counts"]) for item in pc.value_counts(values.drop_null()).to_pylist()]
    counted.sort(key=lambda item: (-item[1], item[0]))
    return {"distinct": len(counted), "top": tuple(counted[:TOP])}


def _settled(value: float) -> float:
    """Without the last digits, in which processors differ because they add up in another order."""
    return float(f"{value:.12g}")
