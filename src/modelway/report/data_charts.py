"""The charts of one column of a data set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from modelway.records.data import ColumnType
from modelway.report.charts import Axis, Mark, Rule, draw
from modelway.report.formats import ABSENT, count, day, number, shorten
from modelway.report.marks import histogram
from modelway.report.svg import coordinate

if TYPE_CHECKING:
    from modelway.records.data_docs import ColumnSummary
    from modelway.report.charts import Frame
    from modelway.report.svg import Chart

_SMALL_BARS = 20
_HEIGHT = 190


@dataclass(frozen=True)
class Bins:
    """A histogram with the edges of its bins, which need not be equally wide."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]

    def draw(self, frame: Frame) -> Markup:
        """One rectangle a bin; a bin with any row is at least a pixel high."""
        parts = []
        for low, high, rows in zip(self.edges, self.edges[1:], self.counts, strict=False):
            if rows:
                left, width = frame.px(low), frame.px(high) - frame.px(low)
                top = min(frame.py(rows), frame.bottom - 1)
                place = (left, top, max(1.0, width - 1), frame.bottom - top)
                parts.append(
                    Markup('<rect class="bar" x="{}" y="{}" width="{}" height="{}"/>').format(*map(coordinate, place))
                )
        return Markup("").join(parts)


def show_value(column: ColumnSummary, value: float | None) -> str:
    """A value of the column as people read it: dates as days."""
    return day(value) if column.type is ColumnType.DATE and value is not None else number(value)


def value_range(column: ColumnSummary) -> str:
    """From the least to the greatest value in words; of texts their lengths."""
    if column.min is None or column.max is None:
        return ABSENT
    low, high = show_value(column, column.min), show_value(column, column.max)
    ends = low if low == high else f"{low} to {high}"
    return f"{ends} character{'' if ends == '1' else 's'}" if is_text(column) else ends


def is_text(column: ColumnSummary) -> bool:
    """Whether the column's numbers are lengths of texts."""
    return column.type in {ColumnType.TEXT, ColumnType.CATEGORY}


def quantile_rows(column: ColumnSummary) -> list[tuple[str, str]]:
    """The quantiles with the least and the greatest value as their ends."""
    ends = (("least", column.min), *_quantiles(column), ("greatest", column.max))
    return [(label, show_value(column, value)) for label, value in ends if value is not None]


def _quantiles(column: ColumnSummary) -> list[tuple[str, float]]:
    """Lowest first, as percentages."""
    by_level = sorted((float(level), value) for level, value in column.quantiles.items())
    return [("median" if level == 0.5 else f"{100 * level:g}%", value) for level, value in by_level]


def small_histogram(column: ColumnSummary) -> Markup:
    """The column's distribution in a cell of a table: its histogram, else its most frequent values."""
    if column.histogram is not None:
        return histogram(_merged(column.histogram.counts))
    return histogram([rows for _, rows in column.top[:_SMALL_BARS]])


def _merged(counts: tuple[int, ...]) -> list[int]:
    """Neighbouring bins together, so that no more are left than a small picture can show."""
    width = -(-len(counts) // _SMALL_BARS) or 1
    return [sum(counts[start : start + width]) for start in range(0, len(counts), width)]


def value_chart(column: ColumnSummary) -> Chart | None:
    """The histogram with the mean; None where there is none, or all values are one."""
    held = column.histogram
    if held is None or not any(held.counts) or held.edges[0] >= held.edges[-1]:
        return None
    label = "Characters" if is_text(column) else shorten(column.name, 40)
    show = day if column.type is ColumnType.DATE else number
    values = Axis(label, held.edges[0], held.edges[-1], show=show)
    marks: list[Mark] = [Bins(held.edges, held.counts)]
    if column.mean is not None:
        marks.append(Rule(f"mean {number(column.mean)}", x=column.mean))
    ends = f"From {values.show(held.edges[0])} to {values.show(held.edges[-1])}"
    rows = Axis("Rows of a sample" if held.sampled else "Rows", 0, 1.08 * max(held.counts), whole=True)
    alternative = f"{ends}; the fullest bin holds {count(max(held.counts))} rows."
    return draw("Histogram", alternative, values, rows, marks, height=_HEIGHT)
