"""Requests, errors and latency, by the statistics that servers write."""

from __future__ import annotations

import gzip
import zlib
from typing import TYPE_CHECKING

from pydantic import ValidationError

from modelway.observe.log_files import log_files
from modelway.records.decision import Traffic
from modelway.records.serve import LATENCY_BOUNDS_MS, StatisticsRecord

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from modelway.records.data import S3Options
    from modelway.records.progress import Progress


def read_traffic(
    uri: str, since: datetime, until: datetime, s3: S3Options, cache: Path, progress: Progress
) -> Traffic | None:
    """Add up the statistics; None where there are none. Lines that can't be read are passed over."""
    hours: dict[str, list[int]] = {}
    latency = [0] * (len(LATENCY_BOUNDS_MS) + 1)
    refused, total_ms = 0, 0.0
    for _, path in log_files(uri, "statistics", since, until, s3, cache, progress):
        for record in _records(path):
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


def _records(path: Path) -> list[StatisticsRecord]:
    found = []
    try:
        lines = gzip.decompress(path.read_bytes()).splitlines()
    except (OSError, EOFError, zlib.error):
        return []
    for line in lines:
        try:
            found.append(StatisticsRecord.from_json(line))
        except ValidationError:
            continue
    return found


def _percentile(latency: list[int], q: float) -> float | None:
    wanted, seen = q * sum(latency), 0
    for bound, count in zip(LATENCY_BOUNDS_MS, latency, strict=False):
        seen += count
        if seen >= wanted > 0:
            return bound
    return None
