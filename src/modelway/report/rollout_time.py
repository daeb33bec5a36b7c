"""What a rollout's ticks hold, as series over the time since it began."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from modelway.records.rollout_seen import ALL_PAIRS
from modelway.report.charts import Axis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelway.records.rollout import RolloutOptions
    from modelway.records.rollout_seen import ArmCounts, SeenInterval
    from modelway.records.rollout_state import Rollout, Tick

    Points = list[tuple[float, float | None]]

_UNITS = ((1.0, "Seconds"), (60.0, "Minutes"), (3600.0, "Hours"), (86400.0, "Days"))
_MOST_UNITS = 180
_BINS = 60


@dataclass(frozen=True)
class Clock:
    """The charts' time axis.

    Attributes:
        began: when the rollout did, in seconds since 1970.
        unit: the axis' unit, in seconds.
        axis: from then to the last that is known.
    """

    began: float
    unit: float
    axis: Axis

    @classmethod
    def of(cls, rollout: Rollout, ticks: Sequence[Tick]) -> Clock:
        """From the rollout's begin to its last tick, or its end."""
        known = [rollout.began, rollout.observed_until, *(epoch.began for epoch in rollout.epochs)]
        known += [tick.time for tick in ticks[-1:]]
        known += [rollout.ended] if rollout.ended is not None else []
        span = max(known) - rollout.began
        unit, word = next((one for one in _UNITS if span <= _MOST_UNITS * one[0]), _UNITS[-1])
        return cls(rollout.began, unit, Axis(f"{word} since it began", 0, max(span / unit, 1e-3)))

    def until(self, place: float) -> Clock:
        """The same with an axis that ends there."""
        return replace(self, axis=replace(self.axis, high=max(place, self.axis.high / 1000)))

    def place(self, seconds: float) -> float:
        """A time on the axis."""
        return (seconds - self.began) / self.unit

    def series(self, ticks: Sequence[Tick], name: str) -> Points:
        """One of the decisions' numbers; None where it is not known."""
        return [(self.place(tick.time), tick.decision.numbers.get(name)) for tick in ticks]


def failures_by_time(ticks: Sequence[Tick], options: RolloutOptions, clock: Clock) -> dict[str, Points]:
    """The share of each arm's keys that failed, where it has any; several intervals at once where they are many."""
    intervals = [interval for tick in ticks for interval in tick.intervals]
    size = max(1, -(-len(intervals) // _BINS))
    bins = [intervals[at : at + size] for at in range(0, len(intervals), size)]
    places = [clock.place(one[0].start + options.interval_seconds / 2 * len(one)) for one in bins]
    return {
        arm: [(place, _share([getattr(one, arm) for one in part])) for place, part in zip(places, bins, strict=True)]
        for arm in ("champion", "challenger")
    }


def _share(arms: Sequence[ArmCounts]) -> float | None:
    keys = sum(arm.keys for arm in arms)
    return sum(arm.failed for arm in arms) / keys if keys else None


def pairs_by_time(ticks: Sequence[Tick], options: RolloutOptions, clock: Clock) -> tuple[Points, Points]:
    """Of the pairs of each step so far: the share whose labels differ, and the mean difference of the scores."""
    flips: Points = []
    shifts: Points = []
    step, sums = -1, (0, 0, 0.0)
    for interval in _in_shadow(ticks):
        if interval.step != step:
            step, sums = interval.step, (0, 0, 0.0)
        counts = interval.pairs[ALL_PAIRS]
        sums = (sums[0] + counts.pairs, sums[1] + counts.flips, sums[2] + counts.total)
        place = clock.place(interval.start + options.interval_seconds)
        flips.append((place, sums[1] / sums[0]))
        shifts.append((place, sums[2] / sums[0]))
    return flips, shifts


def _in_shadow(ticks: Sequence[Tick]) -> list[SeenInterval]:
    seen = [interval for tick in ticks for interval in tick.intervals]
    return [one for one in seen if ALL_PAIRS in one.pairs and one.pairs[ALL_PAIRS].pairs]
