"""What a rollout has seen, interval by interval, and what it decided."""

from __future__ import annotations

from enum import StrEnum

from modelway.records.base import Record

LATENCY_EDGES_MS = tuple(round(0.1 * 1.1**power, 6) for power in range(140))
"""Upper bounds of the buckets that a rollout counts latencies in, a tenth apart from 0.1 ms to 57 s; one more holds
what is beyond. Those of the servers' own statistics are too wide to tell a p99 from one that is half as long again."""


class RolloutAction(StrEnum):
    """What is done next."""

    HOLD = "hold"
    ADVANCE = "advance"
    BACK = "back"


class ArmCounts(Record):
    """What one arm answered in one interval, counted by routing key: requests of one key are correlated."""

    keys: int
    """Keys that asked and had not failed before in this rollout."""
    failed: int
    """Those of them that failed now (5xx)."""
    new: int
    """Those of them that were seen for the first time in this rollout."""
    latency: tuple[int, ...]
    """Latencies of each key's first answer in the interval, by `LATENCY_EDGES_MS` and beyond."""


class Report(Record):
    """What one replica wrote about one interval."""

    replica: str
    requests: int
    """Of both arms."""
    written: float
    """When it was written, by the storage's clock, in seconds since 1970."""
    dropped: int = 0
    """Records that the replica has lost since it began."""


class SeenInterval(Record):
    """One interval of a rollout."""

    start: float
    """By the replicas' clocks, in seconds since 1970."""
    step: int
    """Number of the plan's step, from 0."""
    share: float
    """The challenger's share that was set."""
    requests: int
    """Requests of both arms that went into the counts."""
    champion: ArmCounts
    challenger: ArmCounts
    reports: tuple[Report, ...]


class Seen(Record):
    """Everything that a decision looks at."""

    intervals: tuple[SeenInterval, ...]
    """Those of the whole rollout, in their order."""
    step: int
    """Number of the plan's step, from 0."""
    step_began: float
    """When it began, in seconds since 1970."""
    now: float
    """The same, of the decision."""


class RolloutDecision(Record):
    """What is done next, with its evidence."""

    action: RolloutAction
    reasons: tuple[str, ...]
    numbers: dict[str, float | None]
    """The statistics; None where nothing can be said yet."""
