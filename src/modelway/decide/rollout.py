"""What a rollout does next, from the plan's step and what was seen by interval."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modelway.decide.completeness import missing_evidence, unsound_intervals
from modelway.decide.errors import upper_difference
from modelway.decide.judging import Arm, Evidence, judge
from modelway.decide.outcomes import effect_seen
from modelway.decide.plan import Plan
from modelway.decide.saying import numbers_of, numbers_of_effect, said_by_guards, wanting
from modelway.records.rollout import TimeUp
from modelway.records.rollout_seen import ALL_PAIRS, RolloutAction, RolloutDecision

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from modelway.records.rollout import RolloutOptions
    from modelway.records.rollout_seen import ArmCounts, Outcomes, PairCounts, Seen, SeenInterval


def decide_rollout(options: RolloutOptions, seen: Seen) -> RolloutDecision:
    """Weigh what was seen: where something is missing, late, there twice or of another time, hold; else `Plan.weigh`.

    Args:
        options: the settings' `rollout`.
        seen: what was seen.
    """
    step, plan = options.steps[seen.step], Plan(options)
    elapsed = (seen.now - seen.step_began) / 60
    if problems := missing_evidence(seen, options):
        # Time that is up without evidence never moves anybody on; back is always safe.
        late = bool(plan.late(seen.step, elapsed))
        blind = RolloutAction.BACK if late and step.time_up is TimeUp.BACK else RolloutAction.HOLD
        asks = late and blind is RolloutAction.HOLD
        return RolloutDecision(action=blind, reasons=problems, numbers={}, overdue=asks)
    slices = slices_of(seen)
    evidence, since = gather(seen, options, slices)
    judged, effect = judge(evidence, step.slack, options), effect_seen(seen.outcomes, options)
    held = (seen.now - since) / 60
    guard = options.guards.outcome
    waits = guard.needed and (effect is None or effect.low <= -guard.margin * step.slack)
    back, onward = plan.weigh(judged, seen.step, elapsed, held, waits=waits)
    if effect is not None and effect.high < 0 and not judged.broken:
        back, onward = np.asarray(True), np.asarray(False)
    late = bool(plan.late(seen.step, elapsed))
    upper = upper_difference(evidence.within, evidence.keys, options.alpha)
    numbers = numbers_of(judged, evidence, upper, effect, options)
    action = RolloutAction.BACK if back else RolloutAction.ADVANCE if onward else RolloutAction.HOLD
    reasons = said_by_guards(judged, effect, slices, numbers, options)
    if not reasons and action is RolloutAction.ADVANCE and plan.shown(judged, seen.step, waits=waits):
        reasons = ["every margin is excluded"]
    elif not reasons and late:
        reasons = [f"{step.deadline_hours:g} hours are up: {step.time_up}"]
    return RolloutDecision(
        action=action,
        reasons=tuple(reasons or wanting(judged, numbers, plan, seen.step, held, waits=waits)),
        numbers=numbers,
        overdue=late and action is RolloutAction.HOLD,
    )


def decide_watch(options: RolloutOptions, outcomes: Outcomes | None) -> RolloutDecision:
    """After all of the traffic was given over: back where late outcomes are worse, else hold.

    Args:
        options: the settings' `rollout`.
        outcomes: those of the last step in which both arms answered.
    """
    effect = effect_seen(outcomes, options)
    if effect is None:
        return RolloutDecision(action=RolloutAction.HOLD, reasons=("no outcomes are known yet",), numbers={})
    worse = effect.high < 0
    said = f"the outcomes' difference is {effect.difference:+.4g}" + (", and worse for certain" if worse else "")
    return RolloutDecision(
        action=RolloutAction.BACK if worse else RolloutAction.HOLD, reasons=(said,), numbers=numbers_of_effect(effect)
    )


def slices_of(seen: Seen) -> tuple[str, ...]:
    """The slices in which pairs were compared; all of them first."""
    names = {name for interval in seen.intervals for name in interval.pairs}
    return (ALL_PAIRS, *sorted(names - {ALL_PAIRS}))


def gather(seen: Seen, options: RolloutOptions, slices: tuple[str, ...] = (ALL_PAIRS,)) -> tuple[Evidence, float]:
    """The evidence of all intervals that can be used, and since when that of the step counts.

    What lets the rollout go on counts from the step's beginning, from where a person began it anew, or from the last
    interval on that could not be used, whichever is latest; what stops it counts from the rollout's beginning.
    """
    evidence, step, since, before = Evidence.none(slices=len(slices)), 0, seen.step_began, -np.inf
    for interval, problems in zip(seen.intervals, unsound_intervals(seen, options), strict=True):
        if interval.step != step or before < seen.resumed <= interval.start:
            evidence, step, since = evidence.next_step(), interval.step, max(interval.start, seen.step_began)
        before = interval.start
        if problems:
            evidence, since = evidence.next_step(), interval.start + options.interval_seconds
        else:
            arms = (_arm(interval.champion), _arm(interval.challenger))
            evidence = evidence.add(*arms, interval.share, _pairs(interval, slices))
    begun = step == seen.step and before >= seen.resumed
    return (evidence, since) if begun else (evidence.next_step(), seen.step_began)


def _arm(counts: ArmCounts) -> Arm:
    numbers = (counts.keys, counts.failed, counts.new, counts.latency, counts.scores)
    return Arm(*(np.asarray(number, dtype=float) for number in numbers))


def _pairs(interval: SeenInterval, slices: tuple[str, ...]) -> NDArray[np.float64]:
    def numbers(counts: PairCounts | None) -> tuple[float, float, float, float]:
        return (0.0,) * 4 if counts is None else (counts.pairs, counts.flips, counts.total, counts.squares)

    return np.array([numbers(interval.pairs.get(name)) for name in slices], dtype=float)
