"""What is known of a live model's health, and what is to be done about it."""

from __future__ import annotations

from modelway.records.base import Record
from modelway.records.monitor import Action
from modelway.records.verdict import Verdict


class Finding(Record):
    """What one check says."""

    verdict: Verdict
    reason: str


class Traffic(Record):
    """The requests of the time looked at, by the servers' own statistics."""

    requests: int
    errors: int
    """Those that ended with 5xx."""
    refused: int
    """Those that ended with 4xx."""
    mean_ms: float | None
    p95_ms: float | None
    """The upper bound of the bucket that the 95th percentile lies in."""
    hours: tuple[tuple[str, int, int], ...] = ()
    """Beginning (ISO 8601), requests and errors of each hour."""


class Observation(Record):
    """Everything that the decision looks at."""

    drift: Finding
    performance: Finding
    data: Finding | None = None
    """What check-data says of the data that a retraining would use; None where it was not asked."""
    moved: tuple[str, ...] = ()
    """What has moved, in several windows or in one."""
    traffic: Traffic | None = None
    release_hours: float | None = None
    """How long ago the live release was put there; None where nobody said."""


class History(Record):
    """What monitoring has asked for before; it lies beside the environment's state."""

    retrainings: tuple[float, ...] = ()
    """When retrainings were asked for, in seconds since 1970."""
    rolled_back: tuple[str, ...] = ()
    """Releases that were rolled back."""


class Decision(Record):
    """What is to be done, with its reasons."""

    action: Action
    reasons: tuple[str, ...]
    """In the order in which they counted."""
    blames_data: bool = False
    """Whether the data are to blame, and not the model."""
