"""The plan's steps as arrays, and the order in which evidence and time decide: of one rollout, or of many at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from modelway.records.rollout import AbStep, ShadowStep, TimeUp

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from modelway.decide.judging import Flags, Floats, Judged
    from modelway.records.rollout import RolloutOptions, Step


class Plan:
    """The steps of a plan.

    Attributes:
        share: the challenger's share of the keys, by step; 0 in shadow.
        seen: the share of the keys whose requests the challenger sees in shadow, by step.
        slack: how many times the margins it takes to go on, by step.
        least: the minutes that a step lasts at the least, by step.
        shadow: whether nobody gets the challenger's answers, by step.
        pairs: how many pairs in shadow it takes to go on, by step.

    Args:
        options: the settings' `rollout`.
    """

    def __init__(self, options: RolloutOptions) -> None:
        steps = options.steps
        self.shadow: Flags = np.array([isinstance(step, ShadowStep) for step in steps])
        self.share: Floats = np.where(self.shadow, 0.0, [step.share for step in steps])
        self.seen: Floats = np.where(self.shadow, [step.share for step in steps], 0.0)
        self.pairs: Floats = np.array([float(getattr(step, "requests", 0)) for step in steps])
        self.slack: Floats = np.array([step.slack for step in steps])
        self.least: Floats = np.array([_least_minutes(step) for step in steps])
        self._deadline = np.array([step.deadline_hours * 60 for step in steps])
        self._late_back = np.array([step.time_up is TimeUp.BACK for step in steps])
        self._late_on = np.array([step.time_up is TimeUp.ON for step in steps])

    def weigh(
        self,
        judged: Judged,
        step: NDArray[Any] | int,
        elapsed: Floats | float,
        held: Floats | float | None = None,
        *,
        waits: bool = False,
    ) -> tuple[Flags, Flags]:
        """Which rollouts go back and which go on; the others hold. The first that applies decides.

        1. The arms don't get the shares that were set: hold.
        2. A guard's evidence against the challenger is beyond its bound: back.
        3. The step has lasted as long as it has to, and every guard's margin is excluded: on. In shadow these are the
           margins of the pairs, of which there have to be as many as the step wants.
        4. The step's time is up: what it says is to be done then. Else hold.

        Args:
            judged: what follows from the evidence, each of shape (...).
            step: numbers of the steps, shape (...) or one for all.
            elapsed: minutes since they began, likewise.
            held: minutes since their evidence counts, where that is less.
            waits: whether the margin of the outcomes has to be excluded, and is not.
        """
        sound = ~judged.broken
        back = sound & (judged.fails | judged.slow | judged.moved | judged.differs)
        lasted = (elapsed if held is None else held) >= self.least[step]
        onward = sound & ~back & self.shown(judged, step, waits=waits) & lasted
        late = sound & ~back & ~onward & self.late(step, elapsed)
        return back | (late & self._late_back[step]), onward | (late & self._late_on[step])

    def shown(self, judged: Judged, step: NDArray[Any] | int, *, waits: bool = False) -> Flags:
        """Return whether every margin that a step needs is excluded; as for `weigh`."""
        alike = judged.alike & (judged.pairs >= self.pairs[step])
        return np.where(self.shadow[step], alike, judged.harmless & (not waits))

    def late(self, step: NDArray[Any] | int, elapsed: Floats | float) -> Flags:
        """Whether a step's time is up; as for `weigh`."""
        return np.asarray(elapsed >= self._deadline[step])


def _least_minutes(step: Step) -> float:
    if isinstance(step, ShadowStep):
        return 0.0
    return step.hours * 60 if isinstance(step, AbStep) else step.minutes
