"""The data docs: what the checks of a data set found, and what its columns hold."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelway.records.checks import Severity
from modelway.records.verdict import Verdict
from modelway.report.data_charts import is_text, quantile_rows, small_histogram, value_chart, value_range
from modelway.report.formats import percent, scalar
from modelway.report.page import render

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelway.records.data_docs import ColumnSummary, DataCheck, DataChecks
    from modelway.report.svg import Chart

_WORST_FIRST = (Verdict.FAIL, Verdict.ERROR, Verdict.INCONCLUSIVE, Verdict.PASS)
_MOST_OPEN = 50
"""Checks of one group that stand open; of more the rest is folded."""
_MOST_EXAMPLES = 2000
"""Rows that broke checks on the whole page: a thousand checks with twenty each would be a page of many megabytes."""
_MOST_COLUMNS = 500
_MOST_CHARTS = 300
_MOST_FILES = 500
_MOST_VALUES = 20
_FEW_VALUES = 12
"""Different numbers up to which they are listed as well."""
_LEAST_SHARE = 0.005
"""Of the rows, for a value that was counted in a sample: what is rarer stands there by chance."""


def render_data_docs(result: DataChecks) -> str:
    """The data docs as one HTML page that loads nothing.

    Args:
        result: the checks with what they found, and the columns' profiles.
    """
    shown = _shown_checks(result.checks)
    places = {summary.name: place for place, summary in enumerate(result.profile.columns[:_MOST_COLUMNS])}
    return render(
        "data_docs.html",
        result=result,
        headline=_headline(result.checks),
        groups=_groups(shown),
        columns=_columns(result, shown),
        places=places,
        files=result.files[:_MOST_FILES],
        quantiles=quantile_rows,
        histogram_of=small_histogram,
        range_of=value_range,
        is_text=is_text,
        most_open=_MOST_OPEN,
    )


@dataclass(frozen=True)
class _Shown:
    """A check on the page.

    Attributes:
        place: its number on the page, for links.
        check: what it found.
        examples: how many of its examples the page has room for.
    """

    place: int
    check: DataCheck
    examples: int

    @property
    def share(self) -> float | None:
        """Failing rows among those looked at."""
        failing, rows = self.check.failing, self.check.rows
        return failing / rows if failing is not None and rows else None

    @property
    def evidence(self) -> dict[str, str]:
        """The numbers that decided, in words; the share of the rows is told where those are."""
        told = {"share"} if self.share is not None else set()
        shares = {"share", "rank_error"}
        return {
            key: percent(value) if key in shares and isinstance(value, float) else scalar(value)
            for key, value in self.check.observed.items()
            if key not in told
        }

    @property
    def warned(self) -> bool:
        """Whether it did not pass and only warns."""
        return self.check.severity is Severity.WARN and self.check.verdict is not Verdict.PASS


@dataclass(frozen=True)
class _Group:
    """Checks that ended alike."""

    title: str
    key: str
    checks: tuple[_Shown, ...]


@dataclass(frozen=True)
class _Headline:
    sentence: str
    deciding: tuple[DataCheck, ...]


@dataclass(frozen=True)
class _Column:
    """A column on the page: what it holds, drawn, and the checks that look at it."""

    place: int
    rows: int
    summary: ColumnSummary
    chart: Chart | None
    checks: tuple[_Shown, ...]

    @property
    def top(self) -> tuple[tuple[str, int], ...]:
        """The most frequent values where that says something: not of numbers that have a histogram, unless few."""
        held = self.summary
        if held.histogram is not None and held.mean is not None and (held.distinct or 0) > _FEW_VALUES:
            return ()
        least = 0 if held.top_exact else _LEAST_SHARE * self.rows
        return tuple(pair for pair in held.top[:_MOST_VALUES] if pair[1] >= least)

    @property
    def broken(self) -> int:
        """Checks that did not pass."""
        return sum(shown.check.verdict is not Verdict.PASS for shown in self.checks)

    @property
    def worst(self) -> Verdict:
        """Of its checks; those that only warn count as inconclusive at worst, so that red means red."""
        said = [Verdict.INCONCLUSIVE if one.warned else one.check.verdict for one in self.checks]
        return next((verdict for verdict in _WORST_FIRST if verdict in said), Verdict.PASS)


def _order(check: DataCheck) -> tuple[bool, bool, int]:
    """What decides comes first: what only warns stands behind all that fails, and before what passed."""
    warns = check.severity is Severity.WARN
    passed = check.verdict is Verdict.PASS
    return passed, warns, _WORST_FIRST.index(check.verdict)


def _shown_checks(checks: Sequence[DataCheck]) -> list[_Shown]:
    left = _MOST_EXAMPLES
    shown = []
    for place, check in enumerate(sorted(checks, key=_order)):
        room = min(left, len(check.examples))
        left -= room
        shown.append(_Shown(place, check, room))
    return shown


def _groups(shown: Sequence[_Shown]) -> list[_Group]:
    """Failed, not judged, inconclusive, warnings, passed; those without any check are left out."""
    groups: dict[str, list[_Shown]] = defaultdict(list)
    for one in shown:
        groups["warn" if one.warned else one.check.verdict].append(one)
    titles = {
        "fail": "Failed",
        "error": "Could not be judged",
        "inconclusive": "Inconclusive",
        "warn": "Warnings",
        "pass": "Passed",
    }
    return [_Group(title, key, tuple(groups[key])) for key, title in titles.items() if groups.get(key)]


def _headline(checks: Sequence[DataCheck]) -> _Headline:
    judging = [check for check in checks if check.severity is Severity.FAIL or check.verdict is Verdict.PASS]
    total, warnings = len(checks), len(checks) - len(judging)
    if not total:
        return _Headline("Nothing was checked.", ())
    counted = [
        f"{sum(check.verdict is verdict for check in judging):,} {said}"
        for verdict, said in (
            (Verdict.FAIL, "failed"),
            (Verdict.ERROR, "could not be judged"),
            (Verdict.INCONCLUSIVE, "inconclusive"),
            (Verdict.PASS, "passed"),
        )
        if any(check.verdict is verdict for check in judging)
    ]
    counted += [f"{warnings:,} {'warns' if warnings == 1 else 'warn'}"] if warnings else []
    deciding = [check for check in sorted(checks, key=_order) if check.verdict is not Verdict.PASS]
    if not deciding:
        return _Headline("The only check passed." if total == 1 else f"All {total:,} checks passed.", ())
    return _Headline(f"Of {total:,} check{'' if total == 1 else 's'}: {', '.join(counted)}.", tuple(deciding))


def _columns(result: DataChecks, shown: Sequence[_Shown]) -> list[_Column]:
    by_column: dict[str, list[_Shown]] = defaultdict(list)
    for one in shown:
        for name in dict.fromkeys(one.check.columns):
            by_column[name].append(one)
    return [
        _Column(
            place,
            result.profile.rows,
            summary,
            value_chart(summary) if place < _MOST_CHARTS else None,
            tuple(by_column[summary.name]),
        )
        for place, summary in enumerate(result.profile.columns[:_MOST_COLUMNS])
    ]
