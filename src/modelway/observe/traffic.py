"""Requests, errors and latency, by the statistics that servers write."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from pydantic import ValidationError

from modelway.observe.log_hours import hours_between
from modelway.observe.log_tables import LogReader
from modelway.records.decision import Traffic
from modelway.records.serve import LATENCY_BOUNDS_MS, StatisticsRecord

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from modelway.observe.log_hours import LogPlace


def read_traffic(place: LogPlace, since: datetime, until: datetime) -> Traffic | None:
    """Add up the statistics of [since, until); None where there are none. Lines that can't be read are passed over.

    Raises:
        InputError: there is no log at all.
        OutsideError: S3 or the file system fails.
    """
    place.require()
    hours: dict[str, list[int]] = {}
    latency = [0] * (len(LATENCY_BOUNDS_MS) + 1)
    refused, total_ms = 0, 0.0
    for record in _records(place, since, until):
        if not record.requests or not since.isoformat()[:19] <= record.start[:19] < until.isoformat()[:19]:
            continue
        counts = hours.setdefault(f"{record.start[:13]}:00Z", [0, 0])
        counts[0] += record.requests
        counts[1] += record.errors
        refused += record.refused
        total_ms += record.latency_sum_ms
        latency = [one + other for one, other in zip(latency, record.latency, strict=True)]
    requests, errors = (sum(counts[at] for counts in hours.values()) for at in (0, 1))
    if not hours:
        return None
    return Traffic(
        requests=requests,
        errors=errors,
        refused=refused,
        mean_ms=total_ms / sum(latency) if sum(latency) else None,
        p95_ms=_percentile(latency, 0.95),
        hours=tuple((hour, counts[0], counts[1]) for hour, counts in sorted(hours.items())),
    )


def _records(place: LogPlace, since: datetime, until: datetime) -> Iterator[StatisticsRecord]:
    reader = LogReader(place, "statistics")
    for text in reader.texts(hours_between(since.timestamp(), until.timestamp())):
        for line in text.lines:
            with suppress(ValidationError):
                yield StatisticsRecord.from_json(line)


def _percentile(latency: list[int], q: float) -> float | None:
    wanted, seen = q * sum(latency), 0
    for bound, count in zip(LATENCY_BOUNDS_MS, latency, strict=False):
        seen += count
        if seen >= wanted > 0:
            return bound
    return None
