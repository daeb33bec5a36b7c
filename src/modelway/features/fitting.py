"""Learning a feature spec from the rows that a model is trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_never

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from modelway.errors import InputError
from modelway.features.custom import fit_custom
from modelway.features.dates import date_numbers
from modelway.features.layout import feature_names
from modelway.features.treatment import check_treatments, treatment
from modelway.records.data import ColumnType
from modelway.records.features import (
    BooleanFeature,
    CategoryFeature,
    DateFeature,
    FeatureSpec,
    NumberFeature,
    TextFeature,
)
from modelway.records.fit import DatePart

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from modelway.records.data import Column
    from modelway.records.features import Feature
    from modelway.records.fit import ColumnFeatures, FeatureOptions

_MAX_CATEGORIES = 1000
_DATE_PARTS = (DatePart.YEAR, DatePart.MONTH, DatePart.DAY_OF_WEEK, DatePart.ELAPSED_DAYS)


def fit_features(options: FeatureOptions, columns: dict[str, Column], target: str, table: pa.Table) -> FeatureSpec:
    """Learn how the columns become features, from all rows of `table`.

    Every column gives features, but for the target and those in `drop`; the user's own features come last.

    Raises:
        SettingsError: an option names a column that is not there or the target, an option is not for the column's
            type, no column is left, or a function of the user's can't be used.
        InputError: a column has no value, too many categories or numbers too large, or a function of the user's fails.
    """
    check_treatments(options, columns, target)
    features: list[Feature] = []
    for name, column in columns.items():
        if name != target and name not in options.drop:
            values = table[name]
            if values.null_count == len(values):
                raise _no_values(name)
            features.append(_fit_column(name, column.type, treatment(options, name), values))
    features += [fit_custom(custom, table) for custom in options.custom]
    names = tuple(name for feature in features for name in feature_names(feature))
    return FeatureSpec(features=tuple(features), names=names)


def _no_values(name: str) -> InputError:
    return InputError(
        f"column {name!r} has no value in any row",
        where=name,
        remedy="Name it in fit.features.drop, or in prepare.ignore.",
    )


def _fit_column(name: str, kind: ColumnType, options: ColumnFeatures, values: pa.ChunkedArray[Any]) -> Feature:
    indicator = values.null_count > 0 if options.indicator is None else options.indicator
    if kind in {ColumnType.INTEGER, ColumnType.NUMBER}:
        return _fit_number(name, options, values)
    if kind is ColumnType.BOOLEAN:
        return BooleanFeature(kind="boolean", column=name, indicator=indicator)
    if kind is ColumnType.CATEGORY:
        categories = _categories(name, options, values)
        encode = options.encode or "onehot"
        return CategoryFeature(kind="category", column=name, encode=encode, categories=categories, indicator=indicator)
    if kind is ColumnType.DATE:
        return _fit_date(name, options, values, indicator=indicator)
    return TextFeature(
        kind="text", column=name, hash_size=options.hash_size or 64, ngrams=options.ngrams or 1, indicator=indicator
    )


def _fit_number(name: str, options: ColumnFeatures, column: pa.ChunkedArray[Any]) -> NumberFeature:
    values = column.to_numpy().astype(np.float64, copy=False)
    missing = np.isnan(values)
    some_missing = bool(missing.any())
    if some_missing:
        values = values[~missing]
        if not values.size:
            raise _no_values(name)
    indicator = options.indicator
    if indicator is None:
        # A missing value that is kept shows by itself.
        indicator = some_missing and options.impute != "keep"
    with np.errstate(over="ignore", invalid="ignore"):
        fill = _fill_value(options, values)
        center, divisor = _scale(options.scale or "standard", values)
    if not np.isfinite([center, divisor, fill or 0.0]).all():
        raise InputError(
            f"the numbers of column {name!r} are too large to work with",
            where=name,
            remedy="Bound the column with min and max in the settings.",
        )
    return NumberFeature(kind="number", column=name, fill=fill, center=center, divisor=divisor, indicator=indicator)


def _fill_value(options: ColumnFeatures, values: NDArray[np.float64]) -> float | None:
    impute = options.impute or "median"
    if impute == "median":
        # Learned also where nothing is missing yet: the first missing value may come when serving.
        return _median(values)
    if impute == "mean":
        return float(values.mean())
    if impute == "zero":
        return 0.0
    if impute == "keep":
        return None
    assert_never(impute)


def _median(values: NDArray[np.float64]) -> float:
    """As `numpy.median`, which takes four times as long for its look at NaN."""
    middle = len(values) // 2
    low, high = (middle, middle) if len(values) % 2 else (middle - 1, middle)
    parted = np.partition(values, (low, high))
    return float(parted[low] / 2 + parted[high] / 2)


def _scale(scale: str, values: NDArray[np.float64]) -> tuple[float, float]:
    """What to subtract and what to divide by; a constant column is divided by 1."""
    if scale == "none":
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    if scale == "minmax":
        return low, high - low if high > low else 1.0
    return (float(values.mean()), float(values.std()) or 1.0) if high > low else (low, 1.0)


def _categories(name: str, options: ColumnFeatures, values: pa.ChunkedArray[Any]) -> tuple[str, ...]:
    limit = options.max_categories or _MAX_CATEGORIES
    counted: Any = pc.value_counts(values.drop_null())
    categories = counted.field("values")
    if options.min_count:
        categories = categories.filter(pc.greater_equal(counted.field("counts"), pa.scalar(options.min_count)))
    if len(categories) > limit:
        raise InputError(
            f"column {name!r} has {len(categories)} categories; {limit} are allowed",
            where=name,
            remedy=f"In fit.features, drop it, or set columns.{name}.min_count, or columns.{name}.encode: ordinal with "
            "a higher max_categories; or make it a column of type text.",
        )
    if not len(categories):
        raise InputError(f"column {name!r} has no category with {options.min_count} rows", where=name)
    return tuple(sorted(categories.to_pylist()))


def _fit_date(name: str, options: ColumnFeatures, column: pa.ChunkedArray[Any], *, indicator: bool) -> DateFeature:
    micros = column.drop_null().cast(pa.int64()).to_numpy()
    parts = _DATE_PARTS if options.parts is None else options.parts
    cyclic = bool(options.cyclic)
    origin = float(micros.min() / 86_400_000_000)
    numbers = date_numbers(micros, parts, cyclic=cyclic, origin=origin)
    scales = [_scale("standard", number) for number in numbers]
    return DateFeature(
        kind="date",
        column=name,
        parts=parts,
        cyclic=cyclic,
        origin=origin,
        center=tuple(center for center, _ in scales),
        divisor=tuple(divisor for _, divisor in scales),
        fill=tuple(float(number.mean()) for number in numbers),
        indicator=indicator,
    )
