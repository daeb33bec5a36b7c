"""What one worker counts, for `/metrics` and for the log's statistics."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from modelway.records.serve import LATENCY_BOUNDS_MS

if TYPE_CHECKING:
    from collections.abc import Sequence

ROW_BOUNDS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 1024, 4096, 16384)
"""Upper bounds of the histogram of rows that are scored together."""
SCORE_BOUNDS = tuple(place / 10 for place in range(1, 11))
"""Upper bounds of the histogram of the positive class's probability."""

OUTCOMES = {
    "logged": "responded to, and all of its records passed to the prediction log",
    "sampled_out": "responded to, but not selected by serve.log.sample, or logging is disabled",
    "dropped": "responded to, but the log had no memory left for some of its records",
    "failed": "responded to, but a bug kept some of its records from being written; the server's log has the traceback",
    "hung_up": "the client disconnected before the request or its response was complete; logged with status 499",
    "smoke": "sent by a smoke test that proved itself by its token",
}
"""What becomes of a request: exactly one of these."""
HANG_UPS = ("body", "scoring", "response")
"""What was under way when a client disconnected."""


class Kept:
    """Counts of requests and log records. Safe to use from several threads.

    Attributes:
        outcomes: requests by `OUTCOMES`.
        failed_records: records that could not be written, and so were never handed to the log.
    """

    def __init__(self) -> None:
        self.outcomes = dict.fromkeys(OUTCOMES, 0)
        self.failed_records = 0
        self._lock = Lock()

    def count(self, outcome: str, *, failed: int = 0) -> None:
        """Count one request and those of its records that could not be written."""
        with self._lock:
            self.outcomes[outcome] += 1
            self.failed_records += failed


_MANY = 64
"""Scores from which on numpy counts them: the event loop does nothing else meanwhile."""


class Arm:
    """The counts of one variant and version.

    Args:
        score_bounds: the upper bounds of the histogram of scores: probabilities, or the values of a regression.
    """

    __slots__ = ("classes", "latency", "latency_sum", "score_bounds", "score_sum", "scores", "statuses")

    def __init__(self, score_bounds: Sequence[float]) -> None:
        self.statuses: dict[str, int] = {}
        self.latency = [0] * (len(LATENCY_BOUNDS_MS) + 1)
        self.latency_sum = 0
        self.score_bounds = tuple(score_bounds)
        self.scores = [0] * (len(self.score_bounds) + 1)
        self.score_sum = 0.0
        self.classes: dict[str, int] = {}

    def request(self, status: int, milliseconds: float | None) -> None:
        """Count one request; `milliseconds` is None if the request never arrived completely."""
        word = str(status)
        self.statuses[word] = self.statuses.get(word, 0) + 1
        if milliseconds is None:
            return
        self.latency[bisect_left(LATENCY_BOUNDS_MS, milliseconds)] += 1
        self.latency_sum += round(milliseconds * 1_000_000)  # whole nanoseconds add up alike in any order

    def outcome(self, predictions: Sequence[Any], scores: Sequence[float]) -> None:
        """Count the predictions of a request: their classes (none for regression) and scores."""
        if len(scores) > _MANY:
            places = np.searchsorted(self.score_bounds, scores)
            found = np.bincount(places, minlength=len(self.scores)).tolist()
            self.scores = [before + more for before, more in zip(self.scores, found, strict=True)]
            self.score_sum += math.fsum(scores)
        else:
            for score in scores:
                self.scores[bisect_left(self.score_bounds, score)] += 1
                self.score_sum += score
        counted = Counter(predictions).items() if len(predictions) > _MANY else [(name, 1) for name in predictions]
        for name, times in counted:
            self.classes[name] = self.classes.get(name, 0) + times

    def counts(self) -> dict[str, Any]:
        """All of it as a tree of numbers."""
        return {
            "statuses": dict(self.statuses),
            "latency": list(self.latency),
            "latency_sum": self.latency_sum,
            "scores": dict(zip([*map(repr, self.score_bounds), "+Inf"], self.scores, strict=True)),
            "score_sum": self.score_sum,
            "classes": dict(self.classes),
        }


class Metrics:
    """Everything that one worker counts."""

    def __init__(self) -> None:
        self.arms: dict[tuple[str, str], Arm] = {}
        self.batch_rows = [0] * (len(ROW_BOUNDS) + 1)
        self.batch_sum = 0
        self.shadowed = 0
        self.shadow_dropped = 0
        self.shadow_failed = 0
        self.shadow_flips = 0
        self.reloads = 0
        self.hang_ups = dict.fromkeys(HANG_UPS, 0)
        self.kept = Kept()

    def arm(self, variant: str, version: str, score_bounds: Sequence[float] = SCORE_BOUNDS) -> Arm:
        """The counts of a variant and version; made where there are none yet."""
        found = self.arms.get((variant, version))
        if found is None:
            found = self.arms[variant, version] = Arm(score_bounds)
        return found

    def batch(self, rows: int) -> None:
        """Count rows that were scored together."""
        self.batch_rows[bisect_left(ROW_BOUNDS, rows)] += 1
        self.batch_sum += rows

    def counts(
        self,
        gauges: dict[str, float],
        log: dict[str, Any],
        maxima: dict[str, float] | None = None,
        connections_closed: int = 0,
    ) -> dict[str, Any]:
        """All of it as a tree of numbers; `log` is what became of the prediction log's records, `Journal.counts`."""
        arms: dict[str, dict[str, Any]] = {}
        for (variant, version), arm in self.arms.items():
            arms.setdefault(variant, {})[version] = arm.counts()
        return {
            "arms": arms,
            "batch_rows": list(self.batch_rows),
            "batch_sum": self.batch_sum,
            "shadowed": self.shadowed,
            "shadow_dropped": self.shadow_dropped,
            "shadow_failed": self.shadow_failed,
            "shadow_flips": self.shadow_flips,
            "reloads": self.reloads,
            "hang_ups": dict(self.hang_ups),
            "outcomes": dict(self.kept.outcomes),
            "log_failed": self.kept.failed_records,
            "connections_closed": connections_closed,
            "log": log,
            "gauges": gauges,
            "maxima": maxima or {},
        }
