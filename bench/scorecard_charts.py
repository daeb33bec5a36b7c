"""The scorecard's plots: each value of each run as a dot, one row a way, modelway beside its peers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup
from records import OURS
from series import judge

from modelway.report.charts import Axis, Dots, Frame, x_scale
from modelway.report.formats import number
from modelway.report.svg import CHARACTER, Chart, coordinate, text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from series import Series

WIDTH, ROW, LABEL, FACTS = 500, 20, 38, 112
MOST_LINES = 40
"""Rows and headings of one plot; what is longer goes on in another with the same axis."""
SIGNS = {"at most": "\N{LESS-THAN OR EQUAL TO}", "at least": "\N{GREATER-THAN OR EQUAL TO}", "below": "<"}
MARKS = {"kept": "\N{CHECK MARK}", "missed": "\N{MULTIPLICATION X}", "no value": "?"}
_MOST_ROUNDS = 12
_BOLD = 1.12
_WIDE = 30
"""From this ratio of the greatest to the least value on, the axis is logarithmic."""


@dataclass(frozen=True)
class LogAxis(Axis):
    """A logarithmic axis: places are logarithms to the base 10, ticks at 1, 2 and 5 times powers of ten."""

    def ticks(self) -> list[float]:
        """Where they stand; only the powers themselves where there are many."""
        powers = range(math.floor(self.low), math.ceil(self.high) + 1)
        factors = (1, 2, 5) if self.high - self.low < 2 else (1,)
        places = [power + math.log10(factor) for power in powers for factor in factors]
        return [place for place in places if self.low <= place <= self.high]


@dataclass(frozen=True)
class _Line:
    """A line of a plot: the heading of a case, or the row of a series."""

    label: str
    series: Series | None


def draw_series(what: str, series: Sequence[Series]) -> list[Chart]:
    """Plots of one thing that was measured: rows are ways, below their case."""
    axis = _axis(series)
    title = f"{what}: {series[0].way}" if _by_case_alone(series) and not series[0].way.startswith(OURS) else what
    parts: list[list[_Line]] = [[]]
    for lines in _by_case(series):
        if parts[-1] and len(parts[-1]) + len(lines) > MOST_LINES:
            parts.append([])
        parts[-1] += lines
    return [_draw(title, axis, lines) for lines in parts]


def ours(one: Series) -> bool:
    """Whether a row tells of modelway: its own, one with a ratio of it, or one that is held to an aim."""
    return one.way.startswith(OURS) or "modelway" in one.what or judge(one) is not None


def _by_case_alone(series: Sequence[Series]) -> bool:
    return len(series) > 1 and len({one.way for one in series}) == 1


def _by_case(series: Sequence[Series]) -> Iterator[list[_Line]]:
    """The lines of each case; where each was measured in one and the same way, the case is the row's name."""
    cases: dict[str, list[Series]] = {}
    for one in series:
        cases.setdefault(one.case, []).append(one)
    alone = _by_case_alone(series)
    for case, rows in cases.items():
        if alone:
            yield [_Line(case or rows[0].way, rows[0])]
        else:
            yield [*([_Line(case, None)] if case else []), *(_Line(one.way, one) for one in rows)]


def _axis(series: Sequence[Series]) -> Axis:
    values = [one.value for each in series for run in each.runs for one in run if one.value is not None]
    values += [judged.aim.bound for one in series if (judged := judge(one))]
    unit = series[0].unit
    least, most = min(values, default=0.0), max(values, default=1.0)
    if least > 0 and most / least > _WIDE:
        low, high = math.log10(least), math.log10(most)
        return LogAxis(f"{unit} (logarithmic)".strip(), low - 0.05, high + 0.05, show=lambda place: number(10**place))
    if unit == "%":
        return Axis(unit, 0.0, 102.0)
    low, high = min(0.0, least), max(0.0, most)
    return Axis(unit, low, high + (0.05 * (high - low) or 1.0))


