"""A fitted spec and rows in, the matrix that an estimator sees out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from modelway.errors import InputError
from modelway.features.custom import call_custom
from modelway.features.dates import KnownDates, write_dates
from modelway.features.layout import feature_width
from modelway.features.text import KnownTexts, write_texts
from modelway.records.features import (
    BooleanFeature,
    CategoryFeature,
    CustomFeature,
    DateFeature,
    NumberFeature,
    TextFeature,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from modelway.features.columns import Batch
    from modelway.records.features import Feature, FeatureSpec

    Write = Callable[[Batch, NDArray[np.float32]], None]

_FEW_ROWS = 16
"""Rows up to which dates are looked up one by one."""


class Transformer:
    """A fitted spec, compiled: what does not depend on the rows is done here, once.

    Args:
        spec: how columns become features.
    """

    def __init__(self, spec: FeatureSpec) -> None:
        self._width = len(spec.names)
        self._writers: list[Write] = []
        numbers: list[tuple[NumberFeature, int]] = []
        place = 0
        for feature in spec.features:
            width = feature_width(feature)
            if isinstance(feature, NumberFeature):
                numbers.append((feature, place))
            elif isinstance(feature, BooleanFeature):
                numbers.append((_as_number(feature), place))
            else:
                self._writers.append(_writer(feature, slice(place, place + width)))
            place += width
        self._numbers = _Numbers(numbers, spec.names) if numbers else None

    def matrix(self, batch: Batch) -> NDArray[np.float32]:
        """The matrix of some rows, shape (rows, features), C order; a row's values never depend on other rows.

        Raises:
            InputError: a feature is infinite, or a function of the user's fails.
            SettingsError: a function of the user's gives another number of features than when it was fitted.
        """
        out = np.zeros((batch.rows, self._width), dtype=np.float32)
        self.write(batch, out)
        return out

    def write(self, batch: Batch, out: NDArray[np.float32], first_row: int = 0) -> None:
        """The same into `out`, shape (rows, features), which holds zeros; `first_row` is where errors count from."""
        if self._numbers is not None:
            self._numbers.write(batch, out, first_row)
        for write in self._writers:
            write(batch, out)


class _Numbers:
    """All numbers of a spec at once: for one row, calling numpy is what costs.

    Args:
        features: each with its place in the matrix.
        names: of the matrix's columns.
    """

    def __init__(self, features: Sequence[tuple[NumberFeature, int]], names: Sequence[str]) -> None:
        self._columns = [feature.column for feature, _ in features]
        self._places = np.array([place for _, place in features])
        self._names = names
        self._center = np.array([[feature.center] for feature, _ in features])
        self._divisor = np.array([[feature.divisor] for feature, _ in features])
        self._fill = np.array([[np.nan if feature.fill is None else feature.fill] for feature, _ in features])
        told = [number for number, (feature, _) in enumerate(features) if feature.indicator]
        self._told = np.array(told, dtype=np.intp)
        self._told_places = self._places[self._told] + 1

    def write(self, batch: Batch, out: NDArray[np.float32], first_row: int) -> None:
        values = batch.numbers(self._columns)
        missing = np.isnan(values)
        if missing.any():
            out[:, self._told_places] = missing[self._told].T
            np.copyto(values, self._fill, where=missing)
        values -= self._center
        with np.errstate(over="ignore"):
            values /= self._divisor
            features = values.astype(np.float32)
        infinite = np.isinf(features)
        if infinite.any():
            row, number = np.argwhere(infinite.T)[0]
            raise InputError(
                f"feature {self._names[self._places[number]]!r} is infinite in row {first_row + row}",
                remedy="Correct the value, or bound the column with min and max in the settings.",
            )
        out[:, self._places] = features.T


def _as_number(feature: BooleanFeature) -> NumberFeature:
    """True is 1, false 0, and so is a missing value."""
    return NumberFeature(kind="number", column=feature.column, fill=0.0, indicator=feature.indicator)


def _writer(feature: Feature, places: slice) -> Write:
    """What writes a feature into its places of the matrix."""
    if isinstance(feature, CategoryFeature):
        return _categories(feature, places.start)
    if isinstance(feature, DateFeature):
        return _dates(feature, places)
    if isinstance(feature, TextFeature):
        return _texts(feature, places)
    if isinstance(feature, CustomFeature):
        return _custom(feature, places)
    raise AssertionError(feature)  # numbers are written all at once


def _categories(feature: CategoryFeature, place: int) -> Write:
    numbers_of: dict[str | None, int] = {value: number for number, value in enumerate(feature.categories)}
    one_hot = feature.encode == "onehot"
    indicator = place + (len(numbers_of) if one_hot else 1)

    def write(batch: Batch, out: NDArray[np.float32]) -> None:
        labels, places = batch.labels(feature.column)
        numbers: Any = [numbers_of.get(label, -1) for label in labels]
        if feature.indicator:
            missing: Any = [label is None for label in labels]
            out[:, indicator] = missing if places is None else np.array(missing)[places]
        if places is not None:
            numbers = np.array(numbers)[places]
        if not one_hot:
            out[:, place] = numbers
        elif places is None:
            for row, number in enumerate(numbers):
                if number >= 0:
                    out[row, place + number] = 1
        else:
            rows = np.flatnonzero(numbers >= 0)
            out[rows, place + numbers[rows]] = 1

    return write


def _dates(feature: DateFeature, places: slice) -> Write:
    known = KnownDates(feature)
    numbers = slice(places.start, places.stop - 1 if feature.indicator else places.stop)

    def write(batch: Batch, out: NDArray[np.float32]) -> None:
        micros, missing = batch.micros(feature.column)
        if batch.rows <= _FEW_ROWS:
            known.write(micros, missing, out[:, numbers])
        else:
            write_dates(feature, micros, missing, out[:, numbers])
        if feature.indicator:
            out[:, places.stop - 1] = missing

    return write


def _texts(feature: TextFeature, places: slice) -> Write:
    known = KnownTexts(feature)

    def write(batch: Batch, out: NDArray[np.float32]) -> None:
        texts, numbers = batch.labels(feature.column)
        if numbers is None:
            write_texts(feature, texts, out[:, places])
        else:
            out[:, places] = known.features(texts, places.stop - places.start).take(numbers, axis=0)
        if feature.indicator:
            missing: Any = [text is None for text in texts]
            out[:, places.stop - 1] = missing if numbers is None else np.array(missing)[numbers]

    return write


def _custom(feature: CustomFeature, places: slice) -> Write:
    def write(batch: Batch, out: NDArray[np.float32]) -> None:
        out[:, places] = call_custom(feature.function, batch.table(feature.columns), feature.width)

    return write
