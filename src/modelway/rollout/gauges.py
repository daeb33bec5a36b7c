"""How far each guard's evidence is on its way to its bound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from modelway.decide.evidence import bound
from modelway.decide.shadow import log_flips_within
from modelway.records.rollout import ShadowStep

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from modelway.records.rollout import RolloutOptions, Step

    Numbers = Mapping[str, float | None]


@dataclass(frozen=True)
class Gauge:
    """One guard.

    Attributes:
        name: of the guard.
        part: how much of the way is done; 1 or more is all of it.
        said: the same in words.
    """

    name: str
    part: float
    said: str


def gauges_back(numbers: Numbers, options: RolloutOptions) -> list[Gauge]:
    """Evidence against the challenger, and against the shares.

    Args:
        numbers: a decision's.
        options: the settings' `rollout`.
    """
    found = []
    evidence, limit = numbers.get("errors_log_evidence"), numbers.get("errors_log_bound")
    if evidence is not None and limit is not None:
        found.append(Gauge("failures", _part(evidence, limit), f"log evidence {evidence:.2f} of {limit:.2f}"))
    low, high = numbers.get("challenger_latency_low_ms"), numbers.get("champion_latency_high_ms")
    if low and high:
        said = f"at least {low:.4g} ms, the champion's at most {high:.4g} ms"
        found.append(Gauge("latency", 1.0 if low > high else 0.0, said))
    mismatch, limit = numbers.get("sample_ratio_log_evidence"), numbers.get("sample_ratio_log_bound")
    if mismatch is not None and limit is not None:
        said = f"log evidence {mismatch:.2f} of {limit:.2f}; then it is held"
        found.append(Gauge("wrong shares", _part(mismatch, limit), said))
    apart, margin = numbers.get("predictions_low"), options.guards.predictions.margin
    if apart:
        found.append(Gauge("answers", apart / margin, f"at least {apart:.3g} apart; {margin:.3g} may be"))
    return found


def gauges_on(numbers: Numbers, step: Step, options: RolloutOptions) -> list[Gauge]:
    """How far each margin is excluded.

    Args:
        numbers: a decision's.
        step: its step.
        options: the settings' `rollout`.
    """
    return [*_in_shadow(numbers, step, options), *_answering(numbers, step, options)]


def _in_shadow(numbers: Numbers, step: Step, options: RolloutOptions) -> Iterator[Gauge]:
    if not isinstance(step, ShadowStep):
        return
    pairs, agreement = numbers.get("pairs"), options.guards.agreement
    if pairs is not None:
        yield Gauge("pairs", pairs / step.requests, f"{pairs:,.0f} of {step.requests:,}")
    if agreement.alpha <= 0:
        return
    if pairs and (flips := numbers.get("flips")) is not None:
        margin = agreement.flips * step.slack
        evidence = float(log_flips_within(np.asarray(pairs), np.asarray(pairs * flips), np.asarray(margin)))
        yield Gauge("labels", _part(evidence, bound(options.alpha)), f"{flips:.2%} differ; {margin:.2%} may")
    shift, radius = numbers.get("score_shift"), numbers.get("score_shift_radius")
    if shift is not None and radius is not None:
        margin = agreement.shift * step.slack
        said = f"mean shifted by {shift:+.3g}, give or take {radius:.2g}; {margin:g} may be"
        yield _below("scores", abs(shift) + radius, margin, said)


def _answering(numbers: Numbers, step: Step, options: RolloutOptions) -> Iterator[Gauge]:
    guards = options.guards
    if isinstance(step, ShadowStep):
        return
    if (upper := numbers.get("errors_upper")) is not None:
        margin = guards.errors.margin * step.slack
        yield _below("failures", upper, margin, f"up to {upper:+.2%} of the keys; {margin:+.2%} may be")
    if guards.latency.alpha > 0 and "challenger_latency_high_ms" in numbers:
        yield _latency(numbers, 1 + guards.latency.margin * step.slack)
    if guards.predictions.alpha > 0 and (distance := numbers.get("predictions_high")) is not None:
        margin = guards.predictions.margin * step.slack
        yield _below("answers", distance, margin, f"up to {distance:.3g} apart; {margin:.3g} may be")
    low = numbers.get("outcome_low")
    if low is not None and guards.outcome.needed:
        margin = guards.outcome.margin * step.slack
        yield _below("outcomes", -low, margin, f"at least {low:+.3g}; {-margin:+.3g} may be")


def _latency(numbers: Numbers, allowed: float) -> Gauge:
    high, other = numbers["challenger_latency_high_ms"], numbers.get("champion_latency_low_ms")
    if high is None or not other:
        return Gauge("latency", 0.0, "no bounds yet")
    limit = other * allowed
    return _below("latency", high, limit, f"at most {high:.4g} ms; {limit:.4g} ms may be")


def _below(name: str, upper: float, margin: float, said: str) -> Gauge:
    """Full where the upper end of what may be true is below the margin."""
    return Gauge(name, 1.0 if upper < margin else min(0.99, margin / upper), said)


def _part(evidence: float, limit: float) -> float:
    return max(0.0, evidence) / limit
