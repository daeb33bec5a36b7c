"""Values of the settings as polars takes them, and the conditions that choose rows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import polars as pl

from modelway.records.data import ColumnType

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modelway.data.suite.batches import Batch
    from modelway.data.suite.kinds import Kind
    from modelway.records.suite import Bound, Condition, Scalar

NUMERIC = frozenset({ColumnType.INTEGER, ColumnType.NUMBER})
TEXTS = frozenset({ColumnType.CATEGORY, ColumnType.TEXT})
ORDERED = NUMERIC | {ColumnType.DATE}
INSTANT = pl.Datetime("us", "UTC")


class MisfitError(Exception):
    """A check that can't be asked of its columns: its text says why.

    Args:
        what: what is wrong.
        settings: whether that is so whatever the data hold.
    """

    def __init__(self, what: str, *, settings: bool = False) -> None:
        super().__init__(what)
        self.settings = settings


def need_type(kinds: Mapping[str, Kind], name: str, allowed: frozenset[ColumnType], what: str) -> ColumnType:
    """The type of a column; raises `MisfitError` where it is none of those."""
    found = kinds[name].type
    if found is None or found not in allowed:
        listed = ", ".join(sorted(allowed))
        raise MisfitError(f"{what} is for {listed} columns; {name!r} is {found or kinds[name].stored}")
    return found


def instant(text: object, name: str) -> datetime:
    """A date of the settings; one without a zone is UTC. Raises `MisfitError` where it is none."""
    try:
        moment = datetime.fromisoformat(text if isinstance(text, str) else "")
    except ValueError:
        raise MisfitError(f"{name!r} is a date column; {text!r} is no ISO 8601 date") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def bound(value: Bound, kind: ColumnType, name: str) -> pl.Expr:
    """An end of a range as a literal of the column's type."""
    if kind is ColumnType.DATE:
        return pl.lit(instant(value, name), INSTANT)
    if isinstance(value, str):
        raise MisfitError(f"{name!r} is {kind}; {value!r} is no number")
    return pl.lit(value)


def is_one_of(name: str, kind: ColumnType, values: Sequence[Scalar]) -> pl.Expr:
    """Whether a column holds one of some values, null where it is missing."""
    column = pl.col(name)
    if kind is ColumnType.DATE:
        return column.is_in(pl.Series([instant(value, name) for value in values], dtype=INSTANT).implode())
    fitting: tuple[type, ...] = {ColumnType.BOOLEAN: (bool,), ColumnType.INTEGER: (int, float)}.get(kind, (str,))
    if kind is ColumnType.NUMBER:
        fitting = (int, float)
    for value in values:
        if not isinstance(value, fitting) or (isinstance(value, bool) and bool not in fitting):
            raise MisfitError(f"{name!r} is {kind}, so it can't hold {value!r}")
    if kind in NUMERIC:
        whole = kind is ColumnType.INTEGER
        # 2.0 is an integer's value, 2.5 is not: it can't occur and is left out.
        numbers = [int(value) if whole else float(value) for value in values if not whole or value == int(value)]
        return column.is_in(pl.Series(numbers, dtype=pl.Int64 if whole else pl.Float64).implode())
    return column.is_in(pl.Series(values, dtype=pl.Boolean if kind is ColumnType.BOOLEAN else pl.String).implode())


def missing(batch: Batch, name: str) -> pl.Expr:
    """Whether a row has no value in a column; never null. What is there but unreadable is not missing."""
    mask = batch.unreadable(name)
    nothing = pl.col(name).is_null()
    return nothing if mask is None else nothing & ~mask.fill_null(value=False)


class Choice:
    """The rows that a condition chooses."""

    def __init__(self, condition: Condition, kinds: Mapping[str, Kind]) -> None:
        self.columns = (condition.column,)
        self._missing = condition.missing
        name = condition.column
        parts: list[pl.Expr] = []
        if condition.is_ is not None:
            kind = need_type(kinds, name, frozenset(ColumnType), "when")
            wanted = condition.is_ if isinstance(condition.is_, tuple) else (condition.is_,)
            parts.append(is_one_of(name, kind, wanted))
        for end, operator in ((condition.min, pl.Expr.ge), (condition.max, pl.Expr.le)):
            if end is not None:
                kind = need_type(kinds, name, ORDERED, "min and max of when")
                parts.append(operator(pl.col(name), bound(end, kind, name)))
        self._parts = parts

    def rows(self, batch: Batch) -> pl.Expr:
        """True for the chosen rows, false for all others."""
        parts = [part.fill_null(value=False) for part in self._parts]
        if self._missing is not None:
            nothing = missing(batch, self.columns[0])
            parts.append(nothing if self._missing else pl.col(self.columns[0]).is_not_null())
        return pl.all_horizontal(parts)
