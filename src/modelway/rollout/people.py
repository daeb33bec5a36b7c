"""What people do with a rollout: begin one, pause it, let it go on, end it."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from modelway.errors import UsageError
from modelway.records.rollout_state import Rollout, RolloutStatus

if TYPE_CHECKING:
    from modelway.records.deploy import Release
    from modelway.records.rollout import RolloutOptions
    from modelway.rollout.store import RolloutStore

_NO_PART = {"tick_seconds", "challenger"}
"""Options that may change while a rollout is under way."""


def plan_digest(options: RolloutOptions) -> str:
    """SHA-256 of the plan that a rollout goes by."""
    return hashlib.sha256(options.model_dump_json(exclude=_NO_PART).encode()).hexdigest()


def begin(store: RolloutStore, release: Release, options: RolloutOptions, now: float) -> Rollout:
    """A new rollout of the release's last challenger; the first tick sets its first shares.

    Raises:
        UsageError: another one is under way.
        OutsideError: the store fails.
    """
    challenger = release.challengers[-1]
    began = Rollout(
        id=f"{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%SZ}-{challenger.version}",
        model=release.name,
        champion=release.champion,
        challenger=challenger,
        release=release.id,
        plan=plan_digest(options),
        status=RolloutStatus.RUNNING,
        reason="it has only just begun",
        began=now,
        step=0,
        step_began=now,
        entered=False,
        resumed=0.0,
        observed_until=now,
        ticks=0,
        epochs=(),
    )

    def change(found: Rollout | None) -> Rollout | None:
        if found is not None and not found.over:
            raise UsageError(
                f"a rollout of version {found.challenger.version} is under way",
                where=store.uri,
                remedy="Let it end, or end it: `modelway rollout abort`.",
            )
        return began

    return store.change(change) or began


def check_plan(rollout: Rollout, options: RolloutOptions) -> None:
    """Refuse another plan than the one that the rollout began with.

    Raises:
        UsageError: it is another one.
    """
    if not rollout.over and rollout.plan != plan_digest(options):
        raise UsageError(
            f"the plan is another one than that by which the rollout of version {rollout.challenger.version} began",
            where="rollout",
            remedy="Put the settings back; or `modelway rollout abort`, and begin again by the new plan.",
        )


def pause(store: RolloutStore, reason: str) -> Rollout:
    """Keep a rollout where it is; guards still may roll it back.

    Raises:
        UsageError: none is under way.
    """

    def change(found: Rollout | None) -> Rollout | None:
        rollout = _under_way(store, found)
        return rollout.model_copy(update={"status": RolloutStatus.PAUSED, "reason": reason})

    return _changed(store.change(change))


def resume(store: RolloutStore, now: float) -> Rollout:
    """Begin the step anew: its shares are set again, its time and its evidence count from now on.

    Raises:
        UsageError: none is under way.
    """

    def change(found: Rollout | None) -> Rollout | None:
        rollout = _under_way(store, found)
        values = {
            "status": RolloutStatus.RUNNING,
            "reason": "resumed",
            "entered": False,
            "resumed": now,
            "overdue": False,
        }
        return rollout.model_copy(update=values)

    return _changed(store.change(change))


def _under_way(store: RolloutStore, found: Rollout | None) -> Rollout:
    if found is None or found.over or found.status is RolloutStatus.WATCHING:
        raise UsageError(
            "no rollout is under way"
            if found is None
            else f"the rollout of version {found.challenger.version} is {found.status}: {found.reason}",
            where=store.uri,
            remedy="`modelway rollout --env NAME` begins one.",
        )
    return found


def _changed(rollout: Rollout | None) -> Rollout:
    assert rollout is not None  # noqa: S101 - `_under_way` raises where there is none
    return rollout
