"""Recorded traffic for a simulation: what one log holds is dealt to two arms, as often as there are runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from modelway.decide.judging import Arm
from modelway.rollout.scenarios import Minute, pairs_by_noise, shifted_up

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from modelway.decide.judging import Floats
    from modelway.records.rollout_seen import ArmCounts
    from modelway.rollout.scenarios import Scenario

_BUCKET_FACTOR = 1.1
"""By how much one latency bucket's bound is greater than the one before; see `records.rollout_seen`."""


@dataclass(frozen=True)
class RecordedTraffic:
    """Intervals of a log, over and over.

    Attributes:
        intervals: what was counted in each, whoever answered.
        scenario: what is changed for the challenger: how often it fails (as many times as often as was recorded; where
            nothing failed, as the scenario's own rate), how long it takes, what it says.
    """

    intervals: Sequence[ArmCounts]
    scenario: Scenario

    def draw(self, number: int, share: Floats, seen: Floats, generator: np.random.Generator) -> Minute:
        """Deal one interval's keys to the arms, each run for itself.

        Args:
            number: of the interval, from 0.
            share: the challenger's share of the keys, shape (runs,).
            seen: the share that it sees in shadow, shape (runs,).
            generator: where chance comes from.
        """
        counts = self.intervals[number % len(self.intervals)]
        theirs = _dealt(np.array(counts.keys - counts.failed), share, generator)
        failing = _dealt(np.array(counts.failed), share, generator)
        more = generator.binomial(theirs, min(1.0, max(self.scenario.ratio - 1.0, 0.0) * self._errors()))
        new = _dealt(np.array(counts.new), share, generator)
        latency, scores = np.array(counts.latency), np.array(counts.scores)
        slow, said = (_dealt(histogram, share[:, None], generator) for histogram in (latency, scores))
        later = round(np.log(self.scenario.latency) / np.log(_BUCKET_FACTOR))
        asked = theirs + failing
        champion = Arm(
            keys=_floats(counts.keys - asked),
            failed=_floats(counts.failed - failing),
            new=_floats(counts.new - new),
            latency=_floats(latency - slow),
            scores=_floats(scores - said),
        )
        challenger = Arm(
            keys=_floats(asked),
            failed=_floats(failing + more),
            new=_floats(new),
            latency=shifted_up(_floats(slow), later),
            scores=shifted_up(_floats(said), self.scenario.answers),
        )
        arms = (champion, challenger)
        pairs = pairs_by_noise(counts.keys - asked, seen, generator)
        return Minute(arms, (champion.keys, challenger.keys), (champion.failed, challenger.failed), pairs)

    def _errors(self) -> float:
        """The share of keys that failed in the whole record."""
        failed, keys = (sum(getattr(one, name) for one in self.intervals) for name in ("failed", "keys"))
        return failed / keys if failed else self.scenario.errors


def _dealt(count: NDArray[np.int64], share: Floats, generator: np.random.Generator) -> NDArray[np.int64]:
    """How many of so many the challenger gets."""
    return np.asarray(generator.binomial(np.broadcast_to(count, np.broadcast_shapes(count.shape, share.shape)), share))


def _floats(values: NDArray[np.int64]) -> Floats:
    return np.asarray(values, dtype=float)
