"""What a rollout does next: on evidence alone, and never on half of it."""

from __future__ import annotations

import pytest

from modelway.decide.rollout import decide_rollout, decide_watch
from modelway.records.rollout import (
    AgreementGuard,
    CanaryStep,
    GuardOptions,
    LatencyGuard,
    OutcomeGuard,
    RolloutOptions,
    ShadowStep,
    TimeUp,
)
from modelway.records.rollout_seen import (
    LATENCY_EDGES_MS,
    SCORE_BUCKETS,
    ArmCounts,
    Outcome,
    Outcomes,
    PairCounts,
    Report,
    RolloutAction,
    Seen,
    SeenInterval,
)

BUCKETS = len(LATENCY_EDGES_MS) + 1
FAST, SLOW = 55, 60  # numbers of buckets, five tenths apart


def plan(*, latency: float = 0.25, time_up: TimeUp = TimeUp.HOLD) -> RolloutOptions:
    step = CanaryStep(kind="canary", share=0.5, minutes=5, deadline_hours=1, time_up=time_up)
    return RolloutOptions(steps=(step,), guards=GuardOptions(latency=LatencyGuard(alpha=latency)))


def arm(keys: int, failed: int, bucket: int = FAST) -> ArmCounts:
    latency = [0] * BUCKETS
    latency[bucket] = keys
    scores = (keys, *(0,) * (SCORE_BUCKETS - 1))
    return ArmCounts(keys=keys, failed=failed, new=keys, latency=tuple(latency), scores=scores)