def _place(axis: Axis, value: float) -> float:
    return math.log10(value) if isinstance(axis, LogAxis) else value


def _draw(what: str, axis: Axis, lines: Sequence[_Line]) -> Chart:
    longest = max((_BOLD if ours(one.series) else 1) * min(LABEL, len(one.label)) for one in lines if one.series)
    bottom = 6 + ROW * len(lines)
    frame = Frame(axis, axis, 14 + CHARACTER * longest, WIDTH - FACTS, 6, bottom)
    rows = [(line, frame.top + ROW * number_ + ROW / 2) for number_, line in enumerate(lines)]
    parts = [x_scale(frame), *_rounds(frame, rows)]
    for line, y in rows:
        if line.series is None:
            parts.append(text(line.label, 2, y + 4, "start", "axis", 70))
        else:
            style = "label main" if ours(line.series) and "modelway" in line.label else "tick"
            parts.append(text(line.label, frame.left - 8, y + 4, "end", style, LABEL))
            parts += _row(frame, line.series, y)
    return Chart(what, _words(what, lines), WIDTH, bottom + (36 if axis.label else 20), Markup("").join(parts))


def _row(frame: Frame, one: Series, y: float) -> Iterator[Markup]:
    """Earlier runs faint and small, the newest above them; a tick where only a summary was kept."""
    judged = judge(one)
    at = Frame(frame.x, Axis("", 0, 1), frame.left, frame.right, y, y)
    if judged:
        place = frame.px(_place(frame.x, judged.aim.bound))
        yield Markup('<path class="line reference" d="M{} {}v{}"/>').format(*map(coordinate, (place, y - 10, ROW)))
    style = "bad" if judged and judged.verdict == "missed" else "main" if ours(one) else "quiet"
    for run in one.runs:
        newest = run is one.newest
        singles = [_place(frame.x, each.value) for each in run if each.value is not None and not each.summary]
        if singles:
            dots = style if newest else "quiet crowd"
            yield Dots(singles, [0.5] * len(singles), style=dots, radius=3.6 if newest else 2).draw(at)
        for each in run:
            if each.value is not None and each.summary:
                yield _tick(frame, _place(frame.x, each.value), y, style if newest else "quiet", 6 if newest else 4)
    yield text(number(one.value, 3), WIDTH - FACTS + 48, y + 4, "end", "cell")
    if judged:
        said = f"{MARKS[judged.verdict]} {SIGNS[judged.aim.rule]} {number(judged.aim.bound, 3)}"
        yield text(said, WIDTH - FACTS + 55, y + 4, "start", "cell")


def _tick(frame: Frame, place: float, y: float, style: str, size: float) -> Markup:
    """An upright stroke."""
    return Markup('<path class="dots {}" stroke-width="3.5" d="M{} {}v{}"/>').format(
        style, *map(coordinate, (frame.px(place), y - size, 2 * size))
    )


def _rounds(frame: Frame, rows: Sequence[tuple[_Line, float]]) -> Iterator[Markup]:
    """A thin line through the values of a round, from way to way, within each case's newest run."""
    places: dict[tuple[str, str, int], list[tuple[float, float]]] = {}
    for line, y in rows:
        for one in line.series.newest if line.series else ():
            if one.round and one.round <= _MOST_ROUNDS and one.value is not None:
                key = (one.case, one.run, one.round)
                places.setdefault(key, []).append((frame.px(_place(frame.x, one.value)), y))
    for points in places.values():
        if len(points) > 1:
            path = "L".join(f"{coordinate(x)} {coordinate(y)}" for x, y in points)
            yield Markup('<path class="grid" d="M{}"/>').format(path)


def _words(what: str, lines: Sequence[_Line]) -> str:
    told = [f"{line.label} {number(line.series.value, 3)}" for line in lines if line.series]
    more = f", and {len(told) - 8} more" if len(told) > 8 else ""
    return f"{what}, medians: {', '.join(told[:8])}{more}."
