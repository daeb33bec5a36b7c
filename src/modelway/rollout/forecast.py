"""How much traffic and time the plan's steps need at the present rate, where the challenger is as good."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from modelway.records.rollout import ShadowStep
from modelway.records.rollout_forecast import Forecast, StepForecast
from modelway.rollout.scenarios import SCENARIOS, MadeUpTraffic
from modelway.rollout.simulation import simulate

if TYPE_CHECKING:
    from modelway.records.rollout import RolloutOptions

_RUNS, _HOURS = 40, 24.0


def forecast(options: RolloutOptions, *, per_second: float, errors: float, seed: int = 0) -> Forecast:
    """Simulate rollouts of a challenger that is as good as the champion, of a day each.

    Args:
        options: the settings' `rollout`.
        per_second: the present rate of requests of both arms.
        errors: the champion's present error rate.
        seed: the same one gives the same result.
    """
    scenario = replace(SCENARIOS["no-difference"], errors=min(errors, 1.0))
    traffic = MadeUpTraffic(scenario, per_second, options)
    found = simulate(options, traffic, hours=_HOURS, runs=_RUNS, seed=seed)
    steps = tuple(
        StepForecast(
            share=0.0 if isinstance(step, ShadowStep) else step.share,
            minutes=minutes,
            requests=None if minutes is None else minutes * 60 * per_second,
        )
        for step, minutes in zip(options.steps, found.step_minutes, strict=True)
    )
    return Forecast(per_second=per_second, errors=errors, steps=steps)


def in_words(found: Forecast) -> list[str]:
    """A line for each step, and what it rests on."""
    failing = f"{found.per_second:.3g} requests/s of which {found.errors:.2%} fail"
    lines = [f"at {failing}, a challenger that is as good needs (medians of simulated rollouts):"]
    for number, needs in enumerate(found.steps, start=1):
        what = f"share {needs.share:.0%}" if needs.share else "shadow"
        if needs.minutes is None or needs.requests is None:
            lines.append(f"  step {number}, {what}: more than a day: this rate is too low for its margins")
        else:
            lines.append(f"  step {number}, {what}: {needs.minutes:.3g} minutes, {needs.requests:,.0f} requests")
    known = [needs.minutes for needs in found.steps if needs.minutes is not None]
    if len(known) == len(found.steps):
        lines.append(f"  in all: {sum(known):.3g} minutes")
    return lines
