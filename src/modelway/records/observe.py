"""`baseline.json`: what a model's inputs and outputs looked like when it was made."""

from __future__ import annotations

from modelway.records.base import Record
from modelway.records.data import ColumnType


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


class Baseline(Record):
    """The inputs that the model was fitted on, and its outputs on held-out rows."""

    rows: int
    columns: dict[str, Distribution]
    """The training rows, column by column; the target among them, texts by their length in characters."""
    predictions: Distribution
    """The positive class's probability, the predicted class, or the predicted value, on the held-out rows."""
    metrics: dict[str, float | None]
    """The held-out metrics."""
