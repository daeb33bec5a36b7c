"""What becomes of records: each one that was handed to the log ends in the store or in one of these counters."""

from __future__ import annotations

import threading
import time
from collections import Counter
from contextlib import suppress
from enum import StrEnum
from math import inf
from typing import TYPE_CHECKING, Any

from modelway.serve.events import describe_error, say
from modelway.serve.shared import KILLED

if TYPE_CHECKING:
    from collections.abc import Callable

PREDICTIONS, STATISTICS = "predictions", "statistics"
STREAMS = (PREDICTIONS, STATISTICS)


class Reason(StrEnum):
    """Why a record was lost."""

    MEMORY = "memory_full"
    """Memory for the log (`serve.log.queue_bytes`) was full."""
    SPOOL = "spool_full"
    """Its segment was the oldest when the spool reached `serve.log.spool_bytes`."""
    SHUTDOWN = "shutdown"
    """The process ended, and neither local disk nor store took it in time."""
    KILLED = KILLED
    """Its process was killed before it was on local disk; counted by the supervisor, within a fifth of a second."""
    CUT = "cut_off"
    """A killed process left half of its line."""
    REFUSED = "refused"
    """The store keeps refusing its segment while it takes others."""
    UNREADABLE = "unreadable"
    """Its segment on local disk is gone or corrupt."""


class Counts:
    """Counts by stream; any thread may add."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._handed: Counter[str] = Counter()
        self._delivered: Counter[str] = Counter()
        self._dropped: dict[str, Counter[str]] = {stream: Counter() for stream in STREAMS}
        self._failures = 0

    def handed(self, stream: str, dropped: Reason | None) -> None:
        """Count a record that was handed to the log; `dropped` is why it was not taken."""
        with self._lock:
            self._handed[stream] += 1
            if dropped is not None:
                self._dropped[stream][dropped] += 1

    def delivered(self, stream: str, records: int) -> None:
        """Count records that the store took."""
        with self._lock:
            self._delivered[stream] += records

    def dropped(self, stream: str, reason: Reason, records: int = 1) -> None:
        """Count records that are lost."""
        if records:
            with self._lock:
                self._dropped.setdefault(stream, Counter())[reason] += records

    def failed(self) -> None:
        """Count a failed attempt to write to local disk or to the store."""
        with self._lock:
            self._failures += 1

    def lost(self, stream: str) -> int:
        """How many records of a stream were dropped, for whatever reason."""
        with self._lock:
            return self._dropped[stream].total()

    def tree(self) -> dict[str, Any]:
        """All counts as a tree of numbers; every reason is in it, so that a metric exists before it first counts."""
        with self._lock:
            return {
                "handed": {stream: self._handed[stream] for stream in STREAMS},
                "delivered": {stream: self._delivered[stream] for stream in STREAMS},
                "dropped": {
                    stream: {reason.value: self._dropped[stream][reason] for reason in Reason} for stream in STREAMS
                },
                "failures": self._failures,
            }


_AGAIN_SECONDS = 60.0
"""A failure that comes and goes is reported no more often than this."""


def survive(action: Callable[[], None]) -> None:
    """Run one turn of a thread that must not end: whatever is raised is reported, and the next turn comes."""
    try:
        action()
    except Exception as error:  # noqa: BLE001 - a thread that ended would end the log
        with suppress(Exception):
            say("log_turn_failed", "error", **describe_error(error))


class Trouble:
    """Reports a failure once, however often it repeats, and its end.

    Args:
        counts: each failure is counted there.
        failed: the event that reports the failure.
        recovered: the event that reports its end.
    """

    def __init__(self, counts: Counts, failed: str, recovered: str) -> None:
        self._counts = counts
        self._failed = failed
        self._recovered = recovered
        self._kind: tuple[type[BaseException], object] | None = None
        self._reported: dict[tuple[type[BaseException], object], float] = {}
        self._known = False

    def __bool__(self) -> bool:
        """Whether the last attempt failed."""
        return self._kind is not None

    def begin(self, error: BaseException, /, **fields: Any) -> None:
        """Note a failed attempt; reported where the one before did not fail in the same way."""
        self._counts.failed()
        kind, now = (type(error), getattr(error, "errno", None)), time.monotonic()
        if (kind != self._kind or not self._known) and now - self._reported.get(kind, -inf) >= _AGAIN_SECONDS:
            say(self._failed, "error", **{"error": str(error) or type(error).__name__, **fields})
            self._reported[kind] = now
            self._known = True
        self._kind = kind

    def end(self, **fields: Any) -> None:
        """Note a successful attempt."""
        if self._known:
            say(self._recovered, **fields)
        self._kind, self._known = None, False
