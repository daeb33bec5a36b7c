"""Numbers taken from dates, in UTC by the proleptic Gregorian calendar; no time zone database is needed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from modelway.records.fit import DatePart

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from modelway.records.features import DateFeature

_DAY = 86_400_000_000
_HOUR = 3_600_000_000
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
    numbers: list[NDArray[np.float64]] = []
    for part in parts:
        values = _part(micros, part, origin)
        if cyclic and part in _CYCLES:
            first, length = _CYCLES[part]
            # A table of the few possible values: numpy's own sine may give other bits for one row than for many.
            place = values.astype(np.int64) - first
            angles = [2 * math.pi * step / length for step in range(length)]
            numbers += [np.array([math.sin(angle) for angle in angles])[place]]
            numbers += [np.array([math.cos(angle) for angle in angles])[place]]
        else:
            numbers.append(values)
    return numbers


def _part(micros: NDArray[np.int64], part: DatePart, origin: float) -> NDArray[np.float64]:
    if part is DatePart.ELAPSED_DAYS:
        return micros / _DAY - origin
    if part is DatePart.HOUR:
        return (micros // _HOUR % 24).astype(np.float64)
    days = (micros // _DAY).astype("datetime64[D]")
    month = days.astype("datetime64[M]")
    year = days.astype("datetime64[Y]")
    if part is DatePart.YEAR:
        found = year.astype(np.int64) + 1970
    elif part is DatePart.MONTH:
        found = month.astype(np.int64) % 12 + 1
    elif part is DatePart.DAY:
        found = (days - month).astype(np.int64) + 1
    elif part is DatePart.DAY_OF_WEEK:
        found = (days.astype(np.int64) + 3) % 7
    else:
        found = (days - year).astype(np.int64) + 1
    return found.astype(np.float64)


def write_dates(
    feature: DateFeature, micros: NDArray[np.int64], missing: NDArray[np.bool_], out: NDArray[np.float32]
) -> None:
    """Fill `out`, shape (rows, numbers), with the scaled numbers of the dates; `micros` is 0 where missing."""
    numbers = date_numbers(micros, feature.parts, cyclic=feature.cyclic, origin=feature.origin)
    for place, values in enumerate(numbers):
        values[missing] = feature.fill[place]
        out[:, place] = (values - feature.center[place]) / feature.divisor[place]
