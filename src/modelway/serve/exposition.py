"""The counts of all workers as Prometheus reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from modelway.records.serve import LATENCY_BOUNDS_MS
from modelway.serve.log import STREAMS
from modelway.serve.metrics import HANG_UPS, OUTCOMES, ROW_BOUNDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from prometheus_client.core import Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_ARM = ["variant", "version"]
_COUNTERS = {
    "shadowed": ("modelway_shadow_requests", "Requests that the challenger saw besides."),
    "shadow_dropped": ("modelway_shadow_dropped", "Requests that it should have seen: its queue was full."),
    "shadow_failed": ("modelway_shadow_failed", "Requests on which it failed."),
    "shadow_flips": ("modelway_shadow_flips", "Rows of which it predicted another class."),
    "reloads": ("modelway_reloads", "Releases that workers took over while they ran."),
    "connections_closed": ("modelway_connections_closed", "Connections refused or closed because of a limit."),
    "log_failed": (
        "modelway_log_failed_records",
        "Records that could not be written because of a bug; the server's log has the traceback.",
    ),
}
_LABELLED = {
    "outcomes": (
        "modelway_request_outcomes",
        "Prediction requests by outcome, each counted once: the sum is modelway_requests plus smoke tests as soon as "
        "modelway_queue and modelway_shadow_queue are 0. "
        + "; ".join(f"{name}: {text}" for name, text in OUTCOMES.items())
        + ".",
        "outcome",
        tuple(OUTCOMES),
    ),
    "hang_ups": (
        "modelway_hang_ups",
        "Prediction requests whose client disconnected, by what was under way: body, scoring or response.",
        "during",
        HANG_UPS,
    ),
}
_LOG = {
    "handed": (
        "modelway_log_records",
        "Records handed to the log. Each is in the store, not delivered yet, or dropped.",
    ),
    "delivered": (
        "modelway_log_delivered_records",
        "Records that the log's store took, those left by ended processes among them.",
    ),
}
_DROPPED = "modelway_log_dropped_records", "Records of the log that were lost, by reason."
_WAITING = "modelway_log_undelivered_records", "Records of the log that are not in the store yet."
_GAUGES = {
    "workers": ("modelway_workers", "Workers that answer."),
    "ready": ("modelway_workers_ready", "Workers that are ready."),
    "queue": ("modelway_queue", "Requests under way."),
    "shadow_queue": ("modelway_shadow_queue", "Requests that wait for the challenger."),
    "log_bytes": (
        "modelway_log_undelivered_bytes",
        "Bytes of the log that are not delivered yet, in memory and on disk.",
    ),
    "log_spool_bytes": ("modelway_log_spool_bytes", "Bytes of the log on local disk that are not delivered yet."),
    "log_away": ("modelway_log_away", "Workers that can't deliver to the prediction log."),
    "flags_fault": ("modelway_flags_fault", "Workers whose newest flag document is not in force."),
}


def expose(counts: dict[str, Any]) -> bytes:
    """The text format (prometheus.io/docs/instrumenting/exposition_formats) of summed counts."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Counts(counts))
    return generate_latest(registry)


