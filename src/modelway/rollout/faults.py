"""Made-up trouble with the metrics themselves, shown to the rollout's one decision."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modelway.decide.rollout import decide_rollout
from modelway.records.rollout import ShadowStep
from modelway.records.rollout_seen import ArmCounts, Report, RolloutAction, Seen, SeenInterval
from modelway.rollout.scenarios import draw

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelway.decide.judging import Arm
    from modelway.records.rollout import RolloutOptions
    from modelway.rollout.scenarios import Scenario

    Fault = Callable[[tuple[SeenInterval, ...]], tuple[SeenInterval, ...]]

_REPLICAS = ("a", "b")
_SKEW_SECONDS = 300.0


def _duplicated(intervals: tuple[SeenInterval, ...]) -> tuple[SeenInterval, ...]:
    last = intervals[-1]
    return (*intervals[:-1], last.model_copy(update={"reports": last.reports + last.reports[:1]}))


def _skewed(intervals: tuple[SeenInterval, ...]) -> tuple[SeenInterval, ...]:
    last = intervals[-1]
    off = last.reports[0].model_copy(update={"written": last.reports[0].written - _SKEW_SECONDS})
    return (*intervals[:-1], last.model_copy(update={"reports": (off, *last.reports[1:])}))


def _silent(intervals: tuple[SeenInterval, ...]) -> tuple[SeenInterval, ...]:
    last = intervals[-1]
    kept = last.reports[:1]
    return (*intervals[:-1], last.model_copy(update={"reports": kept, "requests": kept[0].requests}))


FAULTS: dict[str, tuple[str, Fault]] = {
    "missing-metrics": ("there are no metrics at all", lambda intervals: intervals[:0]),
    "missing-interval": ("one interval is missing", lambda intervals: intervals[:-2] + intervals[-1:]),
    "late-metrics": ("the last five minutes have not come yet", lambda intervals: intervals[:-5]),
    "duplicated-metrics": ("a report is there twice", _duplicated),
    "duplicated-interval": ("an interval is there twice", lambda intervals: (*intervals, intervals[-1])),
    "clock-skew": ("a replica's clock is five minutes off", _skewed),
    "silent-replica": ("one of two replicas stops logging", _silent),
}
"""What is wrong with the metrics, by name, with one line of help."""


def decide_with_fault(
    options: RolloutOptions, fault: str | None, scenario: Scenario, *, per_second: float, runs: int, seed: int
) -> dict[RolloutAction, int]:
    """What is decided after the first step's least time plus ten minutes, where something is wrong with the metrics.

    Args:
        options: the settings' `rollout`.
        fault: a name of `FAULTS`; None for sound metrics.
        scenario: what is true of the traffic.
        per_second: requests per second of both arms.
        runs: how many decisions.
        seed: the same one gives the same result.
    """
    generator, found = np.random.default_rng(seed), dict.fromkeys(RolloutAction, 0)
    first = next(at for at, step in enumerate(options.steps) if not isinstance(step, ShadowStep))
    length, share = options.interval_seconds, options.steps[first].share
    number = max(10, int(20 * 60 / length))
    drawn = [
        draw(scenario, np.full(runs, share), at * length / 60, length, per_second, generator) for at in range(number)
    ]
    for run in range(runs):
        intervals = tuple(
            _interval(at * length, first, length, share, tuple(_counts(arm, run) for arm in minute.arms))
            for at, minute in enumerate(drawn)
        )
        seen = Seen(
            intervals=FAULTS[fault][1](intervals) if fault else intervals,
            step=first,
            step_began=0.0,
            now=number * length + 5,
        )
        found[decide_rollout(options, seen).action] += 1
    return found


def _counts(arm: Arm, run: int) -> ArmCounts:
    return ArmCounts(
        keys=int(arm.keys[run]),
        failed=int(arm.failed[run]),
        new=int(arm.new[run]),
        latency=tuple(int(count) for count in arm.latency[run]),
        scores=tuple(int(count) for count in arm.scores[run]),
    )


def _interval(start: float, step: int, length: float, share: float, arms: tuple[ArmCounts, ...]) -> SeenInterval:
    champion, challenger = arms
    requests = champion.keys + challenger.keys
    halves = (requests // 2, requests - requests // 2)
    return SeenInterval(
        start=start,
        step=step,
        share=share,
        requests=requests,
        champion=champion,
        challenger=challenger,
        reports=tuple(
            Report(replica=name, requests=half, written=start + length + 1)
            for name, half in zip(_REPLICAS, halves, strict=True)
        ),
    )
