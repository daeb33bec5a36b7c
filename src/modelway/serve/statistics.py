"""Counts by variant, version and share-epoch, in buckets of the clock: what a rollout goes by, sampled log or not."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from modelway.records.serve import HUNG_UP, LATENCY_BOUNDS_MS
from modelway.serve.recorder import iso_time, microseconds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelway.serve.recorder import Served

_MOST_BEATS = 60
"""Buckets without a request that are told of at once; a clock that jumps years ahead must not fill the memory."""


@dataclass(slots=True)
class Tally:
    """The counts of one variant, version and epoch."""

    requests: int = 0
    refused: int = 0
    errors: int = 0
    rows: int = 0
    latency: list[int] = field(default_factory=lambda: [0] * (len(LATENCY_BOUNDS_MS) + 1))
    latency_sum_ms: float = 0.0
    shadowed: int = 0
    shadow_dropped: int = 0
    hung_up: int = 0
    smoke: int = 0


class Arm(NamedTuple):
    """What counts belong to."""

    variant: str
    version: str
    epoch: str


class Statistics:
    """One process's counts, in buckets of one length that begin at its multiples since 1970.

    A request counts in the bucket of the moment when it came, as in the log's records. A bucket is written when it is
    over; a request that is answered later makes one more line for it, and lines add up.

    Args:
        replica: names the process.
        seconds: how long a bucket is.
        now: in seconds since 1970.
    """

    def __init__(self, replica: str, seconds: float, now: float) -> None:
        self._replica = replica
        self._length = max(round(seconds * 1_000_000), 1)
        self._buckets: dict[int, dict[Arm, Tally]] = {}
        self._told = self._bucket(now)
        self._lines = 0

    def tally(self, served: Served) -> Tally:
        """Count a request, and give the counts it went into."""
        bucket = self._buckets.setdefault(self._bucket(served.moment), {})
        arm = Arm(served.variant, served.version, served.epoch)
        tally = bucket.get(arm)
        if tally is None:
            tally = bucket[arm] = Tally()
        if served.smoke:
            tally.smoke += 1
            return tally
        tally.requests += 1
        if served.status == HUNG_UP:
            tally.hung_up += 1
        elif served.status >= 500:
            tally.errors += 1
        elif served.status >= 400:
            tally.refused += 1
        if served.question is not None and (served.status < 400 or served.status == HUNG_UP):
            tally.rows += served.question.rows
        if served.whole:
            tally.latency[bisect_left(LATENCY_BOUNDS_MS, served.latency_ms)] += 1
            tally.latency_sum_ms += served.latency_ms
        return tally

    def lines(
        self, now: float, log_dropped: int, idle: Arm | None, *, last: bool = False
    ) -> Iterator[tuple[float, bytes]]:
        """The buckets that are over and not written yet: when each began, and a `records.serve.StatisticsRecord`.

        Args:
            now: in seconds since 1970.
            log_dropped: records of the log that the process has lost since it began.
            idle: under what a bucket without requests is told of, so that silence means that something is wrong; None
                where it is not.
            last: whether the process ends; all that is left is written then, and that it ends.
        """
        current = self._bucket(now)
        if idle is not None:
            for start in range(max(self._told, current - _MOST_BEATS * self._length), current, self._length):
                self._buckets.setdefault(start, {idle: Tally()})
        self._told = max(self._told, current)
        for start in sorted(start for start in self._buckets if start < current or last):
            for arm, tally in self._buckets.pop(start).items():
                yield self._line(start, arm, tally, log_dropped)
        if last and idle is not None:
            yield self._line(current, idle, Tally(), log_dropped, last=True)

    def _line(self, start: int, arm: Arm, tally: Tally, log_dropped: int, *, last: bool = False) -> tuple[float, bytes]:
        begin = start / 1_000_000
        head = {"replica": self._replica, "number": self._lines, "start": iso_time(begin)}
        self._lines += 1
        about = {"seconds": self._length / 1_000_000, **arm._asdict(), **msgspec.to_builtins(tally)}
        return begin, msgspec.json.encode({**head, **about, "log_dropped": log_dropped, "last": last})

    def _bucket(self, moment: float) -> int:
        """Where the bucket of a moment begins, in microseconds since 1970."""
        return microseconds(moment) // self._length * self._length
