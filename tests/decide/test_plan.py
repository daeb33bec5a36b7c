"""The plan's steps: how long each lasts, what it wants, and what is done at its limits."""

from __future__ import annotations

from dataclasses import fields
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from modelway.decide.judging import Judged
from modelway.decide.plan import Plan
from modelway.records.rollout import AbStep, CanaryStep, RolloutOptions, ShadowStep, TimeUp

STEPS = (
    ShadowStep(kind="shadow", share=0.4, requests=700, deadline_hours=3, slack=8),
    CanaryStep(kind="canary", share=0.1, minutes=12, deadline_hours=2, slack=4),
    AbStep(kind="ab", share=0.5, hours=20, deadline_hours=21, time_up=TimeUp.BACK),
    CanaryStep(kind="canary", share=0.5, minutes=0, deadline_hours=1, time_up=TimeUp.ON),
)
SHADOW, CANARY, AB, LAST = range(4)


def plan() -> Plan:
    return Plan(RolloutOptions(steps=STEPS))


def judged(**changes: bool) -> Any:
    """All margins excluded and 700 pairs; `changes` are flags of it."""
    flags = {one.name: False for one in fields(Judged)} | {"harmless": True, "alike": True, "pairs": 700.0}
    return SimpleNamespace(**{name: np.asarray(value) for name, value in {**flags, **changes}.items()})


def weigh(step: int, elapsed: float, held: float | None = None, waits: bool = False, **changes: Any) -> str:
    back, onward = plan().weigh(judged(**changes), step, elapsed, held, waits=waits)
    assert not (back and onward)
    return "back" if back else "on" if onward else "hold"


def test_plan_holds_what_each_kind_of_step_has() -> None:
    made = plan()
    assert made.shadow.tolist() == [True, False, False, False]
    assert made.share.tolist() == [0.0, 0.1, 0.5, 0.5]
    assert made.seen.tolist() == [0.4, 0.0, 0.0, 0.0]
    assert made.pairs.tolist() == [700, 0, 0, 0]
    assert made.slack.tolist() == [8, 4, 1, 1]
    assert made.least.tolist() == [0, 12, 20 * 60, 0]
    for step, hours in enumerate((3, 2, 21, 1)):
        assert [bool(made.late(step, minutes)) for minutes in (60 * hours - 0.001, 60 * hours)] == [False, True]


@pytest.mark.parametrize(
    ("step", "elapsed", "held", "changes", "action"),
    [
        (CANARY, 12.0, None, {}, "on"),
        (CANARY, 11.999, None, {}, "hold"),
        (CANARY, 60.0, 12.0, {}, "on"),
        (CANARY, 60.0, 11.999, {}, "hold"),  # since its evidence counts
        (AB, 20 * 60, None, {}, "on"),
        (AB, 20 * 60 - 0.001, None, {}, "hold"),
        (AB, 24.0, None, {}, "hold"),
        (SHADOW, 0.0, None, {}, "on"),
        (SHADOW, 0.0, None, {"pairs": 699.0}, "hold"),
        (SHADOW, 0.0, None, {"alike": False}, "hold"),
        (SHADOW, 0.0, None, {"harmless": False}, "on"),  # no one gets its answers
        (LAST, 0.0, None, {"alike": False, "pairs": 0.0}, "on"),  # pairs are of shadow alone
        (LAST, 0.0, None, {"harmless": False}, "hold"),
        (LAST, 60.0, None, {"harmless": False}, "on"),  # its time is up: on
        (AB, 21 * 60, None, {"harmless": False}, "back"),
        (CANARY, 120.0, None, {"harmless": False}, "hold"),  # a person decides
        (LAST, 60.0, 0.0, {"broken": True}, "hold"),
        (AB, 21 * 60, None, {"broken": True}, "hold"),
        (LAST, 60.0, None, {"fails": True}, "back"),
        (LAST, 60.0, None, {"fails": True, "broken": True}, "hold"),
    ],
)
def test_step_ends_exactly_at_its_limits(
    step: int, elapsed: float, held: float | None, changes: dict[str, Any], action: str
) -> None:
    assert weigh(step, elapsed, held, **changes) == action


@pytest.mark.parametrize("guard", ["fails", "slow", "moved", "differs"])
@pytest.mark.parametrize("step", range(4))
def test_each_guard_goes_back_in_each_step(step: int, guard: str) -> None:
    assert weigh(step, 24 * 60.0, **{guard: True}) == "back"


@pytest.mark.parametrize(("step", "action"), [(SHADOW, "on"), (LAST, "hold"), (CANARY, "hold")])
def test_outcomes_are_waited_for_where_anybody_gets_answers(step: int, action: str) -> None:
    assert weigh(step, 30.0, waits=True) == action


def test_many_rollouts_are_weighed_at_once_as_each_alone() -> None:
    steps, elapsed = np.array([CANARY, AB, LAST]), np.array([12.0, 21 * 60.0, 0.0])
    flags = {"harmless": np.array([True, False, True]), "fails": np.array([False, False, True])}
    made = judged()
    many = SimpleNamespace(**{name: np.broadcast_to(value, 3) for name, value in {**vars(made), **flags}.items()})
    back, onward = plan().weigh(many, steps, elapsed)
    assert (back.tolist(), onward.tolist()) == ([False, True, True], [True, False, False])
