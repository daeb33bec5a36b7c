"""What the checks of a suite have in common."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from modelway.records.base import Record
from modelway.records.checks import Severity

Scalar = bool | int | float | str
"""A value as the settings write it; of a date its ISO 8601 text."""
Bound = int | float | str
"""A number, or of dates their ISO 8601 text; dates without a zone are UTC."""
Share = Annotated[float, Field(ge=0, le=1)]
"""A part of the rows, from 0 to 1."""
LeftOut = Literal["any", "all", "none"]
"""Which rows a check of several columns does not look at: where any of them is missing, where all are, or none."""

_AGE = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_age(text: str) -> timedelta:
    """`90m`, `12h`, `2d` or `1w` as a span of time; raises `ValueError` at anything else."""
    if (form := _AGE.fullmatch(text.strip())) is None:
        raise ValueError(f"{text!r} is no age; write a number and one of s, m, h, d, w, as in 12h or 2d")
    try:
        return timedelta(**{_UNITS[form[2]]: float(form[1])})
    except OverflowError:
        raise ValueError(f"{text!r} is longer than any calendar") from None


def refuse_upside_down(least: Bound | None, most: Bound | None) -> None:
    """Raise `ValueError` where two bounds leave nothing between them, or are of two kinds."""
    ends = [datetime.fromisoformat(end).isoformat() if isinstance(end, str) else end for end in (least, most)]
    if least is None or most is None:
        return
    if isinstance(least, str) != isinstance(most, str):
        raise ValueError(f"min {least!r} and max {most!r} are of two kinds")
    low, high = ends
    if low > high:  # type: ignore[operator]
        raise ValueError(f"min {least} is greater than max {most}")


def _each_once(names: tuple[str, ...]) -> tuple[str, ...]:
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"the column {doubled[0]!r} stands there twice")
    return names


ColumnNames = Annotated[tuple[str, ...], AfterValidator(_each_once)]
"""Columns, each of them once."""


class Bounded(Record):
    """What has to lie between two ends, one of which may be left out; the ends themselves are allowed."""

    min: float | None = None
    """The least value allowed."""
    max: float | None = None
    """The greatest value allowed."""

    @model_validator(mode="after")
    def _bounds_something(self) -> Bounded:
        if self.min is None and self.max is None:
            raise ValueError("neither min nor max is given")
        refuse_upside_down(self.min, self.max)
        return self


class Condition(Record):
    """Which rows a check looks at: those where all that is said here holds; a missing value fulfils `missing` alone."""

    column: str
    """The column that it looks at."""
    is_: Annotated[Scalar | tuple[Scalar, ...] | None, Field(alias="is")] = None
    """The value, or one of the values, that the column has to hold."""
    min: Bound | None = None
    """The least value it may hold."""
    max: Bound | None = None
    """The greatest value it may hold."""
    missing: bool | None = None
    """Whether its value has to be missing (true) or to be there (false)."""

    @model_validator(mode="after")
    def _says_something(self) -> Condition:
        if self.is_ is None and self.min is None and self.max is None and self.missing is None:
            raise ValueError("a condition needs is, min, max or missing")
        refuse_upside_down(self.min, self.max)
        return self


class AnyCheck(Record):
    """What every check has."""

    name: str | None = None
    """Its name in the reports; made of its kind and columns when absent."""
    severity: Severity = Severity.FAIL
    """fail, or warn: it is shown and fails nothing."""


class RowCheck(AnyCheck):
    """A check that each row passes or fails."""

    mostly: Annotated[float, Field(gt=0, le=1)] = 1.0
    """The share of the rows looked at that must hold."""
    when: Condition | None = None
    """Look at these rows alone; at all when absent. It is inconclusive when there are none."""


class ValueCheck(RowCheck):
    """A check of one column's values; rows without a value are not looked at."""

    column: str
    """The column that it looks at."""
