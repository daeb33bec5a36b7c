"""A rollout's evidence in words and numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modelway.decide.evidence import bound
from modelway.decide.shadow import flips_upper, mean_radius

if TYPE_CHECKING:
    from modelway.decide.judging import Evidence, Judged
    from modelway.decide.outcomes import Effect
    from modelway.decide.plan import Plan
    from modelway.records.rollout import RolloutOptions

    Numbers = dict[str, float | None]


def said_by_guards(
    judged: Judged, effect: Effect | None, slices: tuple[str, ...], numbers: Numbers, options: RolloutOptions
) -> list[str]:
    """What each guard says that stops the rollout."""
    if judged.broken:
        return ["the arms do not get the shares that were set, so nothing can be compared"]
    guards, reasons = options.guards, []
    if judged.fails:
        reasons.append(
            f"the challenger fails more often: log evidence {judged.against:.2f}, "
            f"bound {bound(options.alpha * guards.errors.alpha):.2f}"
        )
    if judged.slow:
        quantile = f"p{guards.latency.quantile * 100:g}"
        reasons.append(
            f"the challenger is slower: its {quantile} is at least {numbers['challenger_latency_low_ms']:.4g} ms, "
            f"the champion's at most {numbers['champion_latency_high_ms']:.4g} ms"
        )
    if judged.moved:
        reasons.append(
            f"the challenger's answers are distributed otherwise: {judged.distance[0]:.3f} apart at the least, "
            f"{guards.predictions.margin:g} are allowed"
        )
    if judged.differs:
        named = [name for name, beyond in zip(slices, judged.beyond, strict=True) if beyond]
        reasons.append(f"the challenger answers otherwise in shadow: {', '.join(named)}")
    if effect is not None and effect.high < 0:
        reasons.append(f"the challenger's outcomes are worse: by {-effect.difference:.4g}, at least {-effect.high:.4g}")
    return reasons


def wanting(judged: Judged, numbers: Numbers, plan: Plan, step: int, held: float, *, waits: bool) -> tuple[str, ...]:
    """What a step that holds is waiting for."""
    if plan.shadow[step]:
        if judged.pairs < plan.pairs[step]:
            return (f"{judged.pairs:.0f} of {plan.pairs[step]:.0f} pairs of answers were compared",)
        return ("a margin is not excluded yet: the answers in shadow may differ too much",)
    if not judged.harmless:
        latency = numbers["challenger_latency_high_ms"]
        slow = "its latency is not known yet" if latency is None else f"its latency may be up to {latency:.4g} ms"
        margins = (
            (judged.rarely, f"the challenger may fail up to {numbers['errors_upper']:.4f} more often"),
            (judged.quick, slow),
            (judged.near, f"its answers may be distributed up to {numbers['predictions_high']:.3f} apart"),
        )
        return ("a margin is not excluded yet: " + ", ".join(words for excluded, words in margins if not excluded),)
    if held < plan.least[step]:
        return (f"the step lasts {plan.least[step]:g} minutes, {held:.2g} have passed",)
    return ("outcomes are waited for",) if waits else ("nothing is wanting",)


def numbers_of(
    judged: Judged, evidence: Evidence, errors_upper: float, effect: Effect | None, options: RolloutOptions
) -> Numbers:
    """The statistics; None where nothing can be said yet."""
    pairs, flips, total, squares = evidence.pairs[0]
    values = {
        "sample_ratio_log_evidence": float(judged.mismatch),
        "sample_ratio_log_bound": bound(options.guards.sample_ratio.alpha),
        "errors_log_evidence": float(judged.against),
        "errors_log_bound": bound(options.alpha * options.guards.errors.alpha),
        "errors_within_log_evidence": float(judged.within),
        "errors_upper": errors_upper,
        "champion_latency_low_ms": float(judged.champion[0]),
        "champion_latency_high_ms": float(judged.champion[1]),
        "challenger_latency_low_ms": float(judged.challenger[0]),
        "challenger_latency_high_ms": float(judged.challenger[1]),
        "predictions_low": float(judged.distance[0]),
        "predictions_high": float(judged.distance[1]),
    }
    if pairs > 0:
        values |= {
            "pairs": float(pairs),
            "flips": float(flips / pairs),
            "flips_upper": flips_upper(pairs, flips, options.alpha),
            "score_shift": float(total / pairs),
            "score_shift_radius": float(mean_radius(pairs, total, squares, options.alpha)),
        }
    return _known(values) | ({} if effect is None else numbers_of_effect(effect))


def numbers_of_effect(effect: Effect) -> Numbers:
    """The outcomes' difference; None where nothing can be said yet."""
    return _known({"outcome_difference": effect.difference, "outcome_low": effect.low, "outcome_high": effect.high})


def _known(values: dict[str, float]) -> Numbers:
    return {name: value if np.isfinite(value) else None for name, value in values.items()}
