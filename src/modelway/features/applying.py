"""A fitted spec and a table in, the matrix that an estimator sees out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_never

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from modelway.errors import InputError
from modelway.features.custom import call_custom
from modelway.features.dates import write_dates
from modelway.features.layout import feature_width, input_columns
from modelway.features.text import write_texts
from modelway.records.features import (
    BooleanFeature,
    CategoryFeature,
    CustomFeature,
    DateFeature,
    NumberFeature,
    TextFeature,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from modelway.records.features import Feature, FeatureSpec

_ROWS = 8192
"""Rows at a time: their part of the matrix stays in the cache while its columns are filled, and copies stay small."""


def apply_features(spec: FeatureSpec, table: pa.Table) -> NDArray[np.float32]:
    """The matrix of a table's rows, shape (rows, features), C order; a row's values never depend on other rows.

    The table's columns have the types that `check_inputs` asks for; values may be missing anywhere, and a number that
    is NaN counts as missing.

    Raises:
        InputError: a feature is infinite, or a function of the user's fails.
        SettingsError: a function of the user's gives another number of features than when it was fitted.
    """
    matrix = np.zeros((table.num_rows, len(spec.names)), dtype=np.float32)
    start = 0
    for batch in table.select(input_columns(spec)).to_batches(max_chunksize=_ROWS):
        stop = start + batch.num_rows
        _fill(spec, batch, matrix[start:stop])
        infinite = np.isinf(matrix[start:stop])
        if infinite.any():
            row, place = np.argwhere(infinite)[0]
            raise InputError(
                f"feature {spec.names[place]!r} is infinite in row {start + row}",
                remedy="Correct the value, or bound the column with min and max in the settings.",
            )
        start = stop
    return matrix


def _fill(spec: FeatureSpec, batch: pa.RecordBatch, matrix: NDArray[np.float32]) -> None:
    place = 0
    for feature in spec.features:
        width = feature_width(feature)
        _write(feature, batch, matrix[:, place : place + width])
        place += width


def _write(feature: Feature, batch: pa.RecordBatch, out: NDArray[np.float32]) -> None:
    if isinstance(feature, CustomFeature):
        out[:] = call_custom(feature.function, pa.Table.from_batches([batch]).select(feature.columns), feature.width)
        return
    column = batch.column(feature.column)
    if isinstance(feature, NumberFeature):
        missing = _write_numbers(feature, column, out)
    else:
        missing = _missing(column)
        if isinstance(feature, BooleanFeature):
            out[:, 0] = column.fill_null(fill_value=False).to_numpy(zero_copy_only=False)
        elif isinstance(feature, CategoryFeature):
            _write_categories(feature, column, out)
        elif isinstance(feature, DateFeature):
            write_dates(feature, column.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False), missing, out)
        elif isinstance(feature, TextFeature):
            write_texts(feature, column.to_pylist(), out)
        else:
            assert_never(feature)
    if feature.indicator:
        out[:, -1] = missing


def _missing(column: pa.Array[Any]) -> NDArray[np.bool_]:
    missing: NDArray[np.bool_] = column.is_null().to_numpy(zero_copy_only=False)
    return missing


def _write_numbers(feature: NumberFeature, column: pa.Array[Any], out: NDArray[np.float32]) -> NDArray[np.bool_]:
    values = column.to_numpy(zero_copy_only=False).astype(np.float64, copy=False)
    missing: NDArray[np.bool_] = np.isnan(values)
    if feature.fill is not None and missing.any():
        values = np.where(missing, feature.fill, values)
    with np.errstate(over="ignore"):
        out[:, 0] = (values - feature.center) / feature.divisor
    return missing


def _write_categories(feature: CategoryFeature, column: pa.Array[Any], out: NDArray[np.float32]) -> None:
    found = pc.index_in(column, value_set=pa.array(feature.categories, pa.string()))
    numbers = found.fill_null(-1).to_numpy(zero_copy_only=False)
    if feature.encode == "ordinal":
        out[:, 0] = numbers
    else:
        rows = np.flatnonzero(numbers >= 0)
        out[rows, numbers[rows]] = 1
