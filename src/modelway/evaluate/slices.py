"""The metrics of the rows with one value of a column."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelway.evaluate.groups import groups_of, largest
from modelway.evaluate.measure import Measurement
from modelway.evaluate.resample import SLICE_CELLS, SLICE_GROUPS
from modelway.records.evaluate import Estimate, Slice

if TYPE_CHECKING:
    import pyarrow as pa

    from modelway.evaluate.groups import Group
    from modelway.evaluate.metrics import Metric
    from modelway.evaluate.resample import Drawer
    from modelway.evaluate.rows import Rows

MOST_VALUES = 20
"""Of a column with more values, only those with the most rows become slices."""


def slices_of(
    column: str,
    values: pa.ChunkedArray | None,
    rows: Rows,
    metrics: list[Metric],
    primary: Metric,
    drawer: Drawer,
    confidence: float,
) -> list[Slice]:
    """Measure each value of a column; only the primary metric gets an interval.

    A column that is not in the table, or has no rows, gives one empty slice: what was asked for is not left out.
    """
    groups = [] if values is None else largest(groups_of(values), MOST_VALUES)
    if not groups:
        return [
            Slice(column=column, value="(no rows)", rows=0, metrics={m.name: Estimate(value=None) for m in metrics})
        ]
    return [_slice(column, group, rows, metrics, primary, drawer, confidence) for group in groups]


def _slice(
    column: str, group: Group, rows: Rows, metrics: list[Metric], primary: Metric, drawer: Drawer, confidence: float
) -> Slice:
    taken = rows.take(group.index)
    points = Measurement(taken)
    found = {metric.name: points.estimate(metric, confidence) for metric in metrics}
    if found[primary.name].value is not None:
        resampled = Measurement(taken, drawer.draw(len(taken), SLICE_GROUPS, SLICE_CELLS))
        found[primary.name] = resampled.estimate(primary, confidence)
    return Slice(column=column, value=group.value, rows=len(taken), metrics=found)
