"""Which judge each kind of check has that is judged in the end."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from modelway.data.suite import judges
from modelway.data.suite.baseline import judge_baseline
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
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modelway.data.suite.kinds import Kind
    from modelway.data.suite.outcome import Facts, Outcome
    from modelway.records.suite import Check

_JUDGES: dict[type, Callable[..., Outcome]] = {
    BaselineCheck: judge_baseline,
    ColumnsCheck: judges.judge_columns,
    CountCheck: judges.judge_count,
    DistinctCountCheck: judges.judge_distinct,
    DistinctShareCheck: judges.judge_distinct,
    DuplicatesCheck: judges.judge_duplicates,
    FreshnessCheck: judges.judge_freshness,
    QuantileCheck: judges.judge_quantile,
    StatisticCheck: judges.judge_statistic,
    TypeCheck: judges.judge_type,
    UniqueCheck: judges.judge_unique,
}


def judge_of(check: Check, kinds: Mapping[str, Kind]) -> Callable[[Facts], Outcome]:
    """The judge of a check; raises `MisfitError` where the check does not fit its column's type."""
    judges.need_fit(check, kinds)
    return partial(_JUDGES[type(check)], check)
