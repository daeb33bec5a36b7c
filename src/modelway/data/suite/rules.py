"""What each row of a data set passes or breaks: one polars expression a check."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Protocol

import polars as pl

from modelway.data.suite.values import ORDERED, TEXTS, MisfitError, bound, is_one_of, missing, need_type
from modelway.records.data import ColumnType
from modelway.records.suite import (
    AllowedCheck,
    CompareCheck,
    DateFormatCheck,
    ForbiddenCheck,
    LengthCheck,
    MissingCheck,
    OrderCheck,
    RangeCheck,
    RegexCheck,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelway.data.suite.batches import Batch
    from modelway.data.suite.kinds import Kind

    RowCheck = (
        RangeCheck
        | AllowedCheck
        | ForbiddenCheck
        | RegexCheck
        | LengthCheck
        | DateFormatCheck
        | OrderCheck
        | CompareCheck
        | MissingCheck
    )

ROW_CHECKS = (
    RangeCheck,
    AllowedCheck,
    ForbiddenCheck,
    RegexCheck,
    LengthCheck,
    DateFormatCheck,
    OrderCheck,
    CompareCheck,
    MissingCheck,
)
_ANY = frozenset(ColumnType)


class Rule(Protocol):
    """Judges rows."""

    def broken(self, batch: Batch, /) -> pl.Expr:
        """True for a row that breaks it, false for one that holds, null for one that it does not look at."""

    def seen(self, batch: Batch, /) -> None:
        """Called after each piece, in order, for rules that look at neighbours."""


class _Plain:
    """A rule that looks at each row by itself and is the same for all pieces."""

    def __init__(self, broken: pl.Expr) -> None:
        self._broken = broken

    def broken(self, _batch: Batch) -> pl.Expr:
        return self._broken

    def seen(self, _batch: Batch) -> None:
        pass


class _Missing:
    def __init__(self, name: str, *, wanted: bool) -> None:
        self._name, self._wanted = name, wanted

    def broken(self, batch: Batch) -> pl.Expr:
        nothing = missing(batch, self._name)
        return ~nothing if self._wanted else nothing

    def seen(self, _batch: Batch) -> None:
        pass


class _Schema:
    """A value that is missing but must not be, that is unreadable, or that is no finite number."""

    def __init__(self, name: str, *, nullable: bool, finite: bool) -> None:
        self._name, self._nullable, self._finite = name, nullable, finite

    def broken(self, batch: Batch) -> pl.Expr:
        column = pl.col(self._name)
        mask = batch.unreadable(self._name)
        broken = pl.repeat(False, pl.len()) if mask is None else mask.fill_null(value=False)
        if not self._nullable:
            broken = column.is_null()
        if self._finite:
            broken = broken | ~column.is_finite().fill_null(value=True)
        return broken

    def seen(self, _batch: Batch) -> None:
        pass


class _Order:
    """A value that goes the wrong way from the last one before it that is there."""

    def __init__(self, check: OrderCheck) -> None:
        self._name = check.column
        self._wrong = {
            ("increasing", False): pl.Expr.lt,
            ("increasing", True): pl.Expr.le,
            ("decreasing", False): pl.Expr.gt,
            ("decreasing", True): pl.Expr.ge,
        }[check.check, check.strict]
        self._last: float | datetime | str | None = None

    def broken(self, batch: Batch) -> pl.Expr:
        column = pl.col(self._name)
        kind = batch.frame.schema[self._name]
        before = column.forward_fill().shift(1)
        if self._last is not None:
            before = before.fill_null(pl.lit(self._last, kind))
        first = column.is_not_null() & before.is_null()
        return pl.when(first).then(pl.lit(value=False)).otherwise(self._wrong(column, before))

    def seen(self, batch: Batch) -> None:
        present = batch.frame[self._name].drop_nulls()
        if len(present):
            self._last = present[-1]


class _DateFormat:
    """Text that Python's own parser refuses; each different text is tried once a piece."""

    def __init__(self, check: DateFormatCheck) -> None:
        self._name, self._format = check.column, check.format

    def broken(self, batch: Batch) -> pl.Expr:
        different = batch.frame[self._name].drop_nulls().unique()
        wrong = pl.Series([text for text in different if not self._fits(text)], dtype=pl.String)
        return pl.col(self._name).is_in(wrong.implode())

    def seen(self, _batch: Batch) -> None:
        pass

    def _fits(self, text: str) -> bool:
        try:
            datetime.strptime(text, self._format)  # noqa: DTZ007 - whether it parses is all that is asked
        except ValueError:
            return False
        return True


