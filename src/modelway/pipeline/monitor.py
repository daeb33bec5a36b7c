"""`monitor` on the host: drift, performance, the data where need be; a decision, a dashboard, and what is done."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from pydantic import ValidationError

from modelway.decide.health import decide
from modelway.errors import InputError, ModelwayError, OutsideError, combine_exit_codes
from modelway.observe.log_compaction import compact_hours, settled
from modelway.observe.log_hours import hours_between
from modelway.observe.traffic import read_traffic
from modelway.pipeline.drift import find_drift
from modelway.pipeline.performance import check_performance
from modelway.records.decision import Decision, Finding, History, Observation
from modelway.records.drift import State
from modelway.records.progress import Progress, silent
from modelway.records.verdict import Verdict
from modelway.report.monitoring import render_monitoring
from modelway.report.prometheus import drift_metrics, exposition, performance_metrics
from modelway.storage import Document, write_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelway.pipeline.baselines import Reference
    from modelway.pipeline.drift import Rows
    from modelway.records.checks import PartReport
    from modelway.records.drift import DriftReport
    from modelway.records.monitor import MonitorOptions
    from modelway.records.performance import PerformanceReport
    from modelway.records.rollout_state import Rollout

DRIFT = "drift_report.json"
PERFORMANCE = "performance_report.json"
DASHBOARD = "monitoring_dashboard.html"
DECISION = "decision.json"
METRICS = "metrics.prom"
_T = TypeVar("_T")


@dataclass(frozen=True)
class Monitored:
    """What `monitor` found.

    Attributes:
        drift: the drift report; None where that part failed.
        performance: the performance report, likewise.
        seen: everything that the decision looked at.
        decision: what is to be done.
        exit_code: how the command ends.
    """

    drift: DriftReport | None
    performance: PerformanceReport | None
    seen: Observation
    decision: Decision
    exit_code: int


def _quiet(text: str) -> None:
    """Tell nobody."""


def monitor(
    name: str,
    options: MonitorOptions,
    find_reference: Callable[[], Reference],
    rows: Rows,
    labels: str | None,
    output: str,
    *,
    now: float,
    past: History,
    strict: bool = False,
    slices: tuple[str, ...] = (),
    release_hours: float | None = None,
    check_data: Callable[[], PartReport] | None = None,
    find_rollout: Callable[[], Rollout | None] | None = None,
    progress: Progress = silent,
    note: Callable[[str], None] = _quiet,
) -> Monitored:
    """Run all parts, decide, and leave reports, dashboard and decision; a part that fails stops no other.

    Args:
        name: the model's name.
        options: the settings' `monitor`.
        find_reference: gives the baseline.
        rows: the prediction log.
        labels: where the labels are, if anybody said.
        output: the directory or `s3://` prefix for what is left.
        now: seconds since 1970.
        past: what was asked for before.
        strict: whether too few labels end with 5.
        slices: columns whose values are measured one by one.
        release_hours: how old the live release is, if anybody said.
        check_data: checks the data that a retraining would use; asked only where something fails.
        find_rollout: gives the environment's newest rollout, which the dashboard shows; where it can't, that.
        progress: told of each hour of the log.
        note: told where the log can't be compacted; it is read all the same.

    Raises:
        OutsideError: what is left can't be written.
    """
    if options.compact:
        _compact(rows, now, progress, note)
    reference, codes = _attempt(find_reference)
    drift: DriftReport | ModelwayError
    performance: PerformanceReport | ModelwayError
    found = {"drift": codes, "performance": codes}
    if not isinstance(reference, ModelwayError):
        drift, found["drift"] = _attempt(lambda: find_drift(options.drift, reference, rows, progress))
        performance, found["performance"] = _attempt(
            lambda: check_performance(
                options.performance, reference, rows, labels, strict=strict, slices=slices, progress=progress
            )
        )
    else:
        drift = performance = reference
    traffic, _ = _attempt(lambda: read_traffic(rows.place(progress), rows.since, rows.until))
    seen = Observation(
        drift=_finding(drift),
        performance=_finding(performance),
        moved=tuple(one.name for one in drift.columns if one.state in {State.MOVED, State.ONCE})
        if not isinstance(drift, ModelwayError)
        else (),
        traffic=None if isinstance(traffic, ModelwayError) else traffic,
        release_hours=release_hours,
    )
    if check_data is not None and Verdict.FAIL in {seen.drift.verdict, seen.performance.verdict}:
        seen = seen.model_copy(update={"data": _data(check_data)})
    decision = decide(seen, options.policy, past, now)
    whole = Monitored(
        None if isinstance(drift, ModelwayError) else drift,
        None if isinstance(performance, ModelwayError) else performance,
        seen,
        decision,
        combine_exit_codes(list(found.values())),
    )
    rollout, _ = _attempt(find_rollout) if find_rollout is not None else (None, 0)
    _leave(whole, name, rows, output, rollout)
    return whole


def _compact(rows: Rows, now: float, progress: Progress, note: Callable[[str], None]) -> None:
    """Compact the log's hours that are over; without the rights to do so they are read as they are."""
    hours = settled(hours_between(rows.since.timestamp(), rows.until.timestamp()), datetime.fromtimestamp(now, UTC))
    done, _ = _attempt(lambda: compact_hours(rows.place(progress), hours))
    if isinstance(done, OutsideError):
        note(f"The log was not compacted, and is read segment by segment: {done}")


