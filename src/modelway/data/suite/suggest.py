"""Proposes a suite that a data set fulfils, for a person to read, correct and keep."""

from __future__ import annotations

import json
import math
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from modelway.escaping import json_text, printable
from modelway.records.check_data import CheckDataOptions
from modelway.records.checks import Severity
from modelway.records.data import Column, ColumnType
from modelway.records.suite import CountCheck, LengthCheck, MissingCheck, RangeCheck, StatisticCheck, UniqueCheck
from modelway.records.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelway.records.data_docs import ColumnSummary, DataChecks
    from modelway.records.suite import Check

_MOST_VALUES = 20
"""Different values up to which a column is taken for a category."""
_ROWS_PER_VALUE = 5
"""Rows that each of them has at least on average; of fewer rows nobody knows whether there are more values."""
_ENOUGH = 100
"""Rows from which on a pattern, such as no repetition or one length, is taken for a rule."""
_SLACK = 0.1
"""How far a range is widened at each end, as a part of its width."""
_MOST_KEY_LENGTH = 64
_MEAN_DEVIATIONS = 0.5
"""How many standard deviations the mean may move."""
_WHOLE = 2.0**53
_TINY = 1e-300
_NUMERIC = frozenset({ColumnType.INTEGER, ColumnType.NUMBER})
_TEXTS = frozenset({ColumnType.TEXT, ColumnType.CATEGORY})


def suggest_suite(result: DataChecks, declared: Mapping[str, Column] | None = None) -> CheckDataOptions:
    """The columns and checks that a data set of this kind fulfils.

    Of each column: its type, whether values may be missing and how many, a range with slack, the values where they are
    few, one length where all texts have one, that its values are keys where no two are equal, and how far its mean may
    move (a warning). Of the whole: how many rows, from half to twice as many.

    Args:
        result: what the data set was found to hold; its checks don't matter.
        declared: the columns as the settings have them; how their dates are written is taken over.

    Returns:
        The `columns`, `ignore` and `checks` of the settings' key `check_data`.
    """
    rows = result.profile.rows
    declared = declared or {}
    known = [summary for summary in result.profile.columns if summary.type is not None]
    checks: list[Check] = [
        CountCheck(check="row_count", min=_rounded(rows / 2, up=False), max=_rounded(2 * rows, up=True))
    ]
    for summary in known:
        checks += _checks(summary, rows)
    ignored = tuple(summary.name for summary in result.profile.columns if summary.type is None)
    return CheckDataOptions(
        columns={summary.name: _column(summary, rows, declared.get(summary.name)) for summary in known},
        ignore=ignored or None,
        checks=tuple(checks),
    )


def keep_passing(options: CheckDataOptions, result: DataChecks) -> CheckDataOptions:
    """The suite without what its own data breaks: an estimate may have been wrong, or a number be infinite.

    Args:
        options: what `suggest_suite` proposed.
        result: what checking the same data by that found.
    """
    broken = [check for check in result.checks if check.verdict is not Verdict.PASS]
    refused = {name for check in broken if check.source == "columns" for name in check.columns}
    judged = [check for check in result.checks if check.source == "checks"]
    kept = tuple(
        check
        for check, found in zip(options.checks, judged, strict=True)
        if found.verdict is Verdict.PASS and not refused & set(found.columns)
    )
    columns = {name: column for name, column in (options.columns or {}).items() if name not in refused}
    ignored = tuple(dict.fromkeys([*(options.ignore or ()), *sorted(refused)]))
    return CheckDataOptions(columns=columns, ignore=ignored or None, checks=kept)


def write_suite(options: CheckDataOptions, rows: int) -> str:
    """The suite as YAML, to be put into the settings."""
    import yaml

    suite = _short(options.model_dump(mode="json", exclude_defaults=True))
    suite["checks"] = [dict(sorted(check.items(), key=_kind_first)) for check in suite["checks"]]
    text = yaml.dump(
        {"check_data": suite},
        Dumper=_dumper(),
        sort_keys=False,
        allow_unicode=json_text(suite) == json.dumps(suite, indent=2, ensure_ascii=False),
        width=120,
        default_flow_style=None,
    )
    return f"# Proposed by `modelway check-data --suggest` from {rows:,} rows. Read it before you keep it.\n{text}"


def _dumper() -> Any:
    """A dumper that writes what a terminal would obey in double quotes, where YAML has escapes for it."""
    import yaml

    class Dumper(yaml.SafeDumper):
        pass

    def represent(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
        style = None if printable(text) == text else '"'
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)

    Dumper.add_representer(str, represent)
    return Dumper


def _kind_first(item: tuple[str, Any]) -> int:
    order = ("check", "column", "columns")
    return order.index(item[0]) if item[0] in order else len(order)


