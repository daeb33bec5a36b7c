"""Checks that are judged in the end, from what was added up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from modelway.data.suite.key_rows import Key
from modelway.data.suite.outcome import Facts, Outcome, between, impossible, judged, number, percent, undecided, within
from modelway.data.suite.values import NUMERIC, ORDERED, TEXTS, need_type
from modelway.records.data import ColumnType
from modelway.records.suite import (
    BaselineCheck,
    ColumnsCheck,
    CountCheck,
    DistinctCountCheck,
    DistinctShareCheck,
    DuplicatesCheck,
    FreshnessCheck,
    QuantileCheck,
    StatisticCheck,
    TypeCheck,
    UniqueCheck,
    parse_age,
)
from modelway.records.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelway.data.suite.kinds import Kind
    from modelway.data.suite.tally import ColumnTally
    from modelway.records.suite import Check
    from modelway.sketches import Quantile


def need_fit(check: Check, kinds: Mapping[str, Kind]) -> None:
    """Raise `MisfitError` where a check that is judged in the end does not fit its column's type."""
    match check:
        case StatisticCheck():
            need_type(
                kinds,
                check.column,
                ORDERED if check.check in {"minimum", "maximum", "median"} else NUMERIC,
                check.check,
            )
        case QuantileCheck():
            need_type(kinds, check.column, ORDERED, check.check)
        case FreshnessCheck():
            need_type(kinds, check.column, frozenset({ColumnType.DATE}), check.check)
        case DistinctCountCheck() | DistinctShareCheck():
            need_type(kinds, check.column, frozenset(ColumnType), check.check)
        case UniqueCheck() | DuplicatesCheck():
            for name in check.columns or tuple(kinds):
                need_type(kinds, name, frozenset(ColumnType), check.check)
        case BaselineCheck() if check.column is not None and check.statistic in {"mean", "std"}:
            need_type(kinds, check.column, NUMERIC, f"the baseline's {check.statistic}")
        case BaselineCheck() if check.column is not None and check.statistic in {"minimum", "maximum", "median"}:
            need_type(kinds, check.column, ORDERED, f"the baseline's {check.statistic}")


def judge_statistic(check: StatisticCheck, facts: Facts) -> Outcome:
    """Mean, standard deviation, sum, median, least or greatest value."""
    tally = facts.tallies[check.column]
    if check.check == "median":
        return _judge_quantile(tally, 0.5, check)
    if (nothing := _nothing_to_judge(tally)) is not None:
        return nothing
    value = {
        "mean": tally.mean,
        "std": tally.std,
        "sum": tally.total,
        "minimum": tally.least,
        "maximum": tally.most,
    }[check.check]
    if value is None or abs(value) == float("inf"):
        return undecided(f"the {check.check} of {tally.present:,} values is not defined")
    return _bounded(check, value)


def judge_quantile(check: QuantileCheck, facts: Facts) -> Outcome:
    """A quantile, as exactly as the sketch knows it."""
    return _judge_quantile(facts.tallies[check.column], check.q, check)


def judge_distinct(check: DistinctCountCheck | DistinctShareCheck, facts: Facts) -> Outcome:
    """How many different values there are."""
    keys = facts.keys[Key((check.column,))]
    if isinstance(check, DistinctCountCheck):
        return _bounded(check, keys.distinct)
    if not keys.rows:
        return undecided("no row has a value")
    share = keys.distinct / keys.rows
    reason = f"{keys.distinct:,} different ones in {keys.rows:,} rows with a value ({percent(share)})"
    return judged(within(share, check.min, check.max), reason, {"distinct": keys.distinct, "share": share})


def judge_unique(check: UniqueCheck, facts: Facts) -> Outcome:
    """The rows whose key no other row has."""
    keys = facts.keys[Key(check.columns, check.missing)]
    if not keys.rows:
        return undecided("no row has a key")
    share = (keys.rows - keys.shared) / keys.rows
    reason = "each key stands in one row"
    if keys.shared:
        reason = f"{keys.shared:,} of {keys.rows:,} rows share their key with another ({percent(1 - share)})"
    verdict = Verdict.PASS if share >= check.mostly else Verdict.FAIL
    return Outcome(verdict, reason, {"share": share}, keys.rows, keys.shared)


def judge_duplicates(check: DuplicatesCheck, facts: Facts) -> Outcome:
    """The rows that are equal to an earlier one."""
    keys = facts.keys[Key(check.columns or tuple(facts.kinds), "none", later=True)]
    share = keys.later / keys.rows
    reason = f"{keys.later:,} of {keys.rows:,} rows are equal to an earlier one ({percent(share)})"
    outcome = judged(share <= check.max, reason if keys.later else "no row is equal to another", {"share": share})
    return Outcome(outcome.verdict, outcome.reason, outcome.observed, keys.rows, keys.later)


def judge_count(check: CountCheck, facts: Facts) -> Outcome:
    """How many rows or columns there are."""
    return _bounded(check, facts.rows if check.check == "row_count" else len(facts.columns))


def judge_columns(check: ColumnsCheck, facts: Facts) -> Outcome:
    """Which columns there are."""
    return compare_columns(check.names, facts, others=not check.exact, order=check.order)


