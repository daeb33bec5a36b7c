"""Checks against a stored profile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from modelway.data.suite.outcome import Facts, Outcome, impossible, judged, number, percent, undecided
from modelway.errors import InputError
from modelway.records.data_docs import DataProfile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from modelway.records.data_docs import ColumnSummary
    from modelway.records.suite import BaselineCheck

_DISTINCT_ERROR = 0.08
"""Of the ratio of two estimates of different values: three and a half of their standard errors together."""
_FIELDS = {"missing": "missing", "distinct": "distinct", "minimum": "min", "maximum": "max"}


def read_baseline(path: Path) -> DataProfile:
    """Read a `profile.json`; raises `InputError` where it is missing or torn."""
    try:
        return DataProfile.from_json(path.read_bytes())
    except FileNotFoundError:
        raise InputError(
            "there is no such baseline",
            where=str(path),
            remedy="Name the profile.json that an earlier check-data left.",
        ) from None
    except (OSError, ValidationError) as error:
        raise InputError(
            "this is no profile of a data set", where=str(path), remedy="Name the profile.json of check-data's output."
        ) from error


def judge_baseline(check: BaselineCheck, facts: Facts) -> Outcome:
    """A statistic against the baseline's."""
    assert facts.baseline is not None  # noqa: S101 - the plan asks for it
    if check.column is None:
        return _compared(check, float(facts.rows), float(facts.baseline.rows))
    before = next((column for column in facts.baseline.columns if column.name == check.column), None)
    if before is None:
        return undecided(f"the baseline has no column {check.column!r}")
    now = next(column for column in facts.profile.columns if column.name == check.column)
    if check.statistic == "shares":
        return _shares(check, now, before, facts)
    if check.statistic == "missing":
        here, there = now.missing / facts.rows, before.missing / facts.baseline.rows
        return _told(check, here, there, abs(here - there), percent)
    strange = facts.tallies[check.column].not_finite
    return impossible(f"{strange:,} values are no finite numbers") if strange else _statistics(check, now, before)


def _statistics(check: BaselineCheck, now: ColumnSummary, before: ColumnSummary) -> Outcome:
    here, there = _statistic(check, now), _statistic(check, before)
    if here is None or there is None:
        where = "data" if here is None else "baseline"
        return undecided(f"the {where} has no {check.statistic} of {check.column!r}")
    if check.statistic == "distinct" and not (now.distinct_exact and before.distinct_exact):
        return _estimated(check, here, there)
    return _compared(check, here, there)


def _estimated(check: BaselineCheck, here: float, there: float) -> Outcome:
    """Estimates are compared as far as they can be trusted: a difference that their errors may make or hide is open."""
    outcome = _compared(check, here, there)
    off = outcome.observed.get("off")
    error = _DISTINCT_ERROR * (max(here, there) if check.absolute else 1)
    if isinstance(off, int | float) and abs(off - check.tolerance) <= error:
        return undecided(f"{outcome.reason}, which is within the error of the estimates", **outcome.observed)
    return outcome


def _statistic(check: BaselineCheck, column: ColumnSummary) -> float | None:
    if check.statistic == "median":
        return column.quantiles.get("0.5")
    return getattr(column, _FIELDS.get(check.statistic, check.statistic))  # type: ignore[no-any-return]


def _compared(check: BaselineCheck, here: float, there: float) -> Outcome:
    if check.absolute:
        return _told(check, here, there, abs(here - there), number)
    if there == 0:
        if here == 0:
            return _told(check, here, there, 0.0, number)
        return undecided("the baseline's value is 0, of which no part can be taken; set absolute")
    return _told(check, here, there, abs(here - there) / abs(there), number)


def _told(check: BaselineCheck, here: float, there: float, off: float, said: Callable[[float], str]) -> Outcome:
    by = number(off) if check.absolute and check.statistic != "missing" else percent(off)
    reason = f"it is {said(here)}, in the baseline {said(there)}; that is off by {by}"
    return judged(off <= check.tolerance, reason, {"value": here, "baseline": there, "off": off})


def _shares(check: BaselineCheck, now: ColumnSummary, before: ColumnSummary, facts: Facts) -> Outcome:
    """The greatest difference in any value's share. Values beyond those that the profile lists can't be compared."""
    assert facts.baseline is not None  # noqa: S101 - as above
    sides = []
    for column, rows in ((now, facts.rows), (before, facts.baseline.rows)):
        present = rows - column.missing - column.unreadable
        listed = sum(count for _, count in column.top)
        if not present or not column.top_exact or listed != present:
            return undecided(f"{check.column!r} has no values, or more different ones than a profile lists")
        sides.append({value: count / present for value, count in column.top})
    here, there = sides
    value = max(sorted({*here, *there}), key=lambda one: abs(here.get(one, 0.0) - there.get(one, 0.0)))
    off = abs(here.get(value, 0.0) - there.get(value, 0.0))
    reason = (
        f"the share of {value!r} is off the most: {percent(here.get(value, 0.0))}, "
        f"in the baseline {percent(there.get(value, 0.0))}"
    )
    return judged(off <= check.tolerance, reason, {"off": off, "value": value})