def _short(value: Any) -> Any:
    """Whole numbers without their point."""
    if isinstance(value, dict):
        return {key: _short(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_short(part) for part in value]
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < _WHOLE else value


def _column(summary: ColumnSummary, rows: int, declared: Column | None) -> Column:
    nullable = summary.missing > 0
    if summary.unreadable:
        return Column(type=ColumnType.TEXT, nullable=nullable)
    if (values := _few_values(summary, rows)) is not None:
        return Column(type=ColumnType.CATEGORY, nullable=nullable, values=values)
    if summary.type not in _NUMERIC or summary.min is None or summary.max is None:
        kind = ColumnType.TEXT if summary.type in _TEXTS else summary.type
        form = declared.format if declared is not None and kind is ColumnType.DATE else None
        return Column(type=kind or ColumnType.TEXT, nullable=nullable, format=form)
    low, high = _widened(summary.min, summary.max)
    if summary.type is ColumnType.INTEGER:
        low, high = math.floor(low), math.ceil(high)
    return Column(type=summary.type, nullable=nullable, min=low, max=high)


def _few_values(summary: ColumnSummary, rows: int) -> tuple[str, ...] | None:
    """The values of a text column that has few of them, all known."""
    present = rows - summary.missing
    if summary.type not in _TEXTS or not summary.top_exact or sum(held for _, held in summary.top) != present:
        return None
    few = 0 < len(summary.top) <= _MOST_VALUES and present >= _ROWS_PER_VALUE * len(summary.top)
    return tuple(sorted(value for value, _ in summary.top)) if few else None


def _checks(summary: ColumnSummary, rows: int) -> list[Check]:
    found: list[Check] = []
    name, present = summary.name, rows - summary.missing
    if summary.missing and rows:
        found.append(MissingCheck(check="missing", column=name, max=_missing_allowed(summary.missing / rows)))
    if summary.unreadable or not present:
        return found
    if _is_key(summary, rows):
        found.append(UniqueCheck(check="unique", columns=(name,)))
    if summary.type is ColumnType.DATE and summary.min is not None:
        first = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=summary.min)
        found.append(RangeCheck(check="range", column=name, min=first.date().isoformat()))
    one_length = summary.min is not None and summary.min == summary.max and present >= _ENOUGH
    if summary.type in _TEXTS and one_length and _few_values(summary, rows) is None:
        found.append(LengthCheck(check="length", column=name, min=summary.min, max=summary.max))
    if summary.type in _NUMERIC and summary.mean is not None and summary.std and present >= _ENOUGH:
        found.append(_mean_check(summary, summary.mean, summary.std))
    return found


def _mean_check(summary: ColumnSummary, mean: float, std: float) -> StatisticCheck:
    """How far the mean may move; never out of the range that the values themselves may have."""
    low = _rounded(mean - _MEAN_DEVIATIONS * std, up=False, digits=3)
    high = _rounded(mean + _MEAN_DEVIATIONS * std, up=True, digits=3)
    if summary.min is not None and summary.max is not None:
        least, most = _widened(summary.min, summary.max)
        low, high = max(low, least), min(high, most)
    return StatisticCheck(check="mean", column=summary.name, severity=Severity.WARN, min=low, max=high)


def _is_key(summary: ColumnSummary, rows: int) -> bool:
    """Whether no two rows seem to have the same value, in a column of a type that keys have."""
    if summary.missing or rows < _ENOUGH or summary.distinct is None:
        return False
    if summary.type in _TEXTS:
        short = summary.max is not None and summary.max <= _MOST_KEY_LENGTH
    else:
        short = summary.type is ColumnType.INTEGER
    return short and (summary.distinct == rows if summary.distinct_exact else summary.distinct > 0.9 * rows)


def _missing_allowed(share: float) -> float:
    """Half as many again and one more in a hundred, in whole hundredths."""
    return min(1.0, math.ceil(150 * share + 1) / 100)


def _widened(low: float, high: float) -> tuple[float, float]:
    """A range with slack, in round numbers; what is never negative stays so."""
    slack = _SLACK * (high - low) or _SLACK * abs(low) or 1.0
    wide = (_rounded(low - slack, up=False), _rounded(high + slack, up=True))
    return (max(0.0, wide[0]) if low >= 0 else wide[0]), (min(0.0, wide[1]) if high <= 0 else wide[1])


def _rounded(value: float, *, up: bool, digits: int = 2) -> float:
    """The next number with so few digits on one side; the greatest that there is instead of infinity."""
    value = min(max(value, -sys.float_info.max), sys.float_info.max)
    if abs(value) < _TINY:
        return value
    step = 10.0 ** (math.floor(math.log10(abs(value))) - digits + 1)
    whole = math.ceil(value / step) if up else math.floor(value / step)
    rounded = whole * step if step >= 1 else whole / round(1 / step)
    beyond = rounded >= value if up else rounded <= value
    return rounded if beyond and math.isfinite(rounded) else value
