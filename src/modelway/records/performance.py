"""`performance_report.json`: how a model performs by the labels that have come in."""

from __future__ import annotations

from typing import Literal

from modelway.records.base import Record
from modelway.records.evaluate import Estimate, Slice
from modelway.records.verdict import Verdict


class LabelledPart(Record):
    """The primary metric of some of the rows."""

    name: str
    """A window's beginning (ISO 8601, UTC), or a version."""
    predictions: int
    labels: int
    metric: Estimate


class PerformanceReport(Record):
    """`performance_report.json`."""

    schema_version: Literal[1] = 1
    verdict: Verdict
    reason: str
    exit_code: int
    metric: str
    """The metric that is judged."""
    threshold: float | None
    """Its bound."""
    higher_is_better: bool
    at_evaluation: float | None
    """What it was when the model was evaluated."""
    predictions: int
    """Answers that were looked at."""
    labels: int
    """Those of them whose label is in."""
    unknown: int = 0
    """Labels of classes that the model does not know."""
    since: str
    until: str
    metrics: dict[str, Estimate] = {}
    """All metrics, with intervals, of the live model's labelled answers."""
    windows: tuple[LabelledPart, ...] = ()
    versions: tuple[LabelledPart, ...] = ()
    slices: tuple[Slice, ...] = ()
    unreadable: tuple[str, ...] = ()
