"""What is kept of an environment's rollouts: the one that is under way, and the records of its ticks."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from modelway.records.base import Record
from modelway.records.deploy import BundleRef
from modelway.records.rollout_seen import RolloutDecision, SeenInterval


class RolloutStatus(StrEnum):
    """Where a rollout is."""

    RUNNING = "running"
    """On its way; it may be held for want of evidence."""
    PAUSED = "paused"
    """A person stopped it where it is; guards still may roll it back."""
    WATCHING = "watching"
    """The challenger answers everything, and late labels may still roll it back."""
    COMPLETE = "complete"
    ROLLED_BACK = "rolled back"
    """The evidence was against the challenger."""
    ABORTED = "aborted"
    """A person ended it, or somebody changed the release or the flags underneath it."""


OVER = frozenset({RolloutStatus.COMPLETE, RolloutStatus.ROLLED_BACK, RolloutStatus.ABORTED})
"""After these nothing more happens by itself."""


class ShareEpoch(Record):
    """Shares that were in force for a while."""

    epoch: str
    """What the flag document calls them, and each record of the prediction log."""
    step: int
    """Number of the plan's step, from 0; the number of steps for all of the traffic."""
    share: float
    """The challenger's share of the routing keys."""
    shadow: float
    """The share of them whose requests it saw in shadow."""
    began: float
    """When the shares were set, in seconds since 1970."""


class Rollout(Record):
    """`rollout.json`: the newest rollout of an environment."""

    schema_version: Literal[1] = 1
    id: str
    """When it began and the challenger's version: `20261127T033000Z-7`."""
    model: str
    champion: BundleRef
    challenger: BundleRef
    release: str
    """The id of the release that carries both."""
    plan: str
    """The digest of the settings' `rollout`, by which it began: another plan is refused, not mixed in."""
    status: RolloutStatus
    reason: str
    """Why it is where it is, in words."""
    began: float
    """In seconds since 1970; as the other times."""
    step: int
    """Number of the plan's step, from 0; the number of steps for all of the traffic."""
    step_began: float
    """When its shares were in force at every replica; its deadline counts from there."""
    entered: bool
    """Whether its shares were set."""
    resumed: float
    """When a person last began a step anew; 0 where nobody did."""
    observed_until: float
    """The end of the last interval that was counted."""
    ticks: int
    """How many records of ticks there are."""
    epochs: tuple[ShareEpoch, ...]
    """All shares that it has set, in their order."""
    overdue: bool = False
    """Whether the step's time is up, and a person has to decide."""
    ended: float | None = None

    @property
    def share(self) -> float | None:
        """The challenger's share of the routing keys now; None where none was ever set."""
        if self.status in {RolloutStatus.ROLLED_BACK, RolloutStatus.ABORTED}:
            return 0.0
        return self.epochs[-1].share if self.epochs else None

    @property
    def over(self) -> bool:
        """Whether nothing more happens by itself."""
        return self.status in OVER


class Tick(Record):
    """One line of a rollout's append-only log: what was seen since the one before, and what was decided."""

    number: int
    time: float
    """In seconds since 1970."""
    step: int
    share: float
    status: RolloutStatus
    """The rollout's when the decision was made."""
    decision: RolloutDecision
    flags: str
    """SHA-256 of the flag document's shares by which the requests were routed."""
    epoch: str
    champion: BundleRef
    challenger: BundleRef
    intervals: tuple[SeenInterval, ...]
    """Those that were counted since the tick before."""
    seen_keys: str = ""
    """Keys that were seen for the first time in the rollout: 64-bit hashes, little-endian, in Base64."""
    failed_keys: str = ""
    """Keys that failed for the first time, likewise."""
