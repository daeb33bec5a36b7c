"""What the controller sees: the prediction log of an environment's servers, of its step's shares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelway.decide.rollout import gather
from modelway.observe.key_ledger import KeyLedger, encode_keys
from modelway.observe.rollout_log import RolloutWindow, read_intervals
from modelway.observe.rollout_outcomes import read_outcomes
from modelway.observe.score_buckets import ScoreBuckets
from modelway.records.rollout_seen import Seen
from modelway.rollout.controller import Observed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from modelway.records.data import S3Options
    from modelway.records.observe import Baseline
    from modelway.records.progress import Progress
    from modelway.records.rollout import RolloutOptions
    from modelway.records.rollout_seen import Outcomes
    from modelway.records.rollout_state import Rollout, Tick


@dataclass(frozen=True)
class LogObserver:
    """Reads the prediction log.

    Attributes:
        options: the settings' `rollout`.
        log: the log's address.
        outcomes: the address of what became of the predictions; None where the guard is off.
        segment_seconds: how long the servers' own statistics are of, each.
        baseline: the profile of a rollout's champion.
        s3: where `s3://` leads.
        cache: where objects are kept from one tick to the next.
        progress: told of downloads.
    """

    options: RolloutOptions
    log: str
    outcomes: str | None
    segment_seconds: float
    baseline: Callable[[Rollout], Baseline]
    s3: S3Options
    cache: Path
    progress: Progress

    def __call__(self, rollout: Rollout, ticks: Sequence[Tick], now: float) -> Observed:
        """The intervals that are over, of the step's own shares, and what became of predictions.

        Raises:
            OutsideError: the log's store fails.
        """
        epoch = rollout.epochs[-1]
        outcomes = self._outcomes(rollout, now)
        if rollout.step >= len(self.options.steps):
            return Observed((), outcomes=outcomes)
        window = RolloutWindow(
            since=rollout.observed_until,
            now=now,
            epoch=epoch.epoch,
            step=rollout.step,
            share=epoch.share,
            shadow=epoch.shadow > 0,
            known=known_replicas(rollout, ticks),
        )
        found = read_intervals(
            self.log,
            window,
            KeyLedger.of(ticks),
            ScoreBuckets.of(self.baseline(rollout)),
            self.options,
            self.segment_seconds,
            self.s3,
            self.cache,
            self.progress,
            self._paired(rollout, ticks, now) if window.shadow else None,
        )
        return Observed(found.intervals, encode_keys(found.seen), encode_keys(found.failed), outcomes)

    def _paired(self, rollout: Rollout, ticks: Sequence[Tick], now: float) -> KeyLedger:
        """The keys of whose pairs the evidence holds one: where a step begins anew, they are compared again."""
        intervals = tuple(interval for tick in ticks for interval in tick.intervals)
        seen = Seen(
            intervals=intervals,
            step=rollout.step,
            step_began=rollout.step_began,
            now=now,
            resumed=rollout.resumed,
        )
        _, since = gather(seen, self.options)
        return KeyLedger.of(tick for tick in ticks if any(interval.start >= since for interval in tick.intervals))

    def _outcomes(self, rollout: Rollout, now: float) -> Outcomes | None:
        """Those of the last step in which both arms answered."""
        shared = [epoch for epoch in rollout.epochs if 0 < epoch.share < 1]
        if self.outcomes is None or not shared:
            return None
        wanted = {epoch.epoch for epoch in shared if epoch.step == shared[-1].step}
        return read_outcomes(
            self.log,
            self.outcomes,
            self.options.guards.outcome,
            wanted,
            self.baseline(rollout),
            min(epoch.began for epoch in shared if epoch.epoch in wanted),
            now,
            self.s3,
            self.cache,
            self.progress,
        )


def known_replicas(rollout: Rollout, ticks: Sequence[Tick]) -> frozenset[str]:
    """Replicas that reported since a person last began a step anew, and did not say that they end."""
    known: set[str] = set()
    for tick in ticks:
        for interval in tick.intervals:
            if interval.start >= rollout.resumed:
                known |= {report.replica for report in interval.reports}
                known -= {report.replica for report in interval.reports if report.last}
    return frozenset(known)