class _Counts(Collector):
    """What prometheus_client asks for metrics."""

    def __init__(self, counts: dict[str, Any]) -> None:
        self._counts = counts

    def describe(self) -> Iterable[Metric]:
        """Nothing beforehand."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Every metric."""
        arms = [
            (variant, version, arm)
            for variant, versions in self._counts.get("arms", {}).items()
            for version, arm in versions.items()
        ]
        yield from _requests(arms)
        yield from _predictions(arms)
        rows = HistogramMetricFamily("modelway_batch_rows", "Rows that were scored together.")
        rows.add_metric([], _buckets(map(repr, ROW_BOUNDS), self._counts["batch_rows"]), self._counts["batch_sum"])
        yield rows
        for key, (name, text) in _COUNTERS.items():
            yield CounterMetricFamily(name, text, value=self._counts.get(key, 0))
        for key, (name, text, label, known) in _LABELLED.items():
            family = CounterMetricFamily(name, text, labels=[label])
            for value in known:
                family.add_metric([value], self._counts.get(key, {}).get(value, 0))
            yield family
        gauges = self._counts.get("gauges", {})
        yield from _log(self._counts.get("log") or {}, gauges)
        oldest = self._counts.get("maxima", {}).get("log_oldest_seconds", 0)
        yield GaugeMetricFamily("modelway_log_oldest_seconds", "Age of the oldest undelivered record.", value=oldest)
        for key, (name, text) in _GAUGES.items():
            yield GaugeMetricFamily(name, text, value=gauges.get(key, 0))


def _log(log: dict[str, Any], gauges: dict[str, float]) -> Iterator[Metric]:
    """What became of the log's records, by stream: predictions and statistics."""
    for key, (name, text) in _LOG.items():
        counter = CounterMetricFamily(name, text, labels=["stream"])
        for stream in STREAMS:
            counter.add_metric([stream], log.get(key, {}).get(stream, 0))
        yield counter
    waiting = GaugeMetricFamily(*_WAITING, labels=["stream"])
    dropped = CounterMetricFamily(*_DROPPED, labels=["stream", "reason"])
    for stream in STREAMS:
        waiting.add_metric([stream], gauges.get(f"log_{stream}", 0))
        for reason, count in log.get("dropped", {}).get(stream, {}).items():
            dropped.add_metric([stream, reason], count)
    yield waiting
    yield dropped
    failures = log.get("failures", 0)
    yield CounterMetricFamily(
        "modelway_log_failures", "Attempts to write the log to local disk or to its store that failed.", value=failures
    )


def _requests(arms: Sequence[tuple[str, str, dict[str, Any]]]) -> Iterator[Metric]:
    requests = CounterMetricFamily(
        "modelway_requests",
        "Prediction requests by routed version and status, without smoke tests; 499: the client disconnected.",
        labels=[*_ARM, "status"],
    )
    latency = HistogramMetricFamily(
        "modelway_request_seconds", "From a request's last byte to its response's.", labels=_ARM
    )
    bounds = [repr(bound / 1000) for bound in LATENCY_BOUNDS_MS]
    for variant, version, arm in arms:
        for status, count in sorted(arm["statuses"].items()):
            requests.add_metric([variant, version, status], count)
        latency.add_metric([variant, version], _buckets(bounds, arm["latency"]), arm["latency_sum"] / 1e9)
    yield requests
    yield latency


def _predictions(arms: Sequence[tuple[str, str, dict[str, Any]]]) -> Iterator[Metric]:
    classes = CounterMetricFamily("modelway_predictions", "Predicted rows, by class.", labels=[*_ARM, "class"])
    scores = HistogramMetricFamily(
        "modelway_prediction_score", "The positive class's probability, or the predicted value.", labels=_ARM
    )
    for variant, version, arm in arms:
        for name, count in sorted(arm["classes"].items()):
            classes.add_metric([variant, version, name], count)
        found = arm["scores"]
        bounds = sorted((bound for bound in found if bound != "+Inf"), key=float)
        counts = [found[bound] for bound in [*bounds, "+Inf"]]
        scores.add_metric(
            [variant, version], _buckets(bounds, counts), float(f"{arm['score_sum']:.12g}")
        )  # as the last digits depend on the order
    yield classes
    yield scores


def _buckets(bounds: Iterable[str], counts: Sequence[int]) -> list[tuple[str, float]]:
    """Prometheus's buckets are cumulative, and the last has no bound."""
    total = 0
    buckets: list[tuple[str, float]] = []
    for bound, count in zip([*bounds, "+Inf"], counts, strict=True):
        total += count
        buckets.append((bound, total))
    return buckets
