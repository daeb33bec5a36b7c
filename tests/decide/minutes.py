"""Intervals of a rollout, made up: two replicas, a thousand keys an arm and minute, all well."""

from __future__ import annotations

from modelway.records.rollout import CanaryStep, GuardOptions, LatencyGuard, RolloutOptions, TimeUp
from modelway.records.rollout_seen import (
    LATENCY_EDGES_MS,
    SCORE_BUCKETS,
    ArmCounts,
    Outcome,
    Outcomes,
    Report,
    Seen,
    SeenInterval,
)

BUCKETS = len(LATENCY_EDGES_MS) + 1
FAST, SLOW = 55, 60  # numbers of buckets, five tenths apart


def plan(*, latency: float = 0.25, time_up: TimeUp = TimeUp.HOLD) -> RolloutOptions:
    step = CanaryStep(kind="canary", share=0.5, minutes=5, deadline_hours=1, time_up=time_up)
    return RolloutOptions(steps=(step,), guards=GuardOptions(latency=LatencyGuard(alpha=latency)))


def arm(keys: int, failed: int, bucket: int = FAST) -> ArmCounts:
    latency = [0] * BUCKETS
    latency[bucket] = keys
    scores = (keys, *(0,) * (SCORE_BUCKETS - 1))
    return ArmCounts(keys=keys, failed=failed, new=keys, latency=tuple(latency), scores=scores)


def interval(
    minute: int, failed: int = 1, *, keys: int = 1000, share: float = 0.5, slow: int = FAST, replicas: str = "ab"
) -> SeenInterval:
    end = (minute + 1) * 60.0
    reports = tuple(Report(replica=name, requests=2 * keys // len(replicas), written=end + 1) for name in replicas)
    return SeenInterval(
        start=minute * 60.0,
        step=0,
        share=share,
        requests=2 * keys,
        champion=arm(keys, 1),
        challenger=arm(keys, failed, slow),
        reports=reports,
    )


def seen(*intervals: SeenInterval, now: float | None = None) -> Seen:
    end = len(intervals) * 60.0 + 5 if now is None else now
    return Seen(intervals=intervals, step=0, step_began=0.0, now=end)


HEALTHY = tuple(interval(minute) for minute in range(8))


def report(replica: str = "a", requests: int = 1000, written: float = 481.0, dropped: int = 0) -> Report:
    return Report(replica=replica, requests=requests, written=written, dropped=dropped)


def outcomes(keys: int, champion: float, challenger: float) -> Outcomes:
    arms = (Outcome(keys=keys, total=mean * keys, squares=mean * keys) for mean in (champion, challenger))
    return Outcomes(**dict(zip(("champion", "challenger"), arms, strict=True)))
