"""Numbers and data's own text, as people read them."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modelway.records.evaluate import Estimate

ABSENT = "\N{EN DASH}"
_MINUS = "\N{MINUS SIGN}"
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_UNITS = ((1e3, "kB"), (1e6, "MB"), (1e9, "GB"))
_METRICS = {
    "auc": "AUC",
    "average_precision": "Average precision",
    "brier": "Brier score",
    "brier_score": "Brier score",
    "ece": "Expected calibration error",
    "f1": "F1",
    "macro_f1": "Macro F1",
    "mae": "MAE",
    "mape": "MAPE",
    "mcc": "Matthews correlation",
    "mse": "MSE",
    "r2": "R²",
    "rmse": "RMSE",
    "rmsle": "RMSLE",
    "roc_auc": "ROC AUC",
}


def metric_name(name: str) -> str:
    """A metric's or criterion's name as a heading; unknown names only lose their underscores."""
    return _METRICS.get(name) or words(name)


def words(name: str) -> str:
    """An identifier as words with a capital: `median_error` gives "Median error"."""
    spaced = name.replace("_", " ").strip()
    return spaced[:1].upper() + spaced[1:]


def count(value: int | None) -> str:
    """A whole number with thousands separators."""
    return ABSENT if value is None else f"{value:,}".replace("-", _MINUS)


def day(seconds: float) -> str:
    """The day of a time in seconds since 1970-01-01, in UTC, as ISO 8601 has it."""
    # A timestamp's own constructor refuses what is before 1970 on some systems.
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).date().isoformat()


def moment(seconds: float) -> str:
    """A time in seconds since 1970-01-01 as day and time of day in UTC, to the second."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).isoformat(" ", "seconds")[:19]


def number(value: float | None, digits: int = 4) -> str:
    """A number with `digits` significant digits; very large and very small ones as powers of ten."""
    if value is None:
        return ABSENT
    if value == 0:
        return "0"
    power = math.floor(math.log10(abs(value)))
    if not -4 <= power < 9:
        mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
        return f"{_trim(mantissa)} \N{MULTIPLICATION SIGN} 10{str(int(exponent)).translate(_SUPERSCRIPTS)}".replace(
            "-", _MINUS
        )
    return _trim(f"{value:,.{max(0, digits - 1 - power)}f}").replace("-", _MINUS)


def _trim(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def signed(value: float | None) -> str:
    """A difference: always with its sign."""
    text = number(value, 3)
    return f"+{text}" if value is not None and value > 0 else text


def percent(fraction: float | None) -> str:
    """A fraction as a percentage; what is neither none nor all is never rounded to 0% or 100%."""
    if fraction is None:
        return ABSENT
    if 0 < fraction < 0.0005:
        return "<0.1%"
    if 0.9995 < fraction < 1:
        return ">99.9%"
    text = f"{100 * fraction:.1f}" if fraction < 1 else f"{100 * fraction:,.0f}"
    return _trim(text).replace("-", _MINUS) + "%"


def duration(seconds: float | None) -> str:
    """Wall time, in the units that suit it."""
    if seconds is None:
        return ABSENT
    if seconds < 1:
        return f"{number(1000 * seconds, 3)} ms"
    if seconds < 60:
        return f"{number(seconds, 3)} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    return f"{minutes // 60:,} h {minutes % 60:02} min"


def size(length: int | None) -> str:
    """A number of bytes, in decimal units."""
    if length is None:
        return ABSENT
    if length < 1000:
        return f"{length} B"
    power, unit = next((power, unit) for power, unit in _UNITS if length < 999.5 * power or unit == "GB")
    return f"{number(length / power, 3)} {unit}"


def estimate(given: Estimate) -> tuple[str, str]:
    """A metric's value and its interval ("low to high", "" if unknown), to as many decimals as the interval bears."""
    if given.value is None:
        return "not defined", ""
    if given.low is None or given.high is None:
        return number(given.value), ""
    half = (given.high - given.low) / 2
    if not 1e-6 < half < 1e7:
        return number(given.value), f"{number(given.low)} to {number(given.high)}"
    below_one = max(abs(given.low), abs(given.high)) <= 1
    decimals = max(3, math.ceil(-math.log10(half))) if below_one else max(0, 1 - math.floor(math.log10(half)))
    value, low, high = (f"{part:,.{decimals}f}".replace("-", _MINUS) for part in (given.value, given.low, given.high))
    return value, f"{low} to {high}"


def scalar(value: object) -> str:
    """Any value of a record's free-form part: evidence, hyperparameters."""
    if value is None or value == ():
        return ABSENT
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return count(value)
    if isinstance(value, float):
        return number(value)
    if isinstance(value, (list, tuple)):
        return ", ".join(scalar(part) for part in value)
    return str(value)


def printable(text: str) -> str:
    """The text without characters that no document may hold."""
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def shorten(text: str, limit: int) -> str:
    """At most `limit` characters of the text, with an ellipsis where more were left out."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"