def interval(
    minute: int, failed: int = 1, *, keys: int = 1000, share: float = 0.5, slow: int = FAST, replicas: str = "ab"
) -> SeenInterval:
    end = (minute + 1) * 60.0
    reports = tuple(Report(replica=name, requests=2 * keys // len(replicas), written=end + 1) for name in replicas)
    return SeenInterval(
        start=minute * 60.0,
        step=0,
        share=share,
        requests=2 * keys,
        champion=arm(keys, 1),
        challenger=arm(keys, failed, slow),
        reports=reports,
    )


def seen(*intervals: SeenInterval, now: float | None = None) -> Seen:
    end = len(intervals) * 60.0 + 5 if now is None else now
    return Seen(intervals=intervals, step=0, step_began=0.0, now=end)


HEALTHY = tuple(interval(minute) for minute in range(8))


def test_a_challenger_that_does_no_harm_goes_on() -> None:
    decision = decide_rollout(plan(), seen(*HEALTHY))
    assert decision.action is RolloutAction.ADVANCE
    assert decision.numbers["errors_upper"] < 0.005


def test_not_before_the_step_has_lasted() -> None:
    decision = decide_rollout(plan(), seen(*HEALTHY[:4]))
    assert decision.action is RolloutAction.HOLD
    assert "lasts 5 minutes" in decision.reasons[0]


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


def test_wrong_shares_hold_whatever_else_is_seen() -> None:
    wrong = [interval(minute, failed=30, share=0.3) for minute in range(8)]
    decision = decide_rollout(plan(), seen(*wrong))
    assert decision.action is RolloutAction.HOLD
    assert "shares" in decision.reasons[0]


def changed(number: int, **values: object) -> tuple[SeenInterval, ...]:
    return (*HEALTHY[:number], HEALTHY[number].model_copy(update=values), *HEALTHY[number + 1 :])


def report(replica: str = "a", requests: int = 1000, written: float = 481.0, dropped: int = 0) -> Report:
    return Report(replica=replica, requests=requests, written=written, dropped=dropped)


BROKEN = {
    "no metrics": (),
    "no interval between": HEALTHY[:3] + HEALTHY[4:],
    "an interval is there twice": HEALTHY[:4] + HEALTHY[3:],
    "has stopped reporting": (*HEALTHY[:7], interval(7, replicas="a")),
    "reported 420 twice": changed(7, reports=(report(requests=500), report(requests=500), report("b"))),
    "but 3000 reported": changed(7, reports=(report(requests=2000), report("b"))),
    "is +300 seconds off": changed(7, reports=(report(written=780.0), report("b"))),
    "is -300 seconds off": changed(7, reports=(report(written=180.0), report("b"))),
    "has lost 7 records": changed(7, reports=(report(dropped=7), report("b"))),
}


@pytest.mark.parametrize("problem", BROKEN)
@pytest.mark.parametrize("failed", [1, 300], ids=["healthy", "failing"])
def test_nothing_is_decided_on_half_the_data(problem: str, failed: int) -> None:
    intervals = tuple(
        one.model_copy(update={"challenger": arm(1000, failed)}) if one.champion.keys else one
        for one in BROKEN[problem]
    )
    decision = decide_rollout(plan(), seen(*intervals, now=485.0))
    assert decision.action is RolloutAction.HOLD
    assert any(problem in reason for reason in decision.reasons), decision.reasons


@pytest.mark.parametrize(("now", "problem"), [(600.0, "late"), (300.0, "a clock is wrong")])
def test_metrics_that_do_not_fit_the_time_hold(now: float, problem: str) -> None:
    decision = decide_rollout(plan(), seen(*HEALTHY, now=now))
    assert decision.action is RolloutAction.HOLD
    assert problem in decision.reasons[0]


@pytest.mark.parametrize(
    ("time_up", "action", "blind"),
    [
        (TimeUp.HOLD, RolloutAction.HOLD, RolloutAction.HOLD),
        (TimeUp.BACK, RolloutAction.BACK, RolloutAction.BACK),
        (TimeUp.ON, RolloutAction.ADVANCE, RolloutAction.HOLD),
    ],
)
def test_when_time_is_up_the_plan_says_what_is_done(
    time_up: TimeUp, action: RolloutAction, blind: RolloutAction
) -> None:
    few = [interval(minute, failed=0, keys=10) for minute in range(60)]
    assert decide_rollout(plan(time_up=time_up), seen(*few)).action is action
    # Time that is up never moves anybody on without metrics.
    assert decide_rollout(plan(time_up=time_up), seen(now=3700.0)).action is blind


def test_a_step_has_to_show_its_own_evidence() -> None:
    step = CanaryStep(kind="canary", share=0.5, minutes=0)
    options = RolloutOptions(steps=(step, step))
    again = Seen(intervals=HEALTHY, step=1, step_began=480.0, now=485.0)
    assert decide_rollout(options, again).action is RolloutAction.HOLD


def test_answers_that_are_distributed_otherwise_go_back() -> None:
    moved = HEALTHY[0].challenger.model_copy(update={"scores": (*(0,) * (SCORE_BUCKETS - 1), 1000)})
    decision = decide_rollout(plan(), seen(*(one.model_copy(update={"challenger": moved}) for one in HEALTHY)))
    assert decision.action is RolloutAction.BACK
    assert "distributed otherwise" in decision.reasons[0]


def test_an_interval_that_can_not_be_used_begins_the_step_anew() -> None:
    lost = changed(4, reports=(report(requests=900, written=301.0), report("b", written=301.0)))
    assert decide_rollout(plan(), seen(*HEALTHY)).action is RolloutAction.ADVANCE
    decision = decide_rollout(plan(), seen(*lost))
    assert decision.action is RolloutAction.HOLD  # three minutes are left of the five that it lasts
    later = (*lost, *(interval(minute) for minute in range(8, 11)))
    assert decide_rollout(plan(), seen(*later)).action is RolloutAction.ADVANCE
    # What speaks against it is kept, but for the interval itself.
    failing = (*(interval(minute, failed=12) for minute in range(4)), *lost[4:])
    assert decide_rollout(plan(), seen(*failing)).action is RolloutAction.BACK


def test_a_replica_that_said_that_it_ends_is_not_missed() -> None:
    said = changed(6, reports=(report(written=421.0), report("b", written=421.0).model_copy(update={"last": True})))
    alone = (*said[:7], *(interval(minute, replicas="a") for minute in (7, 8)))
    assert decide_rollout(plan(), seen(*alone)).action is RolloutAction.ADVANCE
    silent = (*HEALTHY[:7], *(interval(minute, replicas="a") for minute in (7, 8)))
    assert "has stopped reporting" in decide_rollout(plan(), seen(*silent)).reasons[0]


def test_a_person_begins_a_step_anew_without_a_replica_that_is_gone() -> None:
    one = (*HEALTHY[:2], *(interval(minute, replicas="a") for minute in range(2, 9)))
    assert decide_rollout(plan(), seen(*one)).action is RolloutAction.HOLD
    fresh = seen(*one).model_copy(update={"resumed": 180.0})
    assert decide_rollout(plan(), fresh).action is RolloutAction.ADVANCE
    # Held for five minutes from there on, not from the step's beginning.
    assert decide_rollout(plan(), seen(*one[:7]).model_copy(update={"resumed": 180.0})).action is RolloutAction.HOLD


def test_requests_that_were_routed_by_other_shares_hold() -> None:
    decision = decide_rollout(plan(), seen(*changed(7, strays=3)))
    assert decision.action is RolloutAction.HOLD
    assert "3 requests were routed by other shares" in decision.reasons[0]


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


def outcomes(keys: int, champion: float, challenger: float) -> Outcomes:
    arms = (Outcome(keys=keys, total=mean * keys, squares=mean * keys) for mean in (champion, challenger))
    return Outcomes(**dict(zip(("champion", "challenger"), arms, strict=True)))


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


def test_late_outcomes_still_roll_back_what_was_promoted() -> None:
    options = plan().model_copy(update={"guards": JUDGED_LATE})
    assert decide_watch(options, None).action is RolloutAction.HOLD
    assert decide_watch(options, outcomes(5000, 0.9, 0.9)).action is RolloutAction.HOLD
    assert decide_watch(options, outcomes(5000, 0.9, 0.8)).action is RolloutAction.BACK


def test_when_the_time_is_up_a_person_is_asked_but_not_where_it_goes_back() -> None:
    few = [interval(minute, failed=0, keys=10) for minute in range(61)]
    assert decide_rollout(plan(), seen(*few)).overdue
    assert not decide_rollout(plan(), seen(*few[:50])).overdue
    back = decide_rollout(plan(time_up=TimeUp.BACK), seen(*few))
    assert (back.action, back.overdue) == (RolloutAction.BACK, False)
    assert decide_rollout(plan(), seen(now=3700.0)).overdue
