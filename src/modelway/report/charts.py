"""Charts with two axes, as SVG that takes its colours from the page's style sheet.

SVG is built by hand: importing matplotlib and drawing with it would cost more than the whole report.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from markupsafe import Markup

from modelway.report.formats import number
from modelway.report.svg import CHARACTER, Chart, coordinate, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

WIDTH = 360
HEIGHT = 250
_TICKS = 5


@dataclass(frozen=True)
class Axis:
    """One axis: what it measures, from where to where; `whole` allows ticks at integers only."""

    label: str
    low: float
    high: float
    whole: bool = False
    show: Callable[[float], str] = number

    def ticks(self) -> list[float]:
        """Round values between low and high, some five of them."""
        rough = (self.high - self.low) / _TICKS
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= 0.8 * rough)
        if self.whole:
            step = max(1.0, round(step))
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [index * step for index in range(first, last + 1)]


def axis_over(label: str, values: Sequence[float], *, whole: bool = False) -> Axis:
    """An axis that holds all values with a little room around them."""
    low, high = min(values), max(values)
    room = 0.04 * (high - low) or max(0.05 * abs(low), 0.5 if whole else 1e-3)
    return Axis(label, low - room, high + room, whole=whole)


@dataclass(frozen=True)
class Frame:
    """Where the axes' values stand in the picture, in pixels; what lies outside is drawn at the edge."""

    x: Axis
    y: Axis
    left: float
    right: float
    top: float
    bottom: float

    def px(self, value: float) -> float:
        """From the left."""
        return self.left + (self.right - self.left) * _share(value, self.x)

    def py(self, value: float) -> float:
        """From the top."""
        return self.bottom - (self.bottom - self.top) * _share(value, self.y)


def _share(value: float, axis: Axis) -> float:
    return min(1.0, max(0.0, (value - axis.low) / (axis.high - axis.low)))


class Mark(Protocol):
    """Something that is drawn between the axes."""

    def draw(self, frame: Frame) -> Markup:
        """Its SVG."""
        ...


@dataclass(frozen=True)
class Line:
    """A line through points; `style` is main, quiet or reference; its label stands at the right end."""

    x: Sequence[float]
    y: Sequence[float]
    style: str = "main"
    label: str = ""
    steps: bool = False

    def draw(self, frame: Frame) -> Markup:
        """A path; points less than half a pixel from the last one are left out."""
        points = [(frame.px(x), frame.py(y)) for x, y in zip(self.x, self.y, strict=True)]
        path = ""
        last = (math.inf, math.inf)
        for index, (x, y) in enumerate(points):
            if index not in {0, len(points) - 1} and abs(x - last[0]) < 0.5 and abs(y - last[1]) < 0.5:
                continue
            if not path:
                path = f"M{coordinate(x)} {coordinate(y)}"
            elif self.steps:
                path += f"H{coordinate(x)}V{coordinate(y)}"
            else:
                path += f"L{coordinate(x)} {coordinate(y)}"
            last = (x, y)
        return Markup('<path class="line {}" d="{}"/>').format(self.style, path)


@dataclass(frozen=True)
class Dots:
    """Points; the area of each follows `size` where that is given; `style` is main, quiet or bad."""

    x: Sequence[float]
    y: Sequence[float]
    size: Sequence[float] = ()
    style: str = "main"
    radius: float = 2.4

    def draw(self, frame: Frame) -> Markup:
        """One path a radius: a zero-length stroke with a round cap is a dot, in a tenth of a circle's bytes."""
        most = max(self.size, default=0.0)
        by_radius: dict[float, dict[str, None]] = defaultdict(dict)
        for index, (x, y) in enumerate(zip(self.x, self.y, strict=True)):
            radius = 1.5 + round(11 * math.sqrt(self.size[index] / most)) / 2 if most else self.radius
            place = f"M{round(2 * frame.px(x)) / 2:g} {round(2 * frame.py(y)) / 2:g}h0"
            by_radius[radius][place] = None
        crowd = " crowd" if len(self.x) > 150 else ""
        return Markup("").join(
            Markup('<path class="dots {}{}" stroke-width="{}" d="{}"/>').format(
                self.style, crowd, coordinate(2 * radius), "".join(places)
            )
            for radius, places in sorted(by_radius.items(), reverse=True)
        )


