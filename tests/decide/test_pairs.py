"""Decisions of a rollout where two conditions hold at once: which of them counts, from a few lines of precedence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import pytest

from modelway.decide.rollout import decide_rollout, decide_watch
from modelway.records.rollout import (
    AgreementGuard,
    CanaryStep,
    ErrorGuard,
    GuardOptions,
    LatencyGuard,
    OutcomeGuard,
    PredictionGuard,
    RolloutOptions,
    ShadowStep,
    TimeUp,
)
from modelway.records.rollout_seen import SCORE_BUCKETS, ArmCounts, Outcomes, PairCounts, RolloutAction, Seen

from .minutes import BUCKETS, SLOW, arm, interval, outcomes

BACK, HOLD, ADVANCE = RolloutAction.BACK, RolloutAction.HOLD, RolloutAction.ADVANCE
BEGAN, MINUTES = 180.0, 8


@dataclass
class World:
    """The second canary of a rollout, eight minutes old, that does no harm; conditions change it.

    Attributes:
        before: changes of each interval of the first canary: arm's counts and other fields.
        lost: the same of one of these.
        within: the same of this one's intervals.
        last: the same of the last one.
        at: the same of the interval in the middle.
        step: fields of the step.
        guards: fields of the guards, by guard.
        seen: fields of what is seen.
    """

    before: dict[str, Any] = field(default_factory=dict)
    lost: dict[str, Any] = field(default_factory=dict)
    within: dict[str, Any] = field(default_factory=dict)
    at: dict[str, Any] = field(default_factory=dict)
    last: dict[str, Any] = field(default_factory=dict)
    step: dict[str, Any] = field(default_factory=dict)
    guards: dict[str, Any] = field(default_factory=dict)
    seen: dict[str, Any] = field(default_factory=dict)

    def decide(self) -> Any:
        first = CanaryStep(kind="canary", share=0.5, minutes=5)
        second = CanaryStep(kind="canary", share=0.5, **{"minutes": 5, **self.step})
        outcome = OutcomeGuard(alpha=0.05, uri="labels", margin=0.05, needed=self.guards.pop("needed", False))
        guards = GuardOptions(
            errors=ErrorGuard(alpha=0.5, **self.guards), latency=LatencyGuard(alpha=0.25),
            agreement=AgreementGuard(alpha=0.1), predictions=PredictionGuard(alpha=0.1), outcome=outcome,
        )  # fmt: skip
        options = RolloutOptions(steps=(first, second), guards=guards)
        early = [_made(minute, 0, self.before | (self.lost if minute == 1 else {})) for minute in range(3)]
        late = [_made(minute, 1, self.within) for minute in range(3, 3 + MINUTES)]
        late[4] = _made(7, 1, self.within | self.at)
        late[-1] = _made(10, 1, self.within | self.last)
        told = {"step": 1, "step_began": BEGAN, "now": BEGAN + MINUTES * 60 + 5, **self.seen}
        return decide_rollout(options, Seen(intervals=(*early, *late), **told))


def _made(minute: int, step: int, changes: dict[str, Any]) -> Any:
    """One minute; `failed`, `slow` and `scores` are the challenger's."""
    given = dict(changes)
    one = interval(minute, given.pop("failed", 1), slow=given.pop("slow", 55))
    if scores := given.pop("scores", None):
        given["challenger"] = one.challenger.model_copy(update={"scores": scores})
    if replicas := given.pop("replicas", None):
        given["reports"] = interval(minute, replicas=replicas).reports
    return one.model_copy(update={"step": step, **given})


LOST = {"strays": 3, "failed": 300}
"""Of an interval that can't be used: what it says counts neither for nor against."""
MOVED = (*(0,) * (SCORE_BUCKETS - 1), 1000)


@dataclass(frozen=True)
class Condition:
    """One thing that may be so.

    Attributes:
        what: what follows from it: missing, broken, back, unshown, or nothing.
        words: what the reason says, where it decides.
        change: makes it so.
    """

    what: str
    words: str
    change: Callable[[World], object]


