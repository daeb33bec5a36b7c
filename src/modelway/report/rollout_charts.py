"""A rollout's evidence over time, as charts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelway.report.bands import bands, lines
from modelway.report.charts import Axis, Dots, Line, Mark, Rule, draw
from modelway.report.formats import number, percent
from modelway.report.rollout_time import Clock, failures_by_time, pairs_by_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelway.records.rollout import RolloutOptions
    from modelway.records.rollout_state import Rollout, Tick
    from modelway.report.rollout_time import Points
    from modelway.report.svg import Chart

_LATENCY_ROOM = 2.5
"""How many times the narrowest upper bound the latency axis reaches: the first bounds of a step are wide."""


def draw_evidence(rollout: Rollout, ticks: Sequence[Tick], options: RolloutOptions) -> list[tuple[Chart, str]]:
    """Charts with a note each; what has no numbers is left out.

    Args:
        rollout: where it is.
        ticks: the oldest first.
        options: the settings' `rollout`.
    """
    clock = Clock.of(rollout, ticks)
    made = [
        _shares(rollout, clock),
        _failing(ticks, clock),
        _margin(ticks, options, clock),
        _failures(ticks, options, clock),
        _latency(ticks, options, clock),
        _flips(ticks, options, clock),
        _shift(ticks, options, clock),
        _predictions(ticks, options, clock),
        _outcome(ticks, options, clock),
    ]
    return [one for one in made if one is not None]


def _shares(rollout: Rollout, clock: Clock) -> tuple[Chart, str] | None:
    if not rollout.epochs:
        return None
    changes = [(clock.place(epoch.began), epoch.share, epoch.shadow) for epoch in rollout.epochs]
    now = rollout.share or 0.0
    if rollout.ended is not None:
        changes.append((clock.place(rollout.ended), now, 0.0))
    at, answered, seen = (list(column) for column in zip(*changes, strict=True))
    at.append(clock.axis.high)
    marks: list[Mark] = []
    if shadow := any(seen):
        marks.append(Line(at, [*seen, seen[-1]], "quiet", "sees", steps=True))
    marks.append(Line(at, [*answered, answered[-1]], "main", "answers", steps=True))
    most = max(0.01, *answered, *seen)
    said = f"The share is now {percent(now)}."
    note = "Of the routing keys: those whose requests the challenger answers"
    note += ", and those whose requests it sees in shadow." if shadow else "."
    return draw("Shares", said, clock.axis, Axis("Share", 0, min(1.0, 1.1 * most), show=percent), marks), note


def _failing(ticks: Sequence[Tick], clock: Clock) -> tuple[Chart, str] | None:
    """The e-process; what is far below 0 is drawn at the lower edge, for nothing follows from it."""
    evidence = clock.series(ticks, "errors_log_evidence")
    known = [value for _, value in evidence if value is not None]
    if not known:
        return None
    bound = next((one for _, one in reversed(clock.series(ticks, "errors_log_bound")) if one is not None), None)
    most = max(*known, bound or 0.0, 1.0)
    marks: list[Mark] = lines(evidence, "main")
    if bound is not None:
        marks.insert(0, Rule(f"rolled back from {number(bound, 3)} on", y=bound))
        beyond = [(x, value) for x, value in evidence if value is not None and value >= bound]
        if beyond:
            marks.append(Dots([x for x, _ in beyond], [y for _, y in beyond], style="bad", radius=3.5))
    least = max(min(*known, 0.0), -most)
    said = f"The log evidence is {number(known[-1], 3)}, its bound {number(bound, 3)}."
    axis = Axis("Log evidence that the challenger fails more often", 1.1 * least, 1.1 * most)
    return draw("Failures: the e-process and its bound", said, clock.axis, axis, marks), (
        "Where the challenger fails no more often, it ever reaches the bound with the guard's part of alpha at most. "
        "Far below 0 it is drawn at the edge."
    )


def _margin(ticks: Sequence[Tick], options: RolloutOptions, clock: Clock) -> tuple[Chart, str] | None:
    upper = _told(clock.series(ticks, "errors_upper"), 1.0)
    known = [value for _, value in upper if value is not None]
    if not known:
        return None
    margins = _margins(ticks, options, options.guards.errors.margin)
    high = min(max(*known, *margins), 3 * max(margins)) * 1.1
    places = [x for x, _ in upper]
    marks = [Line(places, margins, "reference", "margin", steps=True), *lines(upper, "main", "at most")]
    said = f"The challenger may fail up to {number(known[-1], 3)} more often; the margin is {number(margins[-1], 3)}."
    axis = Axis("Difference of the shares that fail", min(0.0, *known), high, show=percent)
    return draw("Failures: how much worse it may be", said, clock.axis, axis, marks), (
        "The upper end of a confidence sequence, anew in each step; below the margin it lets the step end."
    )


def _failures(ticks: Sequence[Tick], options: RolloutOptions, clock: Clock) -> tuple[Chart, str] | None:
    by_arm = failures_by_time(ticks, options, clock)
    known = [value for series in by_arm.values() for _, value in series if value is not None]
    if not known:
        return None
    marks = [
        *lines(by_arm["champion"], "quiet", "champion"),
        *lines(by_arm["challenger"], "main", "challenger"),
    ]
    said = f"The greatest share is {percent(max(known))}."
    axis = Axis("Share of the keys that failed", 0, 1.1 * max(*known, 0.01), show=percent)
    return draw("Failures by arm", said, clock.axis, axis, marks), (
        "5xx, by when the interval began; a key counts where it fails for the first time."
    )


def _latency(ticks: Sequence[Tick], options: RolloutOptions, clock: Clock) -> tuple[Chart, str] | None:
    marks: list[Mark] = []
    highs: list[float] = []
    lows: list[float] = []
    for arm, style in (("champion", "quiet"), ("challenger", "main")):
        low, high = (_told(clock.series(ticks, f"{arm}_latency_{side}_ms"), 0.0) for side in ("low", "high"))
        marks += bands(low, high, style)
        both = [(x, y if other is not None else None) for (x, y), (_, other) in zip(high, low, strict=True)]
        bounded = any(y is not None for _, y in both)
        marks += [*lines(both, style, arm), *lines(low, style, "" if bounded else f"{arm}, at least")]
        highs += [value for _, value in high if value is not None]
        lows += [value for _, value in low if value is not None]
    if not highs:
        return None
    quantile = f"{100 * options.guards.latency.quantile:g}"
    axis = Axis(f"{quantile} of 100 are within, ms", 0.9 * min(lows, default=0.0), _LATENCY_ROOM * min(highs))
    said = f"Bounds of the {quantile}th percentile of the latency of both arms."
    return draw("Latency", said, clock.axis, axis, marks), (
        "Bounds that hold at every look, anew in each step; where the bands are apart, one arm is slower."
    )


def _flips(ticks: Sequence[Tick], options: RolloutOptions, clock: Clock) -> tuple[Chart, str] | None:
    seen, _ = pairs_by_time(ticks, options, clock)
    if not seen:
        return None
    clock = clock.until(seen[-1][0])
    margin, upper = options.guards.agreement.flips, _within(clock, clock.series(ticks, "flips_upper"))
    known = [value for _, value in upper if value is not None]
    marks = [Rule("margin", y=margin), *lines(upper, "quiet", "at most"), *lines(seen, "main", "seen")]
    most = max(margin, *(value for _, value in seen if value is not None), *[min(one, 3 * margin) for one in known])
    said = f"{percent(seen[-1][1])} of the pairs differ; the margin is {percent(margin)}."
    axis = Axis("Share of the pairs whose labels differ", 0, 1.1 * most, show=percent)
    return draw("In shadow: labels that differ", said, clock.axis, axis, marks), "Both models answered one request."


def _shift(ticks: Sequence[Tick], options: RolloutOptions, clock: Clock) -> tuple[Chart, str] | None:
    _, seen = pairs_by_time(ticks, options, clock)
    if not seen:
        return None
    clock = clock.until(seen[-1][0])
    values, radii = (_within(clock, clock.series(ticks, name)) for name in ("score_shift", "score_shift_radius"))
    low, high = (
        [
            (x, None if value is None or radius is None else value + sign * radius)
            for (x, value), (_, radius) in zip(values, radii, strict=True)
        ]
        for sign in (-1, 1)
    )
    margin = options.guards.agreement.shift
    middle = [value for _, value in seen if value is not None]
    ends = [min(abs(end), 3 * margin) for _, end in (*low, *high) if end is not None]
    reach = 1.1 * max(margin, *(abs(value) for value in middle), *ends)
    marks = [
        *bands(low, high, "quiet"),
        Rule("margin", y=margin),
        Rule("", y=-margin),
        *lines(seen, "main", "seen"),
    ]
    said = f"The mean score is shifted by {number(middle[-1], 3)}; the margin is {number(margin, 3)}."
    axis = Axis("Challenger's score less champion's, mean", -reach, reach)
    return draw("In shadow: score shift", said, clock.axis, axis, marks), "The band holds at every look."


def _margins(ticks: Sequence[Tick], options: RolloutOptions, margin: float) -> list[float]:
    """What each tick's step takes of a margin to go on."""
    return [margin * options.steps[min(tick.step, len(options.steps) - 1)].slack for tick in ticks]


