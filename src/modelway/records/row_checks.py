"""The checks of a suite that look at each row by itself, or at its neighbours."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from modelway.records.check_parts import (
    AnyCheck,
    Bound,
    Bounded,
    Condition,
    LeftOut,
    RowCheck,
    Scalar,
    Share,
    ValueCheck,
    refuse_upside_down,
)


class RangeCheck(ValueCheck):
    """Each value lies between two ends (integer, number, date)."""

    check: Literal["range"]
    min: Bound | None = None
    """The least value allowed."""
    max: Bound | None = None
    """The greatest value allowed."""
    strict_min: bool = False
    """Whether `min` itself is not allowed."""
    strict_max: bool = False
    """Whether `max` itself is not allowed."""

    @model_validator(mode="after")
    def _bounds_something(self) -> RangeCheck:
        if self.min is None and self.max is None:
            raise ValueError("neither min nor max is given")
        refuse_upside_down(self.min, self.max)
        return self


class AllowedCheck(ValueCheck):
    """Each value is one of these."""

    check: Literal["allowed"]
    values: Annotated[tuple[Scalar, ...], Field(min_length=1)]
    """The values meant."""


class ForbiddenCheck(ValueCheck):
    """No value is one of these."""

    check: Literal["forbidden"]
    values: Annotated[tuple[Scalar, ...], Field(min_length=1)]
    """The values meant."""


class RegexCheck(ValueCheck):
    """A regular expression is found in each text; it has to begin with ^ and end with $ to mean the whole text."""

    check: Literal["regex"]
    pattern: str
    """In the syntax of Rust's regex crate: without look-around and backreferences, so in linear time."""
    negate: bool = False
    """Whether it must not be found instead."""


class LengthCheck(ValueCheck, Bounded):
    """Each text has so many characters."""

    check: Literal["length"]


class DateFormatCheck(ValueCheck):
    """Each text is a date of this form."""

    check: Literal["date_format"]
    format: str
    """As for strptime."""


class OrderCheck(ValueCheck):
    """No value is less (increasing) or greater (decreasing) than the one before it, across all files in order."""

    check: Literal["increasing", "decreasing"]
    """Which of them is meant."""
    strict: bool = False
    """Whether equal neighbours are not allowed either."""


class CompareCheck(RowCheck):
    """In each row, one column's value compares so with another's."""

    check: Literal["compare"]
    column: str
    """The column that it looks at."""
    operator: Literal["<", "<=", "==", "!=", ">=", ">"]
    """How `column` has to compare with `other`."""
    other: str
    """The column to compare with."""
    missing: LeftOut = "any"
    """Rows that are not looked at: where any of the two is missing, all, or none. In those that are, a missing value
    is unequal to any value, equal to a missing one for != alone, and breaks every other comparison."""


class MissingCheck(AnyCheck):
    """The share of the rows without a value; a number that is NaN is a value."""

    check: Literal["missing"]
    column: str
    """The column that it looks at."""
    min: Share = 0.0
    """The least share allowed; 1 wants no value at all."""
    max: Share = 0.0
    """The greatest share allowed."""
    when: Condition | None = None
    """Look at these rows alone."""

    @model_validator(mode="after")
    def _is_upright(self) -> MissingCheck:
        if "min" in self.model_fields_set and "max" not in self.model_fields_set:
            raise ValueError("min without max would ask for a share of at least min and at most 0")
        refuse_upside_down(self.min, self.max)
        return self
