"""Counts by variant, version and share-epoch over one interval: what a rollout decides by, sampled log or not."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from modelway.records.serve import LATENCY_BOUNDS_MS
from modelway.serve.recorder import iso_time

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelway.serve.recorder import Served


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


class Interval:
    """All counts of one interval.

    Args:
        start: when it began, in seconds since 1970.
    """

    def __init__(self, start: float) -> None:
        self.start = start
        self._tallies: dict[tuple[str, str, str], Tally] = {}

    def tally(self, served: Served) -> Tally:
        """Count a request, and give the counts it went into."""
        key = (served.variant, served.version, served.epoch)
        tally = self._tallies.get(key)
        if tally is None:
            tally = self._tallies[key] = Tally()
        tally.requests += 1
        if served.status >= 500:
            tally.errors += 1
        elif served.status >= 400:
            tally.refused += 1
        elif served.question is not None:
            tally.rows += served.question.rows
        tally.latency[bisect_left(LATENCY_BOUNDS_MS, served.latency_ms)] += 1
        tally.latency_sum_ms += served.latency_ms
        return tally

    def lines(self, replica: str, end: float, log_dropped: int) -> Iterator[bytes]:
        """One record each, as `records.serve.StatisticsRecord` has it.

        Args:
            replica: names the process.
            end: when the interval ended, in seconds since 1970.
            log_dropped: records of the log that the process has lost since it began.
        """
        for (variant, version, epoch), tally in self._tallies.items():
            head = {
                "replica": replica,
                "start": iso_time(self.start),
                "seconds": end - self.start,
                "variant": variant,
                "version": version,
                "epoch": epoch,
            }
            yield msgspec.json.encode({**head, **msgspec.to_builtins(tally), "log_dropped": log_dropped})
