"""What a rollout's steps have shown: the challenger against the champion, with bounds that hold at every look."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelway.records.evaluate import Estimate
from modelway.report.formats import ABSENT, count, number, percent, signed
from modelway.report.rollout_slices import pair_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from modelway.records.rollout import GuardOptions, RolloutOptions
    from modelway.records.rollout_seen import ArmCounts, SeenInterval
    from modelway.records.rollout_state import Tick
    from modelway.report.rollout_slices import PairRow

    Numbers = Mapping[str, float | None]


@dataclass(frozen=True)
class EffectRow:
    """One measure.

    Attributes:
        what: its name.
        champion: the champion's, in words.
        challenger: the challenger's.
        effect: by how much the challenger differs, in words.
        margin: by how much it may, in words.
        drawn: the same as an interval.
        scale: from where to where it is drawn.
        bound: where the margin is.
    """

    what: str
    champion: str
    challenger: str
    effect: str
    margin: str
    drawn: Estimate
    scale: tuple[float, float]
    bound: float


@dataclass(frozen=True)
class StepEffects:
    """One step's measures as of its last decision with numbers.

    Attributes:
        number: the step's, from 0.
        name: what the step is.
        time: of that decision, in seconds since 1970.
        rows: the measures.
        slices: pairs in shadow by slice; that of all pairs first.
    """

    number: int
    name: str
    time: float
    rows: tuple[EffectRow, ...]
    slices: tuple[PairRow, ...]


def effects_by_step(ticks: Sequence[Tick], options: RolloutOptions) -> list[StepEffects]:
    """The newest step first; steps whose decisions have no numbers are left out."""
    last: dict[int, Tick] = {}
    seen: dict[int, list[SeenInterval]] = {}
    for tick in ticks:
        if tick.decision.numbers:
            last[tick.step] = tick
        for interval in tick.intervals:
            seen.setdefault(interval.step, []).append(interval)
    found = []
    for step in sorted(last, reverse=True):
        planned = options.steps[step] if step < len(options.steps) else None
        rows = _rows(last[step].decision.numbers, seen.get(step, []), options.guards, planned.slack if planned else 1.0)
        pairs = pair_rows(seen.get(step, []))
        found.append(
            StepEffects(step, str(planned or "all of the traffic"), last[step].time, tuple(rows), tuple(pairs))
        )
    return found


def _rows(
    numbers: Numbers, intervals: Sequence[SeenInterval], guards: GuardOptions, slack: float
) -> Iterator[EffectRow]:
    champion, challenger = (_failures([getattr(one, arm) for one in intervals]) for arm in ("champion", "challenger"))
    if numbers.get("errors_upper") is not None and challenger != ABSENT:
        yield _errors(numbers["errors_upper"] or 0.0, champion, challenger, guards.errors.margin * slack)
    if any(numbers.get(name) for name in ("challenger_latency_low_ms", "challenger_latency_high_ms")):
        yield _latency(numbers, guards, slack)
    if (numbers.get("predictions_high") or 1.0) < 1:
        yield _predictions(numbers, guards.predictions.margin * slack)
    if numbers.get("flips") is not None:
        yield _flips(numbers, guards.agreement.flips * slack)
    if numbers.get("score_shift") is not None:
        yield _shift(numbers, guards.agreement.shift * slack)
    if numbers.get("outcome_difference") is not None:
        yield _outcome(numbers, guards.outcome.margin * slack, needed=guards.outcome.needed)


def _errors(upper: float, champion: str, challenger: str, margin: float) -> EffectRow:
    most = max(upper, margin) * 1.15
    low = min(0.0, upper) - 0.15 * most
    return EffectRow(
        "Keys that failed",
        champion,
        challenger,
        f"{_points(upper)} at the most",
        f"below {_points(margin)}",
        Estimate(value=None, low=low, high=upper),
        (low, most),
        margin,
    )


def _latency(numbers: Numbers, guards: GuardOptions, slack: float) -> EffectRow:
    """The challenger's bounds, drawn against the champion's lower one with the margin: what they have to stay below."""
    low, high = numbers.get("challenger_latency_low_ms") or 0.0, numbers.get("challenger_latency_high_ms")
    other_low, other_high = numbers.get("champion_latency_low_ms") or 0.0, numbers.get("champion_latency_high_ms")
    allowed = 1 + guards.latency.margin * slack
    bound = other_low * allowed
    least, most = min(low, other_low), max(high or low, other_high or other_low, bound)
    room = 0.1 * (most - least) or 1.0
    return EffectRow(
        f"Latency, {100 * guards.latency.quantile:g} of 100 within",
        _range(other_low, other_high),
        _range(low, high),
        f"{number(high, 3)} ms at the most" if high is not None else "no upper bound yet",
        f"below {number(bound, 3)} ms: {number(allowed, 3)} times the champion's least",
        Estimate(value=None, low=low, high=high if high is not None else most + room),
        (least - room, most + room),
        bound,
    )


def _predictions(numbers: Numbers, margin: float) -> EffectRow:
    low, high = numbers.get("predictions_low") or 0.0, numbers.get("predictions_high") or 0.0
    return EffectRow(
        "Answers, distance of the distributions",
        "",
        "",
        f"{number(low, 3)} to {number(high, 3)}",
        f"below {number(margin, 3)}",
        Estimate(value=None, low=low, high=high),
        (0.0, max(high, margin) * 1.15),
        margin,
    )


def _flips(numbers: Numbers, margin: float) -> EffectRow:
    seen, pairs, upper = (numbers.get(name) for name in ("flips", "pairs", "flips_upper"))
    return EffectRow(
        "Labels that differ",
        "",
        f"{percent(seen)} of {count(round(pairs))} pairs" if pairs is not None else percent(seen),
        f"{percent(upper)} at the most" if upper is not None else percent(seen),
        f"below {percent(margin)}",
        Estimate(value=seen, low=None if upper is None else 0.0, high=upper),
        (0.0, max(upper or 0.0, seen or 0.0, margin) * 1.15),
        margin,
    )


def _shift(numbers: Numbers, margin: float) -> EffectRow:
    value, radius = numbers.get("score_shift") or 0.0, numbers.get("score_shift_radius")
    reach = max(abs(value) + (radius or 0.0), margin) * 1.15
    return EffectRow(
        "Mean score",
        "",
        "",
        f"{signed(value)}, give or take {number(radius, 3)}" if radius is not None else signed(value),
        f"within {number(margin, 3)} either way",
        _around(value, radius),
        (-reach, reach),
        margin if value >= 0 else -margin,
    )


def _outcome(numbers: Numbers, margin: float, *, needed: bool) -> EffectRow:
    value, low, high = (numbers.get(f"outcome_{name}") for name in ("difference", "low", "high"))
    known = [one for one in (value, low, high) if one is not None]
    least, most = min(*known, -margin, 0.0), max(*known, 0.0)
    room = 0.1 * (most - least)
    between = f", {signed(low)} to {signed(high)}" if low is not None and high is not None else ""
    return EffectRow(
        "Outcome; more is better",
        "",
        "",
        f"{signed(value)}{between}",
        f"above {signed(-margin)}" if needed else "not waited for",
        Estimate(value=value, low=low, high=high),
        (least - room, most + room),
        -margin,
    )


def _around(value: float, radius: float | None) -> Estimate:
    if radius is None:
        return Estimate(value=value)
    return Estimate(value=value, low=value - radius, high=value + radius)


def _failures(arms: Sequence[ArmCounts]) -> str:
    keys, failed = sum(arm.keys for arm in arms), sum(arm.failed for arm in arms)
    return f"{percent(failed / keys)} of {count(keys)}" if keys else ABSENT


def _range(low: float, high: float | None) -> str:
    return f"{number(low, 3)} ms or more" if high is None else f"{number(low, 3)} to {number(high, 3)} ms"


def _points(difference: float) -> str:
    """A difference of shares, in percentage points."""
    return f"{signed(100 * difference)} points"
