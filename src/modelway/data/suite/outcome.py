"""What a check comes to, and the words and numbers that tell it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from modelway.records.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from modelway.data.suite.key_rows import Key, KeyFacts
    from modelway.data.suite.kinds import Kind
    from modelway.data.suite.survey import SourceFile
    from modelway.data.suite.tally import ColumnTally
    from modelway.records.data_docs import DataProfile, FailedRow


@dataclass(frozen=True)
class Outcome:
    """What a check comes to."""

    verdict: Verdict
    reason: str
    observed: dict[str, float | int | str | None] = field(default_factory=dict)
    rows: int | None = None
    failing: int | None = None
    examples: tuple[FailedRow, ...] = ()


@dataclass(frozen=True)
class Facts:
    """What is known of the data set after the scan."""

    rows: int
    files: Sequence[SourceFile]
    columns: tuple[str, ...]
    """All columns of the data, in the order of the first file that has each."""
    kinds: Mapping[str, Kind]
    tallies: Mapping[str, ColumnTally]
    keys: Mapping[Key, KeyFacts]
    now: datetime
    baseline: DataProfile | None
    profile: DataProfile


def judged(holds: bool, reason: str, observed: dict[str, float | int | str | None]) -> Outcome:
    """Pass or fail."""
    return Outcome(Verdict.PASS if holds else Verdict.FAIL, reason, observed)


def undecided(reason: str, **observed: float | str | None) -> Outcome:
    """Inconclusive: the data leave the question open."""
    return Outcome(Verdict.INCONCLUSIVE, reason, dict(observed))


def impossible(reason: str) -> Outcome:
    """An error: the question can't be asked."""
    return Outcome(Verdict.ERROR, reason)


def of_rows(rows: int, failing: int, mostly: float, examples: Sequence[FailedRow], nothing: str) -> Outcome:
    """The outcome of a check that each row passes or breaks.

    Args:
        rows: how many it looked at.
        failing: how many of them broke it.
        mostly: the least share that has to hold.
        examples: the first that broke it.
        nothing: why it looked at none, for when there are none.
    """
    if not rows:
        return Outcome(Verdict.INCONCLUSIVE, nothing, {}, 0, 0)
    share = (rows - failing) / rows
    verdict = Verdict.PASS if share >= mostly else Verdict.FAIL
    reason = f"all {count(rows, 'row')} hold"
    if failing:
        reason = f"{failing:,} of {count(rows, 'row')} break it ({percent(failing / rows)})"
    return Outcome(verdict, reason, {"share": share}, rows, failing, tuple(examples))


def count(number: int, noun: str) -> str:
    """`1 row`, `2 rows`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def number(value: float) -> str:
    """A number to six digits; whole ones whole."""
    if isinstance(value, int) or (abs(value) < 1e15 and float(value).is_integer()):
        return f"{int(value):,}"
    return f"{value:,.6g}"


def percent(share: float) -> str:
    """A share in percent; what is little but not nothing never reads as nothing, nor as all."""
    return f"{share * 100:.4g} %"


def between(least: object, most: object, unit: str = "") -> str:
    """Two ends, of which one may be left out, in words."""
    tail = f" {unit}" if unit else ""
    low, high = (number(end) if isinstance(end, int | float) else str(end) for end in (least, most))
    if least is None:
        return f"at most {high}{tail}"
    if most is None:
        return f"at least {low}{tail}"
    return f"exactly {low}{tail}" if least == most else f"between {low} and {high}{tail}"


def within(value: float, least: float | None, most: float | None) -> bool:
    """Whether a number lies between two ends, of which one may be left out."""
    return (least is None or value >= least) and (most is None or value <= most)
