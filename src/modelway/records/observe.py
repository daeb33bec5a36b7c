"""`baseline.json`: what a model's inputs and outputs looked like when it was made."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from modelway.records.base import Record
from modelway.records.data import ColumnType, Task

if TYPE_CHECKING:
    from collections.abc import Mapping


class Distribution(Record):
    """The values of one column, counted; distributions over the same edges add up exactly."""

    type: ColumnType
    rows: int
    missing: int
    edges: tuple[float, ...] = ()
    """Where numbers, dates (seconds since 1970) and texts (characters) are cut: `counts[i]` rows lie in
    [edges[i], edges[i+1])."""
    counts: tuple[int, ...] = ()
    """Rows of each bin; the last bin holds the greatest value as well. Where the two last edges are equal, it holds
    that value alone."""
    below: int = 0
    """Rows below the first edge, where the edges are another distribution's."""
    above: int = 0
    """Rows above the last edge, likewise."""
    beyond: float = 0.0
    """How far those rows lie beyond the edges, all together."""
    error: int = 0
    """By how many rows the rank of an edge may be off; 0 where all was counted."""
    categories: dict[str, int] = {}
    """Rows of each value, most frequent first (category, boolean)."""
    other: int = 0
    """Rows of the categories beyond those listed."""
    category_error: int = 0
    """By how many rows the count of a listed category may be too low; 0 where all was counted."""
    mean: float | None = None
    std: float | None = None
    """The standard deviation of the population."""
    min: float | None = None
    max: float | None = None

    @property
    def typical(self) -> int | float | bool | str:
        """The mean or the most frequent value, and so nobody's own; dates as ISO 8601 without a zone."""
        mean = self.mean or 0.0
        most_frequent = next(iter(self.categories), "")
        match self.type:
            case ColumnType.INTEGER:
                return round(mean)
            case ColumnType.NUMBER:
                return mean
            case ColumnType.BOOLEAN:
                return most_frequent == "true"
            case ColumnType.CATEGORY:
                return most_frequent
            case ColumnType.TEXT:
                return "text"
            case ColumnType.DATE:
                return datetime.fromtimestamp(round(mean), UTC).strftime("%Y-%m-%dT%H:%M:%S")


class SliceProfile(Record):
    """The rows with one value of a column: how their other columns are distributed, coarsely."""

    column: str
    value: str
    rows: int
    cells: dict[str, tuple[int, ...]]
    """Rows in each cell by column, and of the predictions under an empty name. Cells are those that
    `observe.cells.Cells` makes of the column's whole distribution; the last one holds the rows without a value."""


class Baseline(Record):
    """The inputs that the model was fitted on, and its outputs on held-out rows."""

    rows: int
    columns: dict[str, Distribution]
    """The training rows, column by column; the target among them, texts by their length in characters."""
    predictions: Distribution | None
    """The positive class's probability, the predicted class, or the predicted value, on the held-out rows."""
    metrics: dict[str, float | None]
    """The held-out metrics."""
    labels: Distribution | None = None
    """The predicted classes, on the held-out rows (classification)."""
    scores: dict[str, Distribution] = {}
    """Each class's probability, on the held-out rows (more than two classes)."""
    task: Task | None = None
    target: str | None = None
    """The column that is predicted."""
    classes: tuple[str, ...] = ()
    """The classes; for two classes the positive one is last."""
    importance: dict[str, float] = {}
    """Each column's share in the model's decisions; empty if unknown."""
    slices: tuple[SliceProfile, ...] = ()
    """The training rows by the values of the columns that `evaluate.slices` and `evaluate.sensitive` name. Of their
    predictions, the held-out rows are counted."""

    def example_row(self, inputs: Mapping[str, ColumnType]) -> dict[str, int | float | bool | str]:
        """A typical row of these columns."""
        unknown = {name: Distribution(type=kind, rows=0, missing=0) for name, kind in inputs.items()}
        return {name: self.columns.get(name, unknown[name]).typical for name in inputs}
