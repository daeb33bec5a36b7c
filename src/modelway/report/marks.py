"""Small graphics that stand in a line of text or a cell of a table; what they show is there as text, too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from modelway.report.charts import Axis, Frame
from modelway.report.formats import number
from modelway.report.svg import coordinate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelway.records.evaluate import Estimate

_LONG, _TALL = 160, 18


def bar(fraction: float | None, style: str = "") -> Markup:
    """A bar that fills a fraction of its cell."""
    filled = 100 * min(1.0, max(0.0, fraction or 0.0))
    return Markup(
        '<svg class="mark mark-bar {}" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="track" width="100" height="8"/><rect class="bar" width="{}" height="8"/></svg>'
    ).format(style, coordinate(filled))


def histogram(counts: Sequence[int]) -> Markup:
    """A histogram of the size of a word; empty without counts."""
    if not any(counts):
        return Markup("")
    width, most = min(14.0, 96 / len(counts)), max(counts)
    bars = Markup("").join(
        Markup('<rect class="bar" x="{}" y="{}" width="{}" height="{}"/>').format(
            *map(coordinate, (index * width, 24 - height, max(0.5, width - 1), height))
        )
        for index, height in enumerate(max(1.0, 24 * rows / most) if rows else 0.0 for rows in counts)
        if height
    )
    return Markup(
        '<svg class="mark mark-histogram" viewBox="0 0 96 25" aria-hidden="true">'
        '<path class="base" d="M0 24.5H96"/>{}</svg>'
    ).format(bars)


def interval(given: Estimate, low: float, high: float, reference: float | None = None) -> Markup:
    """A dot with its interval on a scale from `low` to `high`; the reference is a thin line across."""
    frame = _frame(low, high)
    parts = [Markup('<path class="grid" d="M{} 9H{}"/>').format(coordinate(frame.left), coordinate(frame.right))]
    if reference is not None:
        parts.append(Markup('<path class="line reference" d="M{} 0V18"/>').format(coordinate(frame.px(reference))))
    if given.low is not None and given.high is not None:
        parts.append(
            Markup('<path class="whisker" d="M{} 9H{}"/>').format(
                coordinate(frame.px(given.low)), coordinate(frame.px(given.high))
            )
        )
    if given.value is not None:
        parts.append(Markup('<circle class="dot" cx="{}" cy="9" r="4"/>').format(coordinate(frame.px(given.value))))
    return Markup('<svg class="mark mark-interval" viewBox="0 0 {} {}" aria-hidden="true">{}</svg>').format(
        _LONG, _TALL, Markup("").join(parts)
    )


def interval_scale(low: float, high: float) -> Markup:
    """The scale of a column of intervals, for its heading."""
    frame = _frame(low, high)
    ticks = frame.x.ticks()
    shown = [ticks[0], ticks[-1]] if len(ticks) > 1 else ticks
    parts = Markup("").join(
        Markup(
            '<path class="base" d="M{0} 13v4"/><text class="tick" x="{0}" y="10" text-anchor="{2}">{1}</text>'
        ).format(coordinate(frame.px(tick)), number(tick), _anchor(frame.px(tick)))
        for tick in shown
    )
    return Markup(
        '<svg class="mark mark-interval" viewBox="0 0 {} {}" aria-hidden="true">'
        '<path class="base" d="M0 17.5H{}"/>{}</svg>'
    ).format(_LONG, _TALL, _LONG, parts)


def _frame(low: float, high: float) -> Frame:
    axis = Axis("", low, high)
    return Frame(axis, axis, 5, _LONG - 5, 0, _TALL)


def _anchor(at: float) -> str:
    if at < _LONG / 4:
        return "start"
    return "end" if at > 3 * _LONG / 4 else "middle"