def schema_rule(name: str, kind: Kind) -> Rule:
    """What `columns` says of a column's type and of missing values."""
    nullable = kind.column is None or kind.column.nullable
    return _Schema(name, nullable=nullable, finite=kind.declared and kind.type is ColumnType.NUMBER)


def rule_of(check: RowCheck, kinds: Mapping[str, Kind]) -> Rule:
    """The rule of a check; raises `MisfitError` where it does not fit its column."""
    match check:
        case MissingCheck():
            return _Missing(check.column, wanted=check.min > 0 and check.max >= 1)
        case OrderCheck():
            need_type(kinds, check.column, ORDERED | TEXTS, check.check)
            return _Order(check)
        case DateFormatCheck():
            need_type(kinds, check.column, TEXTS, check.check)
            return _DateFormat(check)
        case _:
            return _Plain(_broken(check, kinds))


def _broken(
    check: RangeCheck | AllowedCheck | ForbiddenCheck | RegexCheck | LengthCheck | CompareCheck,
    kinds: Mapping[str, Kind],
) -> pl.Expr:
    column = pl.col(check.column)
    match check:
        case RangeCheck():
            return _out_of_range(check, need_type(kinds, check.column, ORDERED, check.check))
        case AllowedCheck():
            return ~is_one_of(check.column, need_type(kinds, check.column, _ANY, check.check), check.values)
        case ForbiddenCheck():
            return is_one_of(check.column, need_type(kinds, check.column, _ANY, check.check), check.values)
        case RegexCheck():
            need_type(kinds, check.column, TEXTS, check.check)
            _try_pattern(check.pattern)
            found = column.str.contains(check.pattern)
            return found if check.negate else ~found
        case LengthCheck():
            need_type(kinds, check.column, TEXTS, check.check)
            length = column.str.len_chars()
            least = 0 if check.min is None else check.min
            return (length < least) if check.max is None else ~length.is_between(least, check.max)
        case CompareCheck():
            return _compared(check, kinds)


def _out_of_range(check: RangeCheck, kind: ColumnType) -> pl.Expr:
    """NaN is in no range; polars takes it for greater than all numbers."""
    column = pl.col(check.column)
    parts = []
    if check.min is not None:
        least = bound(check.min, kind, check.column)
        parts.append(column <= least if check.strict_min else column < least)
    if check.max is not None:
        most = bound(check.max, kind, check.column)
        parts.append(column >= most if check.strict_max else column > most)
    elif kind is ColumnType.NUMBER:
        parts.append(column.is_nan())
    return pl.any_horizontal(parts) if len(parts) > 1 else parts[0]


def _compared(check: CompareCheck, kinds: Mapping[str, Kind]) -> pl.Expr:
    families = {**dict.fromkeys(TEXTS, "text"), ColumnType.INTEGER: "number"}
    sides = [need_type(kinds, name, _ANY, "compare") for name in (check.column, check.other)]
    left, right = (families.get(side, side) for side in sides)
    if left != right:
        raise MisfitError(f"{check.column!r} is {sides[0]} and {check.other!r} is {sides[1]}: they can't be compared")
    operators = {
        "<": pl.Expr.lt,
        "<=": pl.Expr.le,
        "==": pl.Expr.eq,
        "!=": pl.Expr.ne,
        ">=": pl.Expr.ge,
        ">": pl.Expr.gt,
    }
    column, other = pl.col(check.column), pl.col(check.other)
    broken = ~operators[check.operator](column, other)
    if check.missing == "any":
        return broken
    both = pl.lit(None, pl.Boolean) if check.missing == "all" else pl.lit(value=True)
    one = pl.lit(check.operator != "!=")
    return (
        pl.when(column.is_null() & other.is_null())
        .then(both)
        .when(column.is_null() | other.is_null())
        .then(one)
        .otherwise(broken)
    )


def _try_pattern(pattern: str) -> None:
    try:
        pl.Series([""]).str.contains(pattern)
    except pl.exceptions.ComputeError as error:
        said = str(error).partition("\n\n")[0]
        reason = said.rpartition("error: ")[2].strip()
        raise MisfitError(f"the regular expression {pattern!r} is refused: {reason}", settings=True) from error
