"""The page of a rollout: where it is and why, its plan, its evidence and its decisions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelway.records.rollout import AbStep, ShadowStep, Step
from modelway.records.rollout_seen import RolloutAction
from modelway.records.rollout_state import RolloutStatus
from modelway.report.formats import count
from modelway.report.page import render
from modelway.report.rollout_charts import draw_evidence
from modelway.report.rollout_decisions import collapse
from modelway.report.rollout_effect import effects_by_step
from modelway.report.rollout_status import STATUS_STYLES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelway.records.rollout import RolloutOptions
    from modelway.records.rollout_forecast import Forecast, StepForecast
    from modelway.records.rollout_state import Rollout, Tick

_MOST_DECISIONS = 200
_LEAST_REFRESH = 2


@dataclass(frozen=True)
class PlanRow:
    """One step of the plan, and where the rollout is in it.

    Attributes:
        name: what the step is.
        least: what it takes at the least.
        deadline_hours: how long it may take; None for all of the traffic.
        time_up: what is done then.
        slack: how many times the margins it takes to go on.
        state: done, here or ahead.
        began: when its shares were set first, in seconds since 1970; None where they never were.
        forecast: what it needs, as was said beforehand.
    """

    name: str
    least: str
    deadline_hours: float | None
    time_up: str
    slack: float | None
    state: str
    began: float | None
    forecast: StepForecast | None


@dataclass(frozen=True)
class Totals:
    """Counts over all intervals: keys, and those that failed first, by arm."""

    requests: int = 0
    champion: tuple[int, int] = (0, 0)
    challenger: tuple[int, int] = (0, 0)


def render_rollout(
    rollout: Rollout, ticks: Sequence[Tick], options: RolloutOptions, forecast: Forecast | None = None
) -> str:
    """One HTML page that loads nothing, and asks to be loaded again while the rollout is not over.

    Args:
        rollout: where it is.
        ticks: the records of its ticks, the oldest first; there may be none yet.
        options: the settings' `rollout` by which it began.
        forecast: what the steps need, as far as it was said.
    """
    last = ticks[-1] if ticks else None
    decisions = collapse(ticks, options)
    return render(
        "rollout.html",
        rollout=rollout,
        options=options,
        last=last,
        style=STATUS_STYLES[rollout.status],
        said=say_status(rollout, options, last),
        refresh=None if rollout.over else max(_LEAST_REFRESH, round(options.tick_seconds)),
        shadow=rollout.epochs[-1].shadow if rollout.epochs and not rollout.over else 0.0,
        totals=_totals(ticks),
        plan=_plan(rollout, options, forecast),
        forecast=forecast,
        effects=effects_by_step(ticks, options),
        charts=draw_evidence(rollout, ticks, options),
        decisions=decisions[:_MOST_DECISIONS],
        more=max(0, len(decisions) - _MOST_DECISIONS),
    )


def say_status(rollout: Rollout, options: RolloutOptions, last: Tick | None) -> str:
    """The status in one sentence."""
    challenger, champion = rollout.challenger.version, rollout.champion.version
    where = name_step(options, rollout.step)
    said = {
        RolloutStatus.RUNNING: f"Under way: {where}.",
        RolloutStatus.PAUSED: f"Paused: {where}.",
        RolloutStatus.WATCHING: f"Version {challenger} answers everything; outcomes that come late may roll it back.",
        RolloutStatus.COMPLETE: f"Complete: version {challenger} answers everything.",
        RolloutStatus.ROLLED_BACK: f"Rolled back: version {champion} answers everything again.",
        RolloutStatus.ABORTED: "Aborted: it ended before the evidence decided.",
    }[rollout.status]
    if rollout.status is RolloutStatus.RUNNING and last is not None and _lacks_evidence(rollout, options, last):
        return f"Held, because the evidence is not complete: {where}."
    return said


def _lacks_evidence(rollout: Rollout, options: RolloutOptions, last: Tick) -> bool:
    """Whether nothing could be weighed although the step's first interval is over, and its metrics had time to come."""
    expected = rollout.step_began + 2 * options.interval_seconds + options.grace_seconds
    return last.decision.action is RolloutAction.HOLD and not last.decision.numbers and last.time > expected


def name_step(options: RolloutOptions, number: int) -> str:
    """A step as `step 2 of 5, canary 5%`; after the last one it is all of the traffic."""
    steps = options.steps
    if number >= len(steps):
        return "all of the traffic"
    return f"step {number + 1} of {len(steps)}, {steps[number]}"


def _totals(ticks: Sequence[Tick]) -> Totals:
    seen = [interval for tick in ticks for interval in tick.intervals]
    arms = [
        (sum(getattr(one, arm).keys for one in seen), sum(getattr(one, arm).failed for one in seen))
        for arm in ("champion", "challenger")
    ]
    return Totals(sum(one.requests for one in seen), *arms)


def _plan(rollout: Rollout, options: RolloutOptions, forecast: Forecast | None) -> list[PlanRow]:
    began: dict[int, float] = {}
    for epoch in rollout.epochs:
        began.setdefault(epoch.step, epoch.began)
    foreseen = dict(enumerate(forecast.steps)) if forecast else {}
    rows = [
        PlanRow(
            str(step),
            _least(step),
            step.deadline_hours,
            step.time_up.value,
            step.slack,
            _state(number, rollout.step),
            began.get(number),
            foreseen.get(number),
        )
        for number, step in enumerate(options.steps)
    ]
    whole = len(options.steps)
    watch = f"watched for {options.watch_hours:g} h" if options.watch_hours else ""
    end = PlanRow(
        "all of the traffic", watch, None, "", None, _state(whole, rollout.step), began.get(whole), foreseen.get(whole)
    )
    return [*rows, end]


def _state(number: int, now: int) -> str:
    return "done" if number < now else "here" if number == now else "ahead"


def _least(step: Step) -> str:
    if isinstance(step, ShadowStep):
        return f"{count(step.requests)} pairs"
    return f"{step.hours:g} h" if isinstance(step, AbStep) else f"{step.minutes:g} min"