def _told(series: Points, nothing: float) -> Points:
    """The series without the bound that holds for whatever is true: it says that nothing is known yet."""
    return [(x, None if value == nothing else value) for x, value in series]


def _within(clock: Clock, series: Points) -> Points:
    """What lies on the axis, and the first point beyond: a look comes a little after what it looks at."""
    beyond = [at for at, (x, _) in enumerate(series) if x > clock.axis.high]
    return series[: beyond[0] + 1] if beyond else series


def _predictions(ticks: Sequence[Tick], options: RolloutOptions, clock: Clock) -> tuple[Chart, str] | None:
    low, high = clock.series(ticks, "predictions_low"), _told(clock.series(ticks, "predictions_high"), 1.0)
    known = [value for _, value in high if value is not None]
    if not known:
        return None
    margin = options.guards.predictions.margin
    margins = _margins(ticks, options, margin)
    marks = [
        *bands(low, high, "main"),
        Rule("rolled back above", y=margin),
        Line([x for x, _ in high], margins, "reference", "to go on", steps=True),
        *lines(high, "main"),
    ]
    said = f"The distance is {number(known[-1], 3)} at the most; it goes on below {number(margins[-1], 3)}."
    axis = Axis("Distance of the distributions", 0, min(1.0, 1.1 * max(*margins, *known)))
    return draw("Answers: distance of the distributions", said, clock.axis, axis, marks), (
        "Bounds of Kolmogorov's distance between the arms' answers: the lower one rolls back, the upper one lets go on."
    )


def _outcome(ticks: Sequence[Tick], options: RolloutOptions, clock: Clock) -> tuple[Chart, str] | None:
    middle, low, high = (clock.series(ticks, f"outcome_{name}") for name in ("difference", "low", "high"))
    known = [value for series in (middle, low, high) for _, value in series if value is not None]
    if not known:
        return None
    margin = options.guards.outcome.margin
    marks = [
        *bands(low, high, "main"),
        Rule("margin", y=-margin),
        *lines(middle, "main"),
    ]
    last = [value for _, value in middle if value is not None]
    said = f"The difference is {number(last[-1] if last else None, 3)}; it may be {number(-margin, 3)}."
    room = 0.05 * (max(*known, 0.0) - min(*known, -margin))
    axis = Axis("Challenger less champion, mean", min(*known, -margin) - room, max(*known, 0.0) + room)
    return draw("Outcomes", said, clock.axis, axis, marks), "More is better; the band holds at every look."
