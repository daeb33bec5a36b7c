"""The checks of a suite that look at all rows together."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from modelway.records.check_parts import (
    AnyCheck,
    Bounded,
    ColumnNames,
    LeftOut,
    Scalar,
    Share,
    parse_age,
    refuse_upside_down,
)
from modelway.records.data import ColumnType


class UniqueCheck(AnyCheck):
    """No key stands in two rows; exact."""

    check: Literal["unique"]
    columns: Annotated[ColumnNames, Field(min_length=1)]
    """The columns that together are the key."""
    missing: LeftOut = "any"
    """Rows that are not looked at: where any part of the key is missing, all are, or none; missing parts are equal."""
    mostly: Annotated[float, Field(gt=0, le=1)] = 1.0
    """The share of the rows looked at whose key no other row has."""


class DuplicatesCheck(AnyCheck):
    """The share of the rows that are equal to an earlier one; missing values are equal to each other. Exact."""

    check: Literal["duplicates"]
    columns: ColumnNames = ()
    """The columns to compare; all when empty."""
    max: Share = 0.0
    """The greatest share allowed."""


class StatisticCheck(AnyCheck, Bounded):
    """A statistic of a column's values (integer, number; median, minimum and maximum of dates as well, in seconds)."""

    check: Literal["mean", "std", "sum", "median", "minimum", "maximum"]
    """`std` is the sample's, with n - 1; `median` is as exact as `quantile`."""
    column: str
    """The column that it looks at."""


class QuantileCheck(AnyCheck, Bounded):
    """A quantile of a column's values, within the sketch's error of rank that the result tells."""

    check: Literal["quantile"]
    column: str
    """The column that it looks at."""
    q: Share
    """0.5 is the median."""


class DistinctCountCheck(AnyCheck, Bounded):
    """How many different values a column has."""

    check: Literal["distinct_count"]
    column: str
    """The column that it looks at."""


class DistinctShareCheck(AnyCheck):
    """How many different values a column has, as a share of its rows with a value."""

    check: Literal["distinct_share"]
    column: str
    """The column that it looks at."""
    min: Share = 0.0
    """The least share allowed."""
    max: Share = 1.0
    """The greatest share allowed."""

    @model_validator(mode="after")
    def _is_upright(self) -> DistinctShareCheck:
        refuse_upside_down(self.min, self.max)
        return self


class RequiredCheck(AnyCheck):
    """Each of these values occurs."""

    check: Literal["required"]
    column: str
    """The column that it looks at."""
    values: Annotated[tuple[Scalar, ...], Field(min_length=1)]
    """The values meant."""


class CategoryShareCheck(AnyCheck):
    """The share of some values among a column's rows with a value."""

    check: Literal["category_share"]
    column: str
    """The column that it looks at."""
    values: Annotated[tuple[Scalar, ...], Field(min_length=1)]
    """Counted together."""
    min: Share = 0.0
    """The least share allowed."""
    max: Share = 1.0
    """The greatest share allowed."""

    @model_validator(mode="after")
    def _is_upright(self) -> CategoryShareCheck:
        refuse_upside_down(self.min, self.max)
        return self


class CountCheck(AnyCheck, Bounded):
    """How many rows, or columns, the data set has."""

    check: Literal["row_count", "column_count"]
    """Which of them is meant."""


class ColumnsCheck(AnyCheck):
    """Which columns the data set has."""

    check: Literal["columns"]
    names: Annotated[ColumnNames, Field(min_length=1)]
    """Those that it has to have."""
    exact: bool = True
    """Whether no other column is allowed."""
    order: bool = False
    """Whether they have to stand in this order."""


class TypeCheck(AnyCheck):
    """Of which type a column's values are."""

    check: Literal["type"]
    column: str
    """The column that it looks at."""
    types: Annotated[tuple[ColumnType, ...], Field(min_length=1)]
    """One of these."""
    as_stored: bool = False
    """Whether a file that tells the type of its numbers decides; else an integer is a number as well."""


class FreshnessCheck(AnyCheck):
    """How old the newest date is."""

    check: Literal["freshness"]
    column: str
    """The column that it looks at."""
    max_age: str
    """The greatest age allowed, as 12h or 2d: a number and one of s, m, h, d, w."""
    max_ahead: str = "1d"
    """How far ahead of now the newest date may lie, so that one wrong date does not make old data fresh."""

    @model_validator(mode="after")
    def _are_ages(self) -> FreshnessCheck:
        parse_age(self.max_age)
        parse_age(self.max_ahead)
        return self


class BaselineCheck(AnyCheck):
    """A statistic is near that of the stored baseline."""

    check: Literal["baseline"]
    statistic: Literal["rows", "missing", "distinct", "mean", "std", "minimum", "maximum", "median", "shares"]
    """`shares` is the greatest difference in any value's share of the rows with a value."""
    column: str | None = None
    """The column; absent for rows alone."""
    tolerance: Annotated[float, Field(ge=0)]
    """How far it may be off: as a part of the baseline's value, but of `missing` and `shares` as it stands."""
    absolute: bool = False
    """Whether the tolerance is in the statistic's own units."""

    @model_validator(mode="after")
    def _names_a_column(self) -> BaselineCheck:
        if (self.statistic == "rows") != (self.column is None):
            raise ValueError(f"statistic {self.statistic} " + ("has no column" if self.column else "needs a column"))
        return self
