"""`baseline.json`: what a model's inputs and outputs looked like when it was made."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from modelway.records.base import Record
from modelway.records.data import ColumnType

if TYPE_CHECKING:
    from collections.abc import Mapping


class Distribution(Record):
    """The values of one column, counted."""

    type: ColumnType
    rows: int
    missing: int
    edges: tuple[float, ...] = ()
    """Where numbers and dates (seconds since 1970) are cut: `counts[i]` rows lie in [edges[i], edges[i+1])."""
    counts: tuple[int, ...] = ()
    """Rows of each bin; the last bin holds the greatest value as well."""
    categories: dict[str, int] = {}
    """Rows of each value, most frequent first (category, boolean)."""
    other: int = 0
    """Rows of the categories beyond those listed."""
    mean: float | None = None
    std: float | None = None

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


class Baseline(Record):
    """The inputs that the model was fitted on, and its outputs on held-out rows."""

    rows: int
    columns: dict[str, Distribution]
    """The training rows, column by column; the target among them, texts by their length in characters."""
    predictions: Distribution
    """The positive class's probability, the predicted class, or the predicted value, on the held-out rows."""
    metrics: dict[str, float | None]
    """The held-out metrics."""

    def example_row(self, inputs: Mapping[str, ColumnType]) -> dict[str, int | float | bool | str]:
        """A typical row of these columns."""
        unknown = {name: Distribution(type=kind, rows=0, missing=0) for name, kind in inputs.items()}
        return {name: self.columns.get(name, unknown[name]).typical for name in inputs}
