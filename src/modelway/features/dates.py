"""Numbers taken from dates, in UTC by the proleptic Gregorian calendar; no time zone database is needed."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from modelway.records.fit import DatePart

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from modelway.records.features import DateFeature

_DAY = 86_400_000_000
_HOUR = 3_600_000_000
_KEPT = 4096
"""Hours that are remembered at the most."""
_CYCLES = {
    # First value, and how many values there are until it comes round.
    DatePart.MONTH: (1, 12),
    DatePart.DAY_OF_WEEK: (0, 7),
    DatePart.DAY_OF_YEAR: (1, 366),
    DatePart.HOUR: (0, 24),
}


def number_names(parts: tuple[DatePart, ...], *, cyclic: bool) -> list[str]:
    """The names of the numbers that `date_numbers` gives, in order."""
    names = []
    for part in parts:
        names += [f"{part}.sin", f"{part}.cos"] if cyclic and part in _CYCLES else [part.value]
    return names


def date_numbers(
    micros: NDArray[np.int64], parts: tuple[DatePart, ...], *, cyclic: bool, origin: float
) -> list[NDArray[np.float64]]:
    """The numbers of each date, before scaling.

    Args:
        micros: microseconds since 1970-01-01 UTC, shape (rows,).
        parts: which numbers; Monday is day of week 0, January and the first day of a month or year are 1.
        cyclic: whether parts that come round become sine and cosine of their place in the cycle.
        origin: where elapsed days count from, in days since 1970-01-01.
    """
    days = micros // _DAY
    numbers: list[NDArray[Any]] = []
    for part in parts:
        if part is DatePart.ELAPSED_DAYS:
            numbers.append(micros / _DAY - origin)
            continue
        values = micros // _HOUR % 24 if part is DatePart.HOUR else _of_days(days, part)
        if cyclic and part in _CYCLES:
            first, length = _CYCLES[part]
            numbers += [waves[values - first] for waves in _waves(length)]
        else:
            numbers.append(values)
    return [values.astype(np.float64, copy=False) for values in numbers]


@cache
def _waves(length: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sine and cosine of each place in a cycle; numpy's own may give other bits for one value than for many."""
    angles = [2 * math.pi * step / length for step in range(length)]
    return np.array([math.sin(angle) for angle in angles]), np.array([math.cos(angle) for angle in angles])


def _of_days(days: NDArray[np.int64], part: DatePart) -> NDArray[np.int64]:
    """A number of each day; where rows are more than the days that they lie within, each day is looked at once."""
    if not len(days) or (last := days.max()) - (first := days.min()) >= len(days):
        return _part_of_day(days, part)
    numbers: NDArray[np.int64] = _part_of_day(np.arange(first, last + 1), part).take(days - first)
    return numbers


def _part_of_day(days: NDArray[np.int64], part: DatePart) -> NDArray[np.int64]:
    """A number that all moments of a day have in common, by days since 1970-01-01."""
    if part is DatePart.DAY_OF_WEEK:
        return (days + 3) % 7
    dates = days.astype("datetime64[D]")
    if part in {DatePart.YEAR, DatePart.DAY_OF_YEAR}:
        year = dates.astype("datetime64[Y]")
        return year.astype(np.int64) + 1970 if part is DatePart.YEAR else (dates - year).astype(np.int64) + 1
    month = dates.astype("datetime64[M]")
    return month.astype(np.int64) % 12 + 1 if part is DatePart.MONTH else (dates - month).astype(np.int64) + 1


def write_dates(
    feature: DateFeature, micros: NDArray[np.int64], missing: NDArray[np.bool_], out: NDArray[np.float32]
) -> None:
    """Fill `out`, shape (rows, numbers), with the scaled numbers of the dates; `micros` is 0 where missing."""
    numbers = date_numbers(micros, feature.parts, cyclic=feature.cyclic, origin=feature.origin)
    some_missing = missing.any()
    for place, values in enumerate(numbers):
        if some_missing:
            values[missing] = feature.fill[place]
        out[:, place] = (values - feature.center[place]) / feature.divisor[place]


class KnownDates:
    """The numbers of hours that recur: for a few rows calling numpy is what costs, and most tell the hour alone.

    Args:
        feature: how dates become features.
    """

    def __init__(self, feature: DateFeature) -> None:
        self._feature = feature
        self._known: dict[int | None, NDArray[np.float32]] = {}
        names = number_names(feature.parts, cyclic=feature.cyclic)
        self._exact = names.index(DatePart.ELAPSED_DAYS.value) if DatePart.ELAPSED_DAYS in feature.parts else None

    def write(self, micros: NDArray[np.int64], missing: NDArray[np.bool_], out: NDArray[np.float32]) -> None:
        """The same bits as `write_dates` gives."""
        feature, exact = self._feature, self._exact
        for row, (moment, gone) in enumerate(zip(micros.tolist(), missing.tolist(), strict=True)):
            hour = None if gone else moment // _HOUR
            numbers = self._known.get(hour)
            if numbers is None:
                numbers = self._learn(hour, micros[row : row + 1], missing[row : row + 1], out.shape[1])
            out[row] = numbers
            if exact is not None and not gone:
                days = float(moment) / float(_DAY) - feature.origin
                out[row, exact] = (days - feature.center[exact]) / feature.divisor[exact]

    def _learn(
        self, hour: int | None, micros: NDArray[np.int64], missing: NDArray[np.bool_], width: int
    ) -> NDArray[np.float32]:
        numbers = np.zeros((1, width), dtype=np.float32)
        write_dates(self._feature, micros, missing, numbers)
        if len(self._known) >= _KEPT:
            self._known = {}
        learned: NDArray[np.float32] = numbers[0]
        self._known[hour] = learned
        return learned
