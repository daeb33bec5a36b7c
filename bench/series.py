"""Records put together: who was measured for what, run by run, and whether the newest values keep their aims."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from records import Aim, Measurement

Verdict = Literal["kept", "missed", "no value"]


@dataclass(frozen=True)
class Series:
    """What one way was measured to take for one case.

    Attributes:
        case, what, way, unit: as in its records.
        runs: its values of each run, the oldest run first.
    """

    case: str
    what: str
    way: str
    unit: str
    runs: tuple[tuple[Measurement, ...], ...]

    @property
    def newest(self) -> tuple[Measurement, ...]:
        """The values of the last run."""
        return self.runs[-1]

    @property
    def value(self) -> float | None:
        """The median of the newest values; None where one of them is not there."""
        return median(self.newest)


@dataclass(frozen=True)
class Judged:
    """An aim, and whether the newest run that was held to it kept it.

    Attributes:
        series: what it is about.
        aim: what was wanted.
        value: what was judged: the median, or the value that is furthest from the aim; None where a value is missing.
        values: how many were looked at.
        verdict: a value that is missing is never kept.
        run: when it ran.
        load: how busy the machine was then; None where nobody noted it.
        note: what its records say besides.
    """

    series: Series
    aim: Aim
    value: float | None
    values: int
    verdict: Verdict
    run: str
    load: float | None
    note: str


def gather(records: Sequence[Measurement]) -> list[Series]:
    """The series of one benchmark, in the order in which they first occur."""
    found: dict[tuple[str, str, str, str], dict[str, list[Measurement]]] = {}
    for one in records:
        found.setdefault((one.case, one.what, one.way, one.unit), {}).setdefault(one.run, []).append(one)
    return [Series(*key, tuple(tuple(runs[name]) for name in sorted(runs))) for key, runs in found.items()]


def judge(series: Series) -> Judged | None:
    """Judge the newest run that has an aim; None where there never was one."""
    for run in reversed(series.runs):
        held = [one for one in run if one.aim]
        if held and (aim := held[-1].aim):
            value = _judged_value(held, aim)
            verdict: Verdict = "no value" if value is None else "kept" if keeps(value, aim) else "missed"
            return Judged(series, aim, value, len(held), verdict, held[-1].run, held[-1].load, held[-1].note)
    return None


def keeps(value: float, aim: Aim) -> bool:
    """Whether a value keeps an aim."""
    if aim.rule == "at least":
        return value >= aim.bound
    return value < aim.bound if aim.rule == "below" else value <= aim.bound


def median(values: Sequence[Measurement]) -> float | None:
    """The median; None where a value is missing."""
    known = [one.value for one in values if one.value is not None]
    return statistics.median(known) if len(known) == len(values) else None


def _judged_value(held: Sequence[Measurement], aim: Aim) -> float | None:
    if aim.of == "median":
        return median(held)
    known = [one.value for one in held if one.value is not None]
    if len(known) < len(held):
        return None
    return min(known) if aim.rule == "at least" else max(known)
