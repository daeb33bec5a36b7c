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


SCORE_BUCKETS = 20
"""Buckets of the answers: tenths and halves of probabilities, classes, or quantiles of the champion's values."""

ALL_PAIRS = "all"
"""The slice of pairs in shadow that holds every one."""


class ArmCounts(Record):
    """What one arm answered in one interval, counted by routing key: requests of one key are correlated."""

    keys: int
    """Keys that asked and had not failed before in this rollout."""
    failed: int
    """Those of them that failed now: 5xx, or a row that the model refused (422)."""
    new: int
    """Those of them that were seen for the first time in this rollout."""
    latency: tuple[int, ...]
    """Latencies of each key's first answer in the interval, by `LATENCY_EDGES_MS` and beyond."""
    scores: tuple[int, ...] = (0,) * SCORE_BUCKETS
    """What each key's first answer in the interval says, in buckets whose bounds the rollout keeps."""


class PairCounts(Record):
    """Answers of both models to one request, in shadow; one pair a routing key."""

    pairs: int
    flips: int
    """Pairs whose labels differ, or in which the challenger had no answer; 0 for regression."""
    total: float
    """The sum of the scores' differences, challenger less champion."""
    squares: float
    """The sum of their squares."""


class Report(Record):
    """What one replica wrote about one interval."""

    replica: str
    requests: int
    """Of both arms."""
    written: float
    """When it was written, by the storage's clock, in seconds since 1970."""
    dropped: int = 0
    """Records that the replica has lost since it began."""
    last: bool = False
    """Whether the replica said that it ends."""


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
    strays: int = 0
    """Requests that were routed by other shares than the step's."""
    pairs: dict[str, PairCounts] = {}
    """Pairs in shadow: under `all`, and by slice as `column = value`."""


class Outcome(Record):
    """What became of one arm's predictions, as far as is known; by routing key."""

    keys: int
    total: float
    """The sum of the keys' means."""
    squares: float
    """The sum of their squares."""


class Outcomes(Record):
    """What became of the last step's predictions in which both arms answered."""

    champion: Outcome
    challenger: Outcome


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
    resumed: float = 0.0
    """When a person began the step anew: its evidence counts from here, and replicas that were gone are forgotten."""
    outcomes: Outcomes | None = None
    """None where nobody asked for them, or there are none yet."""


class RolloutDecision(Record):
    """What is done next, with its evidence."""

    action: RolloutAction
    reasons: tuple[str, ...]
    numbers: dict[str, float | None]
    """The statistics; None where nothing can be said yet."""
    overdue: bool = False
    """Whether the step's time is up, and a person has to decide."""
