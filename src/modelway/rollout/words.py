"""A rollout in the words of a terminal: where it is, how near each guard is to its bound, what comes next."""

from __future__ import annotations

from itertools import takewhile
from textwrap import wrap
from typing import TYPE_CHECKING

from modelway.records.rollout import AbStep, ShadowStep
from modelway.records.rollout_state import RolloutStatus
from modelway.rollout.gauges import gauges_back, gauges_on

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelway.records.rollout import RolloutOptions, Step
    from modelway.records.rollout_seen import RolloutDecision
    from modelway.records.rollout_state import Rollout, Tick
    from modelway.rollout.gauges import Gauge

_BAR = 10
_LEAST_WIDTH = 30


def describe(
    rollout: Rollout, ticks: Sequence[Tick], options: RolloutOptions, now: float, width: int = 80
) -> list[str]:
    """The view of `rollout status`; plain ASCII, no colours.

    Args:
        rollout: where it is.
        ticks: the records of its ticks, the oldest first; there may be none yet.
        options: the settings' `rollout` by which it began.
        now: seconds since 1970.
        width: of the terminal, in characters; longer lines are wrapped.
    """
    decision = _newest_decision(rollout, ticks)
    challenger, champion = (f"{one.version} ({one.digest[:12]})" for one in (rollout.challenger, rollout.champion))
    lines = [
        f"{rollout.model}, rollout {rollout.id}: {rollout.status}",
        f"  {rollout.reason}",
        f"  version {challenger} in place of {champion}",
        *_place(rollout, options, now),
        *_seen(ticks),
        *_evidence(rollout, decision, options),
        *_last(ticks),
        *_next(rollout, decision, options, now),
    ]
    return [part for line in lines for part in _fit(line, max(width, _LEAST_WIDTH))]


def _newest_decision(rollout: Rollout, ticks: Sequence[Tick]) -> RolloutDecision | None:
    """The last decision of this step; of a rollout that is over, the last one of all."""
    last = ticks[-1] if ticks else None
    return last.decision if last is not None and (rollout.over or last.step == rollout.step) else None


def _place(rollout: Rollout, options: RolloutOptions, now: float) -> list[str]:
    share = f", {100 * rollout.share:g}% of the traffic" if rollout.share is not None else ""
    if rollout.over:
        after = f" after {lasting(rollout.ended - rollout.began)}" if rollout.ended is not None else ""
        return [f"ended{after}{share}"]
    steps, passed = options.steps, now - rollout.step_began
    if rollout.step >= len(steps):
        return [f"all steps are done{share}, for {lasting(passed)}"]
    step = steps[rollout.step]
    marks = "".join("#" if at < rollout.step else ">" if at == rollout.step else "." for at in range(len(steps)))
    return [
        f"step {rollout.step + 1} of {len(steps)} [{marks}]: {step}{share}",
        f"  for {lasting(passed)}; at the most {step.deadline_hours:g} h, then {step.time_up}",
    ]


def _seen(ticks: Sequence[Tick]) -> list[str]:
    intervals = [interval for tick in ticks for interval in tick.intervals]
    if not intervals:
        return ["seen: nothing yet"]
    lines = [f"seen: {sum(one.requests for one in intervals):,} requests in {len(intervals)} intervals"]
    for arm in ("champion", "challenger"):
        keys, failed = (sum(getattr(getattr(one, arm), name) for one in intervals) for name in ("keys", "failed"))
        share = f" ({failed / keys:.2%})" if keys else ""
        lines.append(f"  {arm}: {failed:,} of {keys:,} keys failed{share}")
    return lines


def _evidence(rollout: Rollout, decision: RolloutDecision | None, options: RolloutOptions) -> list[str]:
    if decision is None or not decision.numbers:
        return []
    step = options.steps[min(rollout.step, len(options.steps) - 1)]
    lines = []
    for heading, gauges in (
        ("it goes back where a bar is full", gauges_back(decision.numbers, options)),
        ("it goes on where all bars are full", gauges_on(decision.numbers, step, options)),
    ):
        if gauges:
            lines += [heading, *(f"  {gauge.name:<12} {bar(gauge.part)}  {gauge.said}" for gauge in gauges)]
    return lines


def _last(ticks: Sequence[Tick]) -> list[str]:
    if not ticks:
        return ["decided: nothing yet"]
    last = ticks[-1]
    alike = takewhile(lambda tick: (tick.decision.action, tick.step) == (last.decision.action, last.step), ticks[::-1])
    number = len(list(alike))
    times = f", {number} ticks in a row" if number > 1 else ""
    decided = f"decided at {clock(last.time)}: {last.decision.action}{times}"
    return [decided, *(f"  {reason}" for reason in last.decision.reasons)]


def _next(rollout: Rollout, decision: RolloutDecision | None, options: RolloutOptions, now: float) -> list[str]:
    if rollout.over:
        return []
    if rollout.status is RolloutStatus.PAUSED:
        return ["next: `modelway rollout resume` lets it go on, `modelway rollout abort` ends it"]
    if rollout.step >= len(options.steps):
        left = rollout.step_began + options.watch_hours * 3600 - now
        return [f"next: outcomes are watched for {lasting(max(0.0, left))} more"]
    step = options.steps[rollout.step]
    late = now - rollout.step_began >= step.deadline_hours * 3600
    return [f"next: {_wanted(rollout, decision, step, options, now)}", *(["  the step's time is up"] if late else [])]


def _wanted(rollout: Rollout, decision: RolloutDecision | None, step: Step, options: RolloutOptions, now: float) -> str:
    """What has to come before the step ends."""
    first = rollout.step_began + 2 * options.interval_seconds + options.grace_seconds
    if decision is None or (not decision.numbers and now < first):
        return "the first intervals of the step"
    if not decision.numbers:
        return "metrics that are whole; until then nothing is decided on half of them"
    wanted: list[Gauge] = [one for one in gauges_on(decision.numbers, step, options) if one.part < 1]
    needed = [f"more evidence on {', '.join(one.name for one in wanted)}"] if wanted else []
    if (left := rollout.step_began + least_seconds(step) - now) > 0:
        needed.append(f"{lasting(left)} more of the step")
    return " and ".join(needed) or "the next tick moves it on"


def least_seconds(step: Step) -> float:
    """How long a step lasts at the least."""
    if isinstance(step, ShadowStep):
        return 0.0
    return step.hours * 3600 if isinstance(step, AbStep) else step.minutes * 60


def bar(part: float) -> str:
    """A bar of ten characters; full where all of it is there, and only there."""
    filled = int(_BAR * min(1.0, max(0.0, part)))
    return "#" * filled + "." * (_BAR - filled)


def lasting(seconds: float) -> str:
    """A time span, in the units that suit it."""
    minutes, rest = divmod(int(max(0.0, seconds)), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
    return f"{minutes // 60} h {minutes % 60:02} min"


def clock(seconds: float) -> str:
    """The time of day in UTC."""
    return f"{int(seconds) // 3600 % 24:02}:{int(seconds) // 60 % 60:02}:{int(seconds) % 60:02} UTC"


def _fit(line: str, width: int) -> list[str]:
    indent = " " * (len(line) - len(line.lstrip()) + 2)
    return wrap(line, width, subsequent_indent=indent, break_on_hyphens=False) or [line]