CONDITIONS = {
    "metrics are late": Condition("missing", "metrics are late", lambda w: w.seen.update(now=860.0)),
    "a replica is silent": Condition("missing", "replica b has stopped", lambda w: w.last.update(replicas="a")),
    "requests are missing": Condition("missing", "but 2000 reported", lambda w: w.last.update(requests=2007)),
    "the shares are wrong": Condition("broken", "the shares that were set", lambda w: w.within.update(share=0.3)),
    "it fails": Condition("back", "fails more often", lambda w: w.within.update(failed=30)),
    "it failed in the step before": Condition("back", "fails more often", lambda w: w.before.update(failed=30)),
    "it is slow": Condition("back", "is slower", lambda w: w.within.update(slow=SLOW)),
    "its answers moved": Condition("back", "are distributed otherwise", lambda w: w.within.update(scores=MOVED)),
    "outcomes are worse": Condition("back", "outcomes are worse", lambda w: w.seen.update(outcomes=_late(0.8))),
    "a margin is narrow": Condition("unshown", "may fail up to", lambda w: w.guards.update(margin=1e-4)),
    "the step is young": Condition("unshown", "lasts 30 minutes", lambda w: w.step.update(minutes=30)),
    "it begins again after a lost interval": Condition("unshown", "lasts 5", lambda w: w.at.update(LOST)),
    "outcomes are needed": Condition("unshown", "outcomes are waited for", lambda w: w.guards.update(needed=True)),
    "few outcomes": Condition("", "", lambda w: w.seen.setdefault("outcomes", _late(0.9, 100))),
    "good outcomes": Condition("", "", lambda w: w.seen.setdefault("outcomes", _late(0.9, 20000))),
    "it was slow in the step before": Condition("", "", lambda w: w.before.update(slow=SLOW)),
    "its answers had moved in the step before": Condition("", "", lambda w: w.before.update(scores=MOVED)),
    "an interval of the step before was lost": Condition("", "", lambda w: w.lost.update(LOST)),
}
ORDER = ("a margin is narrow", "the step is young", "it begins again after a lost interval", "outcomes are needed")
"""Which of several reasons to wait is given."""
YOUNG = {"the step is young", "it begins again after a lost interval"}
IN_TIME = {"deadline_hours": 0.2, "time_up": TimeUp.BACK}
DEADLINES = (None, TimeUp.HOLD, TimeUp.BACK, TimeUp.ON)


def _late(challenger: float, keys: int = 5000) -> Outcomes:
    return outcomes(keys, 0.9, challenger)


def wanted(names: tuple[str, ...], deadline: TimeUp | None) -> tuple[RolloutAction, set[str]]:
    """What is decided, and which words give the reason."""
    by: dict[str, list[str]] = {}
    for name in names:
        by.setdefault(CONDITIONS[name].what, []).append(name)
    if "good outcomes" in names and "outcomes are needed" in names:
        by["unshown"].remove("outcomes are needed")

    def words(*found: str) -> set[str]:
        return {CONDITIONS[name].words for name in found}

    if "missing" in by:
        return (BACK if deadline is TimeUp.BACK else HOLD), words(*by["missing"])
    for kind, action in (("broken", HOLD), ("back", BACK)):
        if kind in by:
            return action, words(*by[kind])
    if not by.get("unshown"):
        return ADVANCE, {"every margin is excluded"}
    if deadline is TimeUp.ON and {*by["unshown"]} <= YOUNG:
        return ADVANCE, {"every margin is excluded"}
    if deadline is not None:
        return {TimeUp.HOLD: HOLD, TimeUp.BACK: BACK, TimeUp.ON: ADVANCE}[deadline], {"hours are up"}
    return HOLD, words(next(name for name in ORDER if name in by["unshown"]))


def _apart(names: tuple[str, ...]) -> bool:
    """Whether the conditions can hold at once: none speaks of the same number in two ways."""
    groups = ({"outcomes are worse", "few outcomes", "good outcomes"}, YOUNG)
    return all(len(group & {*names}) <= 1 for group in groups)


@pytest.mark.parametrize("deadline", DEADLINES, ids=["in time", "hold", "back", "on"])
def test_each_pair_of_conditions_is_decided_by_the_one_that_comes_first(deadline: TimeUp | None) -> None:
    cases = [(), *((name,) for name in CONDITIONS), *combinations(CONDITIONS, 2)]
    for names in filter(_apart, cases):
        world = World()
        for name in names:
            CONDITIONS[name].change(world)
        world.step |= {"deadline_hours": 0.1, "time_up": deadline} if deadline else IN_TIME
        decision = world.decide()
        action, words = wanted(names, deadline)
        said = "; ".join(decision.reasons)
        assert (decision.action, [one for one in words if one not in said]) == (action, []), (names, said)
        assert len(decision.reasons) == len(words), (names, said)
        assert decision.overdue == (deadline is not None and action is HOLD), names


@pytest.mark.parametrize(
    ("step", "seconds", "narrow", "action"),
    [
        ({"minutes": 8}, 480, False, ADVANCE),
        ({"minutes": 8.01}, 480, False, HOLD),
        ({"deadline_hours": 0.125, "time_up": TimeUp.BACK}, 450, True, BACK),
        ({"deadline_hours": 0.125, "time_up": TimeUp.BACK}, 449.9, True, HOLD),
    ],
)
def test_a_step_lasts_up_to_its_limit(
    step: dict[str, Any], seconds: float, narrow: bool, action: RolloutAction
) -> None:
    world = World(step=dict(step), seen={"now": BEGAN + seconds}, guards={"margin": 1e-4} if narrow else {})
    assert world.decide().action is action


SHADOW: dict[str, tuple[str, str, dict[str, Any]]] = {
    "a slice differs": ("back", "in shadow: all", {"flips": 120}),
    "scores are shifted": ("back", "in shadow: all", {"shift": 0.1}),
    "few pairs": ("unshown", "800 of 1000 pairs", {"pairs": 800}),
    "the margin is not excluded": ("unshown", "may differ too much", {"flips": 40}),
    "outcomes are needed": ("", "", {"needed": True}),
    "outcomes are worse": ("back", "outcomes are worse", {"outcomes": _late(0.8)}),
    "a replica is silent": ("missing", "replica b has stopped", {"silent": True}),
}