def compare_columns(
    names: tuple[str, ...],
    facts: Facts,
    *,
    others: bool,
    order: bool,
    ignored: frozenset[str] = frozenset(),
    optional: frozenset[str] = frozenset(),
) -> Outcome:
    """Whether each file has these columns.

    Args:
        names: those that have to be there.
        facts: what was found.
        others: whether there may be any others.
        order: whether they have to stand in this order.
        ignored: others that may be there in any case.
        optional: of `names`, those that JSON Lines may leave out.
    """
    faults = []
    for file in facts.files:
        needed = [name for name in names if not (file.format == ".jsonl" and name in optional)]
        found = list(file.stored)
        if absent := [name for name in needed if name not in file.stored]:
            faults.append(f"{file.name} lacks {_listed(absent)}")
        elif order and (there := [name for name in found if name in names]) != [n for n in names if n in there]:
            faults.append(f"{file.name} has them in the order {_listed(there)}")
    unlisted = [name for name in facts.columns if name not in names and name not in ignored]
    if unlisted and not others:
        faults.append(f"{_listed(unlisted)} should not be there")
    reason = "; ".join(faults[:3]) + (f"; and {len(faults) - 3} more" if len(faults) > 3 else "")
    observed: dict[str, float | int | str | None] = {"columns": len(facts.columns), "faults": len(faults)}
    return judged(not faults, reason or "the columns are those", observed)


def judge_type(check: TypeCheck, facts: Facts) -> Outcome:
    """Of which type the values are."""
    kind = facts.kinds[check.column]
    alike = _types_alike(kind, as_stored=check.as_stored)
    tally = facts.tallies[check.column]
    if tally.missing == facts.rows:
        return undecided("no row has a value")
    found = str(kind.type or kind.stored)
    reason = f"it is {found}, stored as {kind.stored}"
    if tally.unreadable:
        reason += f"; {tally.unreadable:,} values are none"
    observed: dict[str, float | int | str | None] = {"type": found, "unreadable": tally.unreadable}
    return judged(bool(alike & set(check.types)) and not tally.unreadable, reason, observed)


def _types_alike(kind: Kind, *, as_stored: bool) -> set[ColumnType | None]:
    """What a column may be called: an integer is a number, and category and text are both text."""
    if as_stored and kind.stored.startswith(("int", "uint")):
        return {ColumnType.INTEGER}
    if as_stored and kind.stored in {"halffloat", "float", "double"}:
        return {ColumnType.NUMBER}
    if kind.type is ColumnType.INTEGER:
        return {ColumnType.INTEGER, ColumnType.NUMBER}
    return {*TEXTS} if kind.type in TEXTS else {kind.type}


def judge_freshness(check: FreshnessCheck, facts: Facts) -> Outcome:
    """How old the newest date is."""
    newest = facts.tallies[check.column].most
    if newest is None:
        return undecided("no row has a date")
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=newest)
    age = facts.now - moment
    observed: dict[str, float | int | str | None] = {"newest": moment.isoformat(), "age_seconds": age.total_seconds()}
    if -age > parse_age(check.max_ahead):
        return judged(False, f"the newest date is {moment.isoformat()}, {_span(-age)} ahead of now", observed)
    fresh = age <= parse_age(check.max_age)
    when = f"{_span(age)} old" if age >= timedelta() else f"{_span(-age)} ahead of now"
    return judged(fresh, f"the newest date is {moment.isoformat()}, {when}", observed)


def _judge_quantile(tally: ColumnTally, q: float, check: StatisticCheck | QuantileCheck) -> Outcome:
    if (nothing := _nothing_to_judge(tally)) is not None:
        return nothing
    assert tally.sketch is not None  # noqa: S101 - the plan asks for it
    found: Quantile = tally.sketch.quantile(q)
    sides = {within(end, check.min, check.max) for end in (found.low, found.value, found.high)}
    spans = check.min is not None and check.max is not None and found.low < check.min and found.high > check.max
    observed: dict[str, float | int | str | None] = {
        "value": found.value,
        "low": found.low,
        "high": found.high,
        "rank_error": tally.sketch.error,
    }
    said = number(found.value)
    if found.low != found.high:
        said += f", between {number(found.low)} and {number(found.high)} for certain"
    if len(sides) > 1 or spans:
        return undecided(f"it is {said}, which leaves the bound open", **observed)
    return judged(sides == {True}, f"it is {said}", observed)


def _nothing_to_judge(tally: ColumnTally) -> Outcome | None:
    if tally.not_finite:
        return impossible(f"{tally.not_finite:,} values are no finite numbers")
    return undecided("no row has a value") if not tally.present else None


def _bounded(check: StatisticCheck | DistinctCountCheck | CountCheck, value: float) -> Outcome:
    wanted = between(check.min, check.max)
    holds = within(value, check.min, check.max)
    reason = f"it is {number(value)}" if holds else f"it is {number(value)}; {wanted} is asked for"
    return judged(holds, reason, {"value": value})


def _span(span: timedelta) -> str:
    hours = span.total_seconds() / 3600
    return f"{hours / 24:,.1f} days" if hours >= 48 else f"{hours:,.1f} hours"


def _listed(names: list[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"
