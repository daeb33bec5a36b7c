"""What was found as Prometheus text, for node_exporter's textfile collector or a push gateway."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from modelway.records.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from modelway.records.drift import DriftReport
    from modelway.records.performance import PerformanceReport


@dataclass
class Gauge:
    """A metric with its samples.

    Attributes:
        name: its name.
        help: what it is.
        samples: labels and value of each.
    """

    name: str
    help: str
    samples: list[tuple[dict[str, str], float]] = field(default_factory=list)


def drift_metrics(report: DriftReport) -> list[Gauge]:
    """The numbers of a drift report."""
    score = Gauge("modelway_drift_score", "Share of the features that moved, weighted by importance.")
    if report.score is not None:
        score.samples.append(({}, report.score))
    effect = Gauge("modelway_drift_effect", "How far a column has moved away from the baseline, from 0 to 1.")
    psi = Gauge("modelway_drift_psi", "Population stability index of a column.")
    moved = Gauge("modelway_drift_moved", "Whether a column counts as moved.")
    missing = Gauge("modelway_drift_missing_share", "Share of a column's values that are missing.")
    for one in report.columns:
        labels = {"column": one.name, "role": one.role.value}
        effect.samples.append((labels, one.shift.effect))
        moved.samples.append((labels, float(one.state == "moved")))
        missing.samples.append((labels, one.shift.missing_now))
        if one.shift.psi is not None:
            psi.samples.append((labels, one.shift.psi))
    rows = Gauge("modelway_drift_rows", "Rows that were compared.", [({}, float(report.rows))])
    threshold = Gauge("modelway_drift_threshold", "The score from which on the check fails.", [({}, report.threshold)])
    return [score, threshold, verdict_gauge("drift", report.verdict), rows, effect, psi, moved, missing]


def verdict_gauge(part: str, verdict: Verdict) -> Gauge:
    """One sample a verdict, 1 for the one that holds."""
    gauge = Gauge(f"modelway_{part}_verdict", f"What the {part} check says; 1 for the verdict that holds.")
    gauge.samples = [({"verdict": one.value}, float(one is verdict)) for one in Verdict]
    return gauge


def exposition(gauges: Iterable[Gauge]) -> str:
    """The text format, version 0.0.4; metrics without a sample are left out."""
    lines = []
    for gauge in gauges:
        if gauge.samples:
            lines += [f"# HELP {gauge.name} {gauge.help}", f"# TYPE {gauge.name} gauge"]
            lines += [f"{gauge.name}{_labels(labels)} {value:.17g}" for labels, value in gauge.samples]
    return "\n".join(lines) + "\n" if lines else ""


def _labels(labels: dict[str, str]) -> str:
    if not labels:
        return ""
    escaped = {
        key: value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n") for key, value in labels.items()
    }
    return "{" + ",".join(f'{key}="{value}"' for key, value in escaped.items()) + "}"


def performance_metrics(report: PerformanceReport) -> list[Gauge]:
    """The numbers of a performance report."""
    metric = Gauge("modelway_performance_metric", "A metric of the live model by the labels that are in.")
    for name, found in report.metrics.items():
        for bound, value in (("value", found.value), ("low", found.low), ("high", found.high)):
            if value is not None:
                metric.samples.append(({"metric": name, "bound": bound}, value))
    counts = Gauge("modelway_performance_labels", "Predictions whose label is in.", [({}, float(report.labels))])
    answers = Gauge("modelway_performance_predictions", "Predictions looked at.", [({}, float(report.predictions))])
    return [verdict_gauge("performance", report.verdict), metric, counts, answers]
