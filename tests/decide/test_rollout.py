"""What a rollout does next: on evidence alone, and never on half of it."""

from __future__ import annotations

import pytest

from modelway.decide.rollout import decide_rollout
from modelway.records.rollout import (
    AgreementGuard,
    CanaryStep,
    GuardOptions,
    OutcomeGuard,
    RolloutOptions,
    ShadowStep,
)
from modelway.records.rollout_seen import ArmCounts, PairCounts, RolloutAction, Seen, SeenInterval

from .minutes import BUCKETS, HEALTHY, SLOW, interval, outcomes, plan, report, seen


def test_a_challenger_that_does_no_harm_goes_on() -> None:
    decision = decide_rollout(plan(), seen(*HEALTHY))
    assert decision.action is RolloutAction.ADVANCE
    assert decision.numbers["errors_upper"] < 0.005


def test_too_little_traffic_holds() -> None:
    few = [interval(minute, failed=0, keys=10) for minute in range(8)]
    assert decide_rollout(plan(), seen(*few)).action is RolloutAction.HOLD


def test_one_that_fails_goes_back() -> None:
    decision = decide_rollout(plan(), seen(interval(0), interval(1, failed=30)))
    assert decision.action is RolloutAction.BACK
    assert "fails more often" in decision.reasons[0]
    assert decision.numbers["errors_log_evidence"] > decision.numbers["errors_log_bound"]


def test_one_that_is_slow_goes_back_and_the_guard_can_be_off() -> None:
    slow = [interval(minute, slow=SLOW) for minute in range(8)]
    decision = decide_rollout(plan(), seen(*slow))
    assert decision.action is RolloutAction.BACK
    assert "p95 is at least" in decision.reasons[0]
    assert decide_rollout(plan(latency=0.0), seen(*slow)).action is RolloutAction.ADVANCE


def test_a_step_has_to_show_its_own_evidence() -> None:
    step = CanaryStep(kind="canary", share=0.5, minutes=0)
    options = RolloutOptions(steps=(step, step))
    again = Seen(intervals=HEALTHY, step=1, step_began=480.0, now=485.0)
    assert decide_rollout(options, again).action is RolloutAction.HOLD


def test_an_interval_that_can_not_be_used_begins_the_step_anew() -> None:
    reports = (report(requests=900, written=301.0), report("b", written=301.0))
    lost = (*HEALTHY[:4], HEALTHY[4].model_copy(update={"reports": reports}), *HEALTHY[5:])
    assert decide_rollout(plan(), seen(*HEALTHY)).action is RolloutAction.ADVANCE
    decision = decide_rollout(plan(), seen(*lost))
    assert decision.action is RolloutAction.HOLD  # three minutes are left of the five that it lasts
    later = (*lost, *(interval(minute) for minute in range(8, 11)))
    assert decide_rollout(plan(), seen(*later)).action is RolloutAction.ADVANCE
    # What speaks against it is kept, but for the interval itself.
    failing = (*(interval(minute, failed=12) for minute in range(4)), *lost[4:])
    assert decide_rollout(plan(), seen(*failing)).action is RolloutAction.BACK


def test_a_person_begins_a_step_anew_without_a_replica_that_is_gone() -> None:
    one = (*HEALTHY[:2], *(interval(minute, replicas="a") for minute in range(2, 9)))
    assert decide_rollout(plan(), seen(*one)).action is RolloutAction.HOLD
    fresh = seen(*one).model_copy(update={"resumed": 180.0})
    assert decide_rollout(plan(), fresh).action is RolloutAction.ADVANCE
    # Held for five minutes from there on, not from the step's beginning.
    assert decide_rollout(plan(), seen(*one[:7]).model_copy(update={"resumed": 180.0})).action is RolloutAction.HOLD


SHADOW = RolloutOptions(
    steps=(ShadowStep(kind="shadow", requests=1000, deadline_hours=1), CanaryStep(kind="canary", share=0.5)),
    guards=GuardOptions(agreement=AgreementGuard(flips=0.05, shift=0.05)),
)


def shown(minute: int, pairs: int, flips: int, shift: float = 0.0, **slices: tuple[int, int]) -> SeenInterval:
    counts = {"all": (pairs, flips), **slices}
    made = {
        name: PairCounts(pairs=count, flips=bad, total=shift * count, squares=count * (shift**2 + 0.0025))
        for name, (count, bad) in counts.items()
    }
    none = ArmCounts(keys=0, failed=0, new=0, latency=(0,) * BUCKETS)
    halves = tuple(report(name, requests=500, written=minute * 60 + 61.0) for name in "ab")
    values = {"challenger": none, "requests": 1000, "share": 0.0, "pairs": made, "reports": halves}
    return interval(minute).model_copy(update=values)


@pytest.mark.parametrize(
    ("intervals", "action", "reason"),
    [
        ([shown(0, 900, 9)], RolloutAction.HOLD, "900 of 1000 pairs"),
        ([shown(0, 900, 9), shown(1, 100, 0)], RolloutAction.ADVANCE, "every margin"),
        ([shown(0, 1000, 45)], RolloutAction.HOLD, "may differ too much"),
        ([shown(0, 1000, 120)], RolloutAction.BACK, "in shadow: all"),
        ([shown(0, 1000, 9, shift=0.1)], RolloutAction.BACK, "in shadow: all"),
        ([shown(0, 2000, 60, west=(100, 50), east=(1900, 10))], RolloutAction.BACK, "in shadow: west"),
    ],
)
def test_pairs_in_shadow(intervals: list[SeenInterval], action: RolloutAction, reason: str) -> None:
    decision = decide_rollout(SHADOW, seen(*intervals))
    assert (decision.action, reason in decision.reasons[0]) == (action, True), decision.reasons


JUDGED_LATE = GuardOptions(
    outcome=OutcomeGuard(alpha=0.1, uri="labels", margin=0.05, needed=True), agreement=AgreementGuard(alpha=0.0)
)


def test_outcomes_stop_a_rollout_or_keep_it_waiting() -> None:
    options = plan().model_copy(update={"guards": JUDGED_LATE})
    known = seen(*HEALTHY)
    assert "outcomes are waited for" in decide_rollout(options, known).reasons[0]
    worse = decide_rollout(options, known.model_copy(update={"outcomes": outcomes(5000, 0.9, 0.8)}))
    assert (worse.action, "outcomes are worse" in worse.reasons[0]) == (RolloutAction.BACK, True)
    few = decide_rollout(options, known.model_copy(update={"outcomes": outcomes(100, 0.9, 0.9)}))
    assert few.action is RolloutAction.HOLD
    alike = decide_rollout(options, known.model_copy(update={"outcomes": outcomes(9000, 0.9, 0.9)}))
    assert alike.action is RolloutAction.ADVANCE