@dataclass(frozen=True)
class Bars:
    """A histogram: `counts` of equally wide bins over the whole x axis."""

    counts: Sequence[float]

    def draw(self, frame: Frame) -> Markup:
        """Rectangles that stand on 0."""
        width = (frame.right - frame.left) / len(self.counts)
        return Markup("").join(
            Markup('<rect class="bar" x="{}" y="{}" width="{}" height="{}"/>').format(
                coordinate(frame.left + index * width),
                coordinate(frame.py(height)),
                coordinate(max(1.0, width - 1)),
                coordinate(frame.bottom - frame.py(height)),
            )
            for index, height in enumerate(self.counts)
        )


@dataclass(frozen=True)
class Rule:
    """A vertical (`x`) or horizontal (`y`) reference line with its label."""

    label: str = ""
    x: float | None = None
    y: float | None = None

    def draw(self, frame: Frame) -> Markup:
        """A dashed line; the label lies on the side that has room."""
        if self.x is not None:
            at = frame.px(self.x)
            line = f"M{coordinate(at)} {coordinate(frame.top)}V{coordinate(frame.bottom)}"
            late = at > (frame.left + frame.right) / 2
            place = text(self.label, at - 5 if late else at + 5, frame.top + 9, "end" if late else "start", "note")
        else:
            at = frame.py(self.y or 0.0)
            line = f"M{coordinate(frame.left)} {coordinate(at)}H{coordinate(frame.right)}"
            place = text(self.label, frame.right, at - 4, "end", "note")
        return Markup('<path class="line reference" d="{}"/>{}').format(line, place if self.label else "")


@dataclass(frozen=True)
class Note:
    """A few words at a place of the chart."""

    words: str
    x: float
    y: float
    anchor: str = "end"

    def draw(self, frame: Frame) -> Markup:
        """Its text; nothing where there are no words."""
        return (
            text(self.words, frame.px(self.x), frame.py(self.y), self.anchor, "note strong")
            if self.words
            else Markup("")
        )


def draw(title: str, alternative: str, x: Axis, y: Axis, marks: Sequence[Mark], *, height: float = HEIGHT) -> Chart:
    """A chart of the marks, with both axes labelled and each line's label beside its end."""
    y_ticks = y.ticks()
    left = 8 + CHARACTER * max((len(y.show(tick)) for tick in y_ticks), default=1)
    ends = [mark for mark in marks if isinstance(mark, Line) and mark.label]
    right = WIDTH - 10 - max((CHARACTER * len(mark.label) for mark in ends), default=0.0)
    frame = Frame(x, y, left, right, 24, height - 36)
    parts = [_grid(frame, y_ticks), *(mark.draw(frame) for mark in marks), *_end_labels(frame, ends)]
    return Chart(title, alternative, WIDTH, height, Markup("").join(parts))


def _grid(frame: Frame, y_ticks: list[float]) -> Markup:
    parts = [text(frame.y.label, 2, 11, "start", "axis")]
    for tick in y_ticks:
        at = frame.py(tick)
        parts.append(
            Markup('<path class="grid" d="M{} {}H{}"/>').format(*map(coordinate, (frame.left, at, frame.right)))
        )
        parts.append(text(frame.y.show(tick), frame.left - 5, at + 4, "end", "tick"))
    parts.append(x_scale(frame))
    return Markup("").join(parts)


def x_scale(frame: Frame) -> Markup:
    """The x axis below the frame: its line, ticks, their values and the label."""
    parts = [
        Markup('<path class="base" d="M{} {}H{}"/>').format(*map(coordinate, (frame.left, frame.bottom, frame.right)))
    ]
    ticks = frame.x.ticks()
    widest = CHARACTER * (1 + max((len(frame.x.show(tick)) for tick in ticks), default=0))
    apart = frame.px(ticks[1]) - frame.px(ticks[0]) if len(ticks) > 1 else widest
    for tick in ticks[:: max(1, math.ceil(widest / apart))]:
        at = frame.px(tick)
        parts.append(
            Markup('<path class="base" d="M{} {}v4"/>').format(coordinate(at), coordinate(frame.bottom))
            + text(frame.x.show(tick), at, frame.bottom + 15, "middle", "tick")
        )
    middle = (frame.left + frame.right) / 2
    parts.append(text(frame.x.label, middle, frame.bottom + 31, "middle", "axis"))
    return Markup("").join(parts)


def _end_labels(frame: Frame, lines: list[Line]) -> Iterator[Markup]:
    lowest = -math.inf
    for line in sorted(lines, key=lambda one: frame.py(one.y[-1])):
        lowest = max(frame.py(line.y[-1]) + 4, lowest + 13)
        yield text(line.label, frame.right + 5, lowest, "start", f"label {line.style}")