@pytest.mark.parametrize("deadline", DEADLINES, ids=["in time", "hold", "back", "on"])
@pytest.mark.parametrize("names", [(), *((one,) for one in SHADOW), *combinations(SHADOW, 2)], ids=" and ".join)
def test_each_pair_of_conditions_in_shadow(names: tuple[str, ...], deadline: TimeUp | None) -> None:
    told = {key: value for name in names for key, value in SHADOW[name][2].items()}
    if {"a slice differs", "the margin is not excluded"} <= {*names}:
        return  # one number in two ways
    action, words = _in_shadow(names, deadline)
    decision = _shadow(deadline, **told)
    said = "; ".join(decision.reasons)
    assert (decision.action, [one for one in words if one not in said]) == (action, []), said
    assert decision.overdue == (deadline is not None and action is HOLD)


def _in_shadow(names: tuple[str, ...], deadline: TimeUp | None) -> tuple[RolloutAction, list[str]]:
    kinds = {kind: [name for name in names if SHADOW[name][0] == kind] for kind in ("missing", "back", "unshown")}
    for kind, action in (("missing", BACK if deadline is TimeUp.BACK else HOLD), ("back", BACK)):
        if kinds[kind]:
            return action, [SHADOW[name][1] for name in kinds[kind]]
    if not kinds["unshown"]:
        return ADVANCE, ["every margin"]
    if deadline is not None:
        return {TimeUp.HOLD: HOLD, TimeUp.BACK: BACK, TimeUp.ON: ADVANCE}[deadline], ["hours are up"]
    return HOLD, [SHADOW[kinds["unshown"][0]][1]]


def _shadow(
    deadline: TimeUp | None,
    pairs: int = 1000,
    flips: int = 9,
    shift: float = 0.0,
    *,
    needed: bool = False,
    silent: bool = False,
    outcomes: Outcomes | None = None,
) -> Any:
    late = {} if deadline is None else {"deadline_hours": 0.01, "time_up": deadline}
    guards = GuardOptions(
        agreement=AgreementGuard(flips=0.05, shift=0.05),
        outcome=OutcomeGuard(alpha=0.0 if not (needed or outcomes) else 0.01, uri="labels", needed=needed),
        errors=ErrorGuard(alpha=0.4),
    )
    steps = (ShadowStep(kind="shadow", requests=1000, **late), CanaryStep(kind="canary", share=0.5))
    counts = PairCounts(pairs=pairs, flips=flips, total=shift * pairs, squares=pairs * (shift**2 + 0.0025))
    none = ArmCounts(keys=0, failed=0, new=0, latency=(0,) * BUCKETS)
    values = {"challenger": none, "share": 0.0, "champion": arm(2000, 1)}
    made = [interval(minute).model_copy(update=values) for minute in (0, 1)]
    made[1] = made[1].model_copy(update={"pairs": {"all": counts}})
    if silent:
        made[1] = made[1].model_copy(update={"reports": interval(1, replicas="a").reports})
    return decide_rollout(
        RolloutOptions(steps=steps, guards=guards),
        Seen(intervals=tuple(made), step=0, step_began=0.0, now=125.0, outcomes=outcomes),
    )


@pytest.mark.parametrize(
    ("known", "alpha", "action", "words"),
    [
        (None, 0.1, HOLD, "no outcomes are known yet"),
        (_late(0.8), 0.0, HOLD, "no outcomes are known yet"),  # the guard is off
        (_late(0.8), 0.1, BACK, "worse for certain"),
        (_late(0.8, 40), 0.1, HOLD, "difference is -0.1"),  # worse, but too few to say so
        (_late(0.8, 49), 0.1, HOLD, "difference is -0.1"),
        (_late(0.0, 50), 0.1, BACK, "worse for certain"),  # none is claimed below 50
        (_late(0.0, 49), 0.1, HOLD, "difference is -0.9"),
        (_late(1.0), 0.1, HOLD, "difference is +0.1"),  # better for certain
        (_late(0.9), 0.1, HOLD, "difference is +0"),
        (Outcomes(champion=_late(0.0, 49).champion, challenger=_late(0.0).challenger), 0.1, HOLD, "difference is -0.9"),
        (Outcomes(champion=_late(0.0).champion, challenger=_late(0.0, 49).challenger), 0.1, HOLD, "difference is -0.9"),
    ],
)
def test_late_outcomes_are_watched(known: Outcomes | None, alpha: float, action: RolloutAction, words: str) -> None:
    guards = GuardOptions(outcome=OutcomeGuard(alpha=alpha, uri="labels"), agreement=AgreementGuard(alpha=0.0))
    decision = decide_watch(RolloutOptions(guards=guards), known)
    assert (decision.action, words in decision.reasons[0]) == (action, True), decision.reasons
