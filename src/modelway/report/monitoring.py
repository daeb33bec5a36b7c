"""The monitoring dashboard: how a live model fares."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelway.records.monitor import Action
from modelway.records.verdict import Verdict
from modelway.report.charts import Axis, Line, axis_over, draw
from modelway.report.formats import percent, shorten
from modelway.report.page import render
from modelway.report.rollout_status import STATUS_STYLES
from modelway.report.rows import Row, draw_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelway.records.decision import Decision, Observation, Traffic
    from modelway.records.drift import ColumnDrift, DriftReport
    from modelway.records.performance import LabelledPart, PerformanceReport
    from modelway.records.rollout_state import Rollout
    from modelway.report.svg import Chart

_STYLES = {
    Action.NOTHING: Verdict.PASS,
    Action.WATCH: Verdict.INCONCLUSIVE,
    Action.RETRAIN: Verdict.FAIL,
    Action.ROLL_BACK: Verdict.FAIL,
    Action.PAGE: Verdict.FAIL,
}
_SAID = {
    Action.NOTHING: "Nothing is to be done.",
    Action.WATCH: "To be watched.",
    Action.RETRAIN: "To be trained again.",
    Action.ROLL_BACK: "To be rolled back.",
    Action.PAGE: "A person has to look.",
}
_MOST_COLUMNS = 200
_PICTURES = 12


def render_monitoring(
    name: str,
    seen: Observation,
    decision: Decision,
    drift: DriftReport | None,
    performance: PerformanceReport | None,
    span: tuple[str, str],
    rollout: Rollout | str | None = None,
) -> str:
    """The dashboard as one HTML page that loads nothing; a part that failed is told in its place.

    Args:
        name: the model's name.
        seen: what was seen.
        decision: what is to be done.
        drift: the drift report; None where that part failed.
        performance: the performance report, likewise.
        span: from when to when, ISO 8601.
        rollout: the newest one; why it is not known where it can't be read; None where there never was one.
    """
    columns = drift.columns if drift is not None else ()
    return render(
        "monitoring.html",
        name=name,
        seen=seen,
        decision=decision,
        said=_SAID[decision.action],
        style=_STYLES[decision.action],
        drift=drift,
        performance=performance,
        span=span,
        columns=columns[:_MOST_COLUMNS],
        pictures=[(one, _picture(one)) for one in columns if one.picture is not None][:_PICTURES],
        effects=_effects(drift),
        trend=_trend(performance),
        traffic=_traffic(seen.traffic),
        rollout=None if isinstance(rollout, str) else rollout,
        rollout_fault=rollout if isinstance(rollout, str) else "",
        rollout_style=None if rollout is None or isinstance(rollout, str) else STATUS_STYLES[rollout.status],
    )


def _effects(drift: DriftReport | None) -> Chart | None:
    """How far the columns that moved the most had moved, window by window."""
    if drift is None or sum(window.judged for window in drift.windows) < 2:
        return None
    lines: list[Line] = []
    for one in drift.columns[:3]:
        known = [(at, value) for at, value in enumerate(one.windows) if value is not None]
        if len(known) > 1:
            x, y = zip(*known, strict=True)
            lines.append(Line(x, y, "main" if not lines else "quiet", shorten(one.name, 14)))
    if not lines:
        return None
    most = max(max(line.y) for line in lines)
    axis = Axis("Window", 0, max(len(drift.windows) - 1, 1), whole=True)
    return draw("Moved by, window by window", "How far columns moved.", axis, Axis("Effect", 0, max(most, 0.1)), lines)


def _trend(performance: PerformanceReport | None) -> Chart | None:
    if performance is None:
        return None
    known = [part for part in performance.windows if part.metric.value is not None]
    return _estimates(known, performance) if known else None


def _estimates(parts: Sequence[LabelledPart], performance: PerformanceReport) -> Chart:
    rows = [
        Row(part.name[5:16].replace("T", " "), part.metric.value, part.metric.low, part.metric.high) for part in parts
    ]
    values = [value for row in rows for value in (row.value, row.low, row.high) if value is not None]
    bounds = [("bound", performance.threshold)] if performance.threshold is not None else []
    axis = axis_over(performance.metric, [*values, *(at for _, at in bounds)])
    return draw_rows("Performance by window", performance.reason, axis, rows, references=bounds)


def _traffic(traffic: Traffic | None) -> Chart | None:
    if traffic is None or len(traffic.hours) < 2:
        return None
    requests = [count for _, count, _ in traffic.hours]
    errors = [count for _, _, count in traffic.hours]
    at = list(range(len(requests)))
    marks = [Line(at, requests, "main", "requests"), Line(at, errors, "quiet", "errors")]
    x = Axis("Hours from the first one on", 0, len(at) - 1, whole=True)
    y = Axis("Requests", 0, max(requests) * 1.05 or 1)
    return draw("Requests by hour", f"{sum(requests)} requests.", x, y, marks)


def _picture(column: ColumnDrift) -> Chart:
    """The shares before and now, cell by cell."""
    picture = column.picture
    assert picture is not None  # noqa: S101 - the caller asks
    rows = []
    for cell, before, now in zip(picture.cells, picture.before, picture.now, strict=True):
        rows += [Row("before", before, group=shorten(cell, 40)), Row("now", now, group=shorten(cell, 40))]
    axis = Axis("Share of the rows", 0, max(*picture.before, *picture.now, 0.01) * 1.05, show=percent)
    return draw_rows(column.name, column.reason, axis, rows, bars=True)
