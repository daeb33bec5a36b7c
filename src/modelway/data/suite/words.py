"""What a check asks for, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelway.data.suite.outcome import between, number, percent
from modelway.records.suite import (
    AllowedCheck,
    BaselineCheck,
    CategoryShareCheck,
    ColumnsCheck,
    CompareCheck,
    CountCheck,
    DateFormatCheck,
    DistinctCountCheck,
    DistinctShareCheck,
    DuplicatesCheck,
    ForbiddenCheck,
    FreshnessCheck,
    LengthCheck,
    MissingCheck,
    OrderCheck,
    QuantileCheck,
    RangeCheck,
    RegexCheck,
    RequiredCheck,
    StatisticCheck,
    TypeCheck,
    UniqueCheck,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelway.records.data import Column
    from modelway.records.suite import Check, Condition, LeftOut

_SHOWN = 10


def expected(check: Check) -> str:
    """What must hold for a check to pass."""
    said = _expected(check)
    mostly = getattr(check, "mostly", 1.0)
    when: Condition | None = getattr(check, "when", None)
    if mostly < 1:
        said += f", in at least {percent(mostly)} of the rows"
    return said if when is None else f"{said}, where {_condition(when)}"


def column_expected(column: Column) -> str:
    """What the settings' `columns` say of a column's type and missing values."""
    kind = f"{column.type} of the form {column.format!r}" if column.format else str(column.type)
    return f"{kind}, may be missing" if column.nullable else f"{kind}, never missing"


def listed(values: Sequence[object]) -> str:
    """Some values, the first of them if they are many."""
    shown = ", ".join(str(value).lower() if isinstance(value, bool) else str(value) for value in values[:_SHOWN])
    return shown if len(values) <= _SHOWN else f"{shown} and {len(values) - _SHOWN} more"


def _expected(check: Check) -> str:  # noqa: PLR0911 - one line a kind
    match check:
        case RangeCheck():
            return _range(check)
        case AllowedCheck():
            return f"one of {listed(check.values)}"
        case ForbiddenCheck():
            return f"none of {listed(check.values)}"
        case RegexCheck():
            return f"{'not found' if check.negate else 'found'}: {check.pattern}"
        case LengthCheck():
            return between(check.min, check.max, "characters")
        case DateFormatCheck():
            return f"a date of the form {check.format!r}"
        case OrderCheck():
            return f"{'strictly ' if check.strict else ''}{check.check}"
        case CompareCheck():
            return f"{check.column} {check.operator} {check.other}{_left_out(check.missing)}"
        case MissingCheck():
            return f"missing: {between(percent(check.min) if check.min else None, percent(check.max))}"
        case _:
            return _expected_of_all(check)


def _left_out(missing: LeftOut) -> str:
    """Which rows with missing values are looked at besides the usual ones."""
    return {"any": "", "all": ", also where one is missing", "none": ", also where all are missing"}[missing]


def _expected_of_all(check: Check) -> str:  # noqa: PLR0911 - one line a kind
    match check:
        case UniqueCheck():
            return f"unique: {', '.join(check.columns)}{_left_out(check.missing)}"
        case DuplicatesCheck():
            return f"rows equal to an earlier one: at most {percent(check.max)}"
        case StatisticCheck() | CountCheck() | DistinctCountCheck():
            return f"{check.check.replace('_', ' ')} {between(check.min, check.max)}"
        case QuantileCheck():
            return f"{number(check.q * 100)} % quantile {between(check.min, check.max)}"
        case DistinctShareCheck():
            return f"different values: {between(percent(check.min), percent(check.max))}"
        case RequiredCheck():
            return f"each occurs: {listed(check.values)}"
        case CategoryShareCheck():
            return f"share of {listed(check.values)}: {between(percent(check.min), percent(check.max))}"
        case ColumnsCheck():
            order = ", in this order" if check.order else ""
            return f"the columns {listed(check.names)}{' and no other' if check.exact else ''}{order}"
        case TypeCheck():
            return f"of type {' or '.join(check.types)}{', as it is stored' if check.as_stored else ''}"
        case FreshnessCheck():
            return f"newest date at most {check.max_age} old, at most {check.max_ahead} ahead"
        case BaselineCheck():
            off = number(check.tolerance) if check.absolute else percent(check.tolerance)
            return f"{check.statistic} within {off} of the baseline's"
    raise AssertionError(check)


def _range(check: RangeCheck) -> str:
    if not check.strict_min and not check.strict_max:
        return between(check.min, check.max)
    parts = []
    if check.min is not None:
        parts.append(f"{'greater than' if check.strict_min else 'at least'} {check.min}")
    if check.max is not None:
        parts.append(f"{'less than' if check.strict_max else 'at most'} {check.max}")
    return " and ".join(parts)


def _condition(when: Condition) -> str:
    parts = []
    if when.is_ is not None:
        parts.append(f"is {listed(when.is_ if isinstance(when.is_, tuple) else (when.is_,))}")
    if when.min is not None or when.max is not None:
        parts.append(f"is {between(when.min, when.max)}")
    if when.missing is not None:
        parts.append("is missing" if when.missing else "has a value")
    return f"{when.column} {' and '.join(parts)}"
