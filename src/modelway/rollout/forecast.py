"""How much traffic and time the plan's steps need at the present rate, where the challenger is as good."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from modelway.rollout.scenarios import SCENARIOS
from modelway.rollout.simulation import simulate

if TYPE_CHECKING:
    from modelway.records.rollout import RolloutOptions

_RUNS, _HOURS = 40, 24.0


@dataclass(frozen=True, slots=True)
class StepForecast:
    """What one step needs.

    Attributes:
        share: the challenger's share of the keys; 0 in shadow.
        minutes: the median of simulated rollouts; None where fewer than half of them leave it within a day.
        requests: of both arms, in that time.
    """

    share: float
    minutes: float | None
    requests: float | None


@dataclass(frozen=True, slots=True)
class Forecast:
    """What the plan needs.

    Attributes:
        per_second: requests a second, on which it rests.
        errors: the champion's share of failed requests, likewise.
        steps: the steps.
    """

    per_second: float
    errors: float
    steps: tuple[StepForecast, ...]


def forecast(options: RolloutOptions, *, per_second: float, errors: float, seed: int = 0) -> Forecast:
    """Simulate rollouts of a challenger that is as good as the champion, of a day each.

    Args:
        options: the settings' `rollout`.
        per_second: the present rate of requests of both arms.
        errors: the champion's present error rate.
        seed: the same one gives the same result.
    """
    scenario = replace(SCENARIOS["no-difference"], errors=min(errors, 1.0))
    found = simulate(options, scenario, per_second=per_second, hours=_HOURS, runs=_RUNS, seed=seed)
    steps = tuple(
        StepForecast(
            share=getattr(step, "share", 0.0) if step.kind != "shadow" else 0.0,
            minutes=minutes,
            requests=None if minutes is None else minutes * 60 * per_second,
        )
        for step, minutes in zip(options.steps, found.step_minutes, strict=True)
    )
    return Forecast(per_second, errors, steps)


def in_words(found: Forecast) -> list[str]:
    """A line for each step, and what it rests on."""
    failing = f"{found.per_second:.3g} requests/s of which {found.errors:.2%} fail"
    lines = [f"at {failing}, a challenger that is as good needs (medians of simulated rollouts):"]
    for number, step in enumerate(found.steps, start=1):
        what = f"share {step.share:.0%}" if step.share else "shadow"
        if step.minutes is None:
            lines.append(f"  step {number}, {what}: more than a day: this rate is too low for its margins")
        else:
            lines.append(f"  step {number}, {what}: {step.minutes:g} minutes, {step.requests:,.0f} requests")
    known = [step.minutes for step in found.steps if step.minutes is not None]
    if len(known) == len(found.steps):
        lines.append(f"  in all: {sum(known):g} minutes")
    return lines
