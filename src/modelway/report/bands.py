"""Marks of values that are not known everywhere: lines and bands with gaps, and where a step begins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from modelway.report.charts import Dots, Frame, Line, Mark
from modelway.report.svg import coordinate

if TYPE_CHECKING:
    from collections.abc import Sequence

    Series = Sequence[tuple[float, float | None]]


@dataclass(frozen=True)
class Band:
    """The area between two lines over the same x; `style` is main or quiet."""

    x: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]
    style: str = "main"

    def draw(self, frame: Frame) -> Markup:
        """One closed path, along the upper line and back along the lower one."""
        upper = [(frame.px(x), frame.py(y)) for x, y in zip(self.x, self.high, strict=True)]
        lower = [(frame.px(x), frame.py(y)) for x, y in zip(self.x, self.low, strict=True)]
        corners = "L".join(f"{coordinate(x)} {coordinate(y)}" for x, y in (*upper, *reversed(lower)))
        return Markup('<path class="band {}" d="M{}Z"/>').format(self.style, corners)


def lines(series: Series, style: str, label: str = "") -> list[Mark]:
    """A line for each run of known values, a dot for one that stands alone; the label stands beside the last."""
    runs: list[list[tuple[float, float]]] = [[]]
    for x, y in series:
        if y is None:
            runs.append([])
        else:
            runs[-1].append((x, y))
    known = [run for run in runs if run]
    alone = [run[0] for run in known if len(run) == 1]
    dots = [Dots([x for x, _ in alone], [y for _, y in alone], style=style)] if alone else []
    drawn = [Line([x for x, _ in run], [y for _, y in run], style, label if run is known[-1] else "") for run in known]
    return [*dots, *drawn]


def bands(low: Series, high: Series, style: str) -> list[Mark]:
    """A band for each run of places where both bounds are known, an upright line where there is only one such place.

    Both have the same places.
    """
    runs: list[list[tuple[float, float, float]]] = [[]]
    for (x, least), (_, most) in zip(low, high, strict=True):
        if least is None or most is None:
            runs.append([])
        else:
            runs[-1].append((x, least, most))
    return [_band(run, style) for run in runs if run]


def _band(run: list[tuple[float, float, float]], style: str) -> Mark:
    x, low, high = ([point[place] for point in run] for place in range(3))
    return Band(x, low, high, style) if len(run) > 1 else Line((x[0], x[0]), (low[0], high[0]), style)