def _attempt(action: Callable[[], _T]) -> tuple[_T | ModelwayError, int]:
    try:
        result = action()
    except ModelwayError as error:
        return error, error.exit_code if error.exit_code in {1, 3, 4, 5, 6, 7} else OutsideError.exit_code
    return result, int(getattr(result, "exit_code", 0))


def _finding(part: DriftReport | PerformanceReport | ModelwayError) -> Finding:
    if isinstance(part, ModelwayError):
        return Finding(verdict=Verdict.ERROR, reason=f"{part.where}: {part.what}" if part.where else part.what)
    return Finding(verdict=part.verdict, reason=part.reason)


def _data(check_data: Callable[[], PartReport]) -> Finding:
    report, _ = _attempt(check_data)
    if isinstance(report, ModelwayError):
        return Finding(verdict=Verdict.ERROR, reason=report.what)
    failed = [one for one in report.checks if one.verdict is report.verdict]
    reason = (
        "all checks pass" if report.verdict is Verdict.PASS else failed[0].reason if failed else report.verdict.value
    )
    return Finding(verdict=report.verdict, reason=reason)


def _leave(found: Monitored, name: str, rows: Rows, output: str, rollout: Rollout | ModelwayError | None) -> None:
    """Write everything; the dashboard also where a part failed."""
    span = (rows.since.isoformat(), rows.until.isoformat())
    shown = str(rollout) if isinstance(rollout, ModelwayError) else rollout
    page = render_monitoring(name, found.seen, found.decision, found.drift, found.performance, span, shown)
    gauges = [
        *(drift_metrics(found.drift) if found.drift else []),
        *(performance_metrics(found.performance) if found.performance else []),
    ]
    left = {
        DRIFT: found.drift.to_json() if found.drift else _failed(found.seen.drift),
        PERFORMANCE: found.performance.to_json() if found.performance else _failed(found.seen.performance),
        DECISION: found.decision.to_json(),
        METRICS: exposition(gauges),
        DASHBOARD: page,
    }
    for file, text in left.items():
        write_bytes(f"{output.rstrip('/')}/{file}", text.encode(), s3=rows.s3)


def _failed(finding: Finding) -> str:
    """A report of a part that failed: its verdict and why, so that all files are always there."""
    return finding.to_json()


def read_history(uri: str) -> History:
    """What was asked for before; nothing where there is no such file yet."""
    return _history(uri).read()


def claim(uri: str, change: Callable[[History], History | None]) -> bool:
    """Change the history by compare-and-swap, and return whether this very call did.

    It is false where `change` wants none or wants what is there already: of two callers at most one gets true.

    Raises:
        OutsideError: the place can't be written, or others keep changing it.
    """
    return _history(uri).change(change)[1]


def _history(uri: str) -> Document[History]:
    def parse(content: bytes | None) -> History:
        try:
            return History() if content is None else History.from_json(content)
        except ValidationError as error:
            raise InputError(
                "the history of monitoring can't be read",
                where=uri,
                remedy="Restore it from a copy, or remove it: cool-down and budget then start again.",
            ) from error

    return Document(uri, "the history of monitoring", parse, History.to_json)
