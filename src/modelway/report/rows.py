"""Charts with one row a thing: bars, dots with intervals, and the heat map of a confusion matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from modelway.report.charts import WIDTH, Axis, Frame, x_scale
from modelway.report.formats import count, shorten
from modelway.report.svg import CHARACTER, Chart, coordinate, text

if TYPE_CHECKING:
    from collections.abc import Sequence

_ROW = 20
_LABEL = 22
_HEAT_STEPS = 9
_MAX_CELLS = 30


@dataclass(frozen=True)
class Row:
    """One row: a value, with its interval where that is known; rows of one `group` stand below its name."""

    label: str
    value: float | None
    low: float | None = None
    high: float | None = None
    group: str = ""


def draw_rows(
    title: str,
    alternative: str,
    axis: Axis,
    rows: Sequence[Row],
    *,
    bars: bool = False,
    references: Sequence[tuple[str, float]] = (),
) -> Chart:
    """Rows from the top: bars from the axis' low end, or dots with intervals; references are labelled lines."""
    longest = max((len(shorten(row.label, _LABEL)) for row in rows), default=0)
    left = 10 + CHARACTER * longest
    groups = len({row.group for row in rows if row.group})
    top = 8 + 12 * len(references)
    bottom = top + _ROW * (len(rows) + groups)
    frame = Frame(axis, axis, left, WIDTH - 14, top, bottom)
    parts = [x_scale(frame)]
    labels = []
    for index, (label, value) in enumerate(references):
        at = frame.px(value)
        late = at > (frame.left + frame.right) / 2
        above = 12 * index + 4
        parts.append(
            Markup('<path class="line reference" d="M{} {}V{}"/>').format(*map(coordinate, (at, above, bottom)))
        )
        labels.append(text(label, at - 5 if late else at + 5, above + 8, "end" if late else "start", "note"))
    parts += labels
    y = float(top)
    group = ""
    for row in rows:
        if row.group != group:
            group = row.group
            parts.append(text(group, 2, y + 14, "start", "axis", _LABEL + 20))
            y += _ROW
        parts.append(text(row.label, left - 6, y + 14, "end", "tick", _LABEL))
        parts.append(_bar(frame, row, y) if bars else _dot(frame, row, y))
        y += _ROW
    return Chart(title, alternative, WIDTH, bottom + 36, Markup("").join(parts))


def _bar(frame: Frame, row: Row, y: float) -> Markup:
    length = frame.px(row.value) - frame.left if row.value is not None else 0.0
    return Markup('<rect class="bar" x="{}" y="{}" width="{}" height="12"/>').format(
        *map(coordinate, (frame.left, y + 4, length))
    )


def _dot(frame: Frame, row: Row, y: float) -> Markup:
    if row.value is None:
        return text("not defined", frame.left + 4, y + 14, "start", "note")
    middle = coordinate(y + 10)
    whisker = Markup("")
    if row.low is not None and row.high is not None:
        whisker = Markup('<path class="whisker" d="M{} {}H{}"/>').format(
            coordinate(frame.px(row.low)), middle, coordinate(frame.px(row.high))
        )
    return whisker + Markup('<circle class="dot" cx="{}" cy="{}" r="4"/>').format(
        coordinate(frame.px(row.value)), middle
    )


def heat_step(cell: int, row: Sequence[int]) -> int:
    """How dark a cell is drawn, 0 to 9, by its share of the row."""
    return round(_HEAT_STEPS * cell / sum(row)) if any(row) else 0


def draw_confusion(title: str, alternative: str, classes: Sequence[str], matrix: Sequence[Sequence[int]]) -> Chart:
    """The confusion matrix; true classes as rows. Beyond 30 classes only the first 30 are drawn, and it says so.

    Numbers and the columns' names are left out where the cells have no room for them.
    """
    classes = classes[:_MAX_CELLS]
    shown = [row[:_MAX_CELLS] for row in matrix[:_MAX_CELLS]]
    limit = 16 if len(classes) <= 6 else 10
    left = max(80, 16 + CHARACTER * max((min(limit, len(name)) for name in classes), default=0))
    cell = (WIDTH - 8 - left) / max(1, len(classes))
    height = max(12.0, min(cell, 56.0))
    top = 34.0
    room = int(cell / CHARACTER)
    parts = [text("Predicted class", left, 11, "start", "axis"), text("True class", 2, 11, "start", "axis")]
    for index, name in enumerate(classes):
        parts.append(text(name, left - 8, top + (index + 0.5) * height + 4, "end", "tick", limit))
        if room >= 4:
            parts.append(text(name, left + (index + 0.5) * cell, top - 6, "middle", "tick", room))
    numbers = all(len(count(rows)) <= room for row in shown for rows in row)
    for y, row in enumerate(shown):
        for x, rows in enumerate(row):
            place = (left + x * cell, top + y * height, cell - 2, height - 2)
            parts.append(
                Markup('<rect class="heat{}" x="{}" y="{}" width="{}" height="{}"/>').format(
                    heat_step(rows, matrix[y]), *map(coordinate, place)
                )
            )
            if numbers:
                middle = top + (y + 0.5) * height + 3
                parts.append(text(count(rows), place[0] + cell / 2 - 1, middle, "middle", "cell"))
    if len(matrix) > _MAX_CELLS:
        parts.append(text(f"the first {_MAX_CELLS} of {len(matrix)} classes", WIDTH - 8, 11, "end", "note"))
    return Chart(title, alternative, WIDTH, top + height * len(classes) + 8, Markup("").join(parts))
