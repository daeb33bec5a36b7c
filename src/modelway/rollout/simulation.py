"""What a plan would do with made-up traffic: many rollouts side by side, by the rules of the real one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from modelway.decide.judging import Evidence, judge
from modelway.decide.plan import Plan

if TYPE_CHECKING:
    from modelway.decide.judging import Flags, Floats
    from modelway.records.rollout import RolloutOptions
    from modelway.rollout.scenarios import Minute

_RUNNING, _PROMOTED, _BACK = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Simulated:
    """How many rollouts ended how.

    Attributes:
        runs: how many there were.
        promoted: how many came to all of the traffic.
        rolled_back: how many went back.
        held: how many were still on their way, or held, when the simulation ended.
        promoted_minutes: median time to all of the traffic; None where none came there.
        rolled_back_minutes: median time until it was rolled back, likewise.
        reached: share of the runs that reached each step.
        step_minutes: by step, the median time that it took; None where less than half of the runs left it.
    """

    runs: int
    promoted: int
    rolled_back: int
    held: int
    promoted_minutes: float | None
    rolled_back_minutes: float | None
    reached: tuple[float, ...]
    step_minutes: tuple[float | None, ...]


class Traffic(Protocol):
    """What is drawn from, interval by interval."""

    def draw(self, number: int, share: Floats, seen: Floats, generator: np.random.Generator) -> Minute:
        """One interval of each run."""
        ...


def simulate(options: RolloutOptions, traffic: Traffic, *, hours: float, runs: int, seed: int) -> Simulated:
    """Run the plan.

    Args:
        options: the settings' `rollout`.
        traffic: made up, or recorded.
        hours: how long is looked.
        runs: how many rollouts.
        seed: the same one gives the same result.
    """
    generator = np.random.default_rng(seed)
    state, step, ended = np.zeros(runs, int), np.zeros(runs, int), np.full(runs, np.nan)
    began, furthest = np.zeros(runs), np.zeros(runs, int)
    took = np.full((runs, len(options.steps)), np.inf)
    evidence = Evidence.none((runs,))
    plan = Plan(options)
    minutes = options.interval_seconds / 60
    for number in range(int(np.ceil(hours * 60 / minutes))):
        if not (state == _RUNNING).any():
            break
        share = plan.share[step]
        minute = traffic.draw(number, share, plan.seen[step], generator)
        evidence = evidence.add(*minute.arms, share, minute.pairs)
        now = (number + 1) * minutes
        judged = judge(evidence, plan.slack[step], options)
        back, onward = plan.weigh(judged, step, now - began)
        running = state == _RUNNING
        back, onward = back & running, onward & running
        last = onward & (step == len(options.steps) - 1)
        state[back], state[last] = _BACK, _PROMOTED
        ended[back | last] = now
        took[onward, step[onward]] = (now - began)[onward]
        step = np.where(onward & ~last, step + 1, step)
        began = np.where(onward, now, began)
        furthest = np.maximum(furthest, step)
        evidence = evidence.next_step(onward)
    return _count(state, ended, furthest, took)


def _count(state: np.ndarray, ended: Floats, furthest: np.ndarray, took: Floats) -> Simulated:
    def median(which: Flags) -> float | None:
        return float(np.median(ended[which])) if which.any() else None

    promoted, back = state == _PROMOTED, state == _BACK
    return Simulated(
        runs=len(state),
        promoted=int(promoted.sum()),
        rolled_back=int(back.sum()),
        held=int((state == _RUNNING).sum()),
        promoted_minutes=median(promoted),
        rolled_back_minutes=median(back),
        reached=tuple(float((furthest >= number).mean()) for number in range(took.shape[1])),
        step_minutes=tuple(float(value) if np.isfinite(value) else None for value in np.median(took, axis=0)),
    )
