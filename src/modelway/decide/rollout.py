"""What a rollout does next, from the plan's step and what was seen by interval."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modelway.decide.completeness import missing_evidence
from modelway.decide.errors import upper_difference
from modelway.decide.evidence import bound
from modelway.decide.judging import Arm, Evidence, judge
from modelway.decide.plan import Plan
from modelway.records.rollout import TimeUp
from modelway.records.rollout_seen import RolloutAction, RolloutDecision

if TYPE_CHECKING:
    from modelway.decide.judging import Judged
    from modelway.records.rollout import RolloutOptions
    from modelway.records.rollout_seen import ArmCounts, Seen


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
        late_back = plan.late(seen.step, elapsed) and step.time_up is TimeUp.BACK
        blind = RolloutAction.BACK if late_back else RolloutAction.HOLD
        return RolloutDecision(action=blind, reasons=problems, numbers={})
    evidence = gather(seen)
    judged = judge(evidence, step.slack, options)
    numbers = _numbers(judged, evidence, options)
    back, onward = plan.weigh(judged, seen.step, elapsed)
    action = RolloutAction.BACK if back else RolloutAction.ADVANCE if onward else RolloutAction.HOLD
    reasons = _said_by_guards(judged, numbers, options)
    if not reasons and judged.harmless and elapsed >= plan.least[seen.step]:
        reasons = ["every margin is excluded"]
    elif not reasons and plan.late(seen.step, elapsed):
        reasons = [f"{step.deadline_hours:g} hours are up: {step.time_up}"]
    return RolloutDecision(
        action=action,
        reasons=tuple(reasons or [_wanting(judged, numbers, plan.least[seen.step], elapsed)]),
        numbers=numbers,
    )


def gather(seen: Seen) -> Evidence:
    """The evidence of all intervals; that of earlier steps only as far as it may stop the rollout."""
    evidence, step = Evidence.none(), 0
    for interval in seen.intervals:
        if interval.step != step:
            evidence, step = evidence.next_step(), interval.step
        evidence = evidence.add(_arm(interval.champion), _arm(interval.challenger), interval.share)
    return evidence if step == seen.step else evidence.next_step()


def _arm(counts: ArmCounts) -> Arm:
    numbers = (counts.keys, counts.failed, counts.new, counts.latency)
    return Arm(*(np.asarray(number, dtype=float) for number in numbers))


def _said_by_guards(judged: Judged, numbers: dict[str, float | None], options: RolloutOptions) -> list[str]:
    if judged.broken:
        return ["the arms do not get the shares that were set, so nothing can be compared"]
    reasons = []
    if judged.fails:
        reasons.append(
            f"the challenger fails more often: log evidence {judged.against:.2f}, "
            f"bound {bound(options.alpha * options.guards.errors.alpha):.2f}"
        )
    if judged.slow:
        quantile = f"p{options.guards.latency.quantile * 100:g}"
        reasons.append(
            f"the challenger is slower: its {quantile} is at least {numbers['challenger_latency_low_ms']:.4g} ms, "
            f"the champion's at most {numbers['champion_latency_high_ms']:.4g} ms"
        )
    return reasons


def _wanting(judged: Judged, numbers: dict[str, float | None], least: float, elapsed: float) -> str:
    if judged.harmless:
        return f"the step lasts {least:g} minutes, {elapsed:.0f} have passed"
    return f"a margin is not excluded yet: the challenger may fail up to {numbers['errors_upper']:.4f} more often"


def _numbers(judged: Judged, evidence: Evidence, options: RolloutOptions) -> dict[str, float | None]:
    values = {
        "sample_ratio_log_evidence": float(judged.mismatch),
        "errors_log_evidence": float(judged.against),
        "errors_log_bound": bound(options.alpha * options.guards.errors.alpha),
        "errors_within_log_evidence": float(judged.within),
        "errors_upper": upper_difference(evidence.within, evidence.keys, options.alpha),
        "champion_latency_low_ms": float(judged.champion[0]),
        "champion_latency_high_ms": float(judged.champion[1]),
        "challenger_latency_low_ms": float(judged.challenger[0]),
        "challenger_latency_high_ms": float(judged.challenger[1]),
    }
    return {name: value if np.isfinite(value) else None for name, value in values.items()}
