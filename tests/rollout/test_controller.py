"""The controller's tick: to all of the traffic, or back; by whoever comes next after a kill at any point."""

from __future__ import annotations

import math

import pytest

from modelway.errors import UsageError
from modelway.flags import read_shares, with_shares
from modelway.records.data import S3Options
from modelway.records.flags import Shares
from modelway.records.rollout import AgreementGuard, CanaryStep, GuardOptions, OutcomeGuard, RolloutOptions
from modelway.records.rollout_seen import (
    Outcome,
    Outcomes,
    RolloutAction,
    RolloutDecision,
)
from modelway.records.rollout_state import RolloutStatus, Tick
from modelway.rollout import people
from modelway.rollout.shares import are, are_off, shares_of
from modelway.rollout.store import RolloutStore
from tests.rollout.rollout_world import PLAN, RELEASE, World


@pytest.fixture
def world(tmp_path):
    return World(tmp_path / "state")


def actions(world, rollout):
    return [tick.decision.action for tick in world.store.ticks(rollout)]


def test_one_that_is_as_good_comes_to_all_of_the_traffic(world):
    world.begin()
    rollout = world.run(120)
    assert (rollout.status, rollout.step) == (RolloutStatus.COMPLETE, 3), rollout
    assert [(epoch.share, epoch.shadow) for epoch in rollout.epochs] == [(0, 1), (0.25, 0), (0.5, 0), (1, 0)]
    assert world.promoted == ["2"]
    assert world.shares() == Shares(new_model=1.0, version="2")
    assert actions(world, rollout).count(RolloutAction.ADVANCE) == 3
    ticks = list(world.store.ticks(rollout))
    assert [tick.number for tick in ticks] == list(range(rollout.ticks))
    assert all(tick.champion == RELEASE.champion and len(tick.flags) == 64 for tick in ticks)
    starts = [interval.start for tick in ticks for interval in tick.intervals]
    assert len(starts) == len(set(starts))
    # It is over: nothing more happens.
    assert world.run(2) == rollout
    assert world.promoted == ["2"]


def test_one_that_fails_more_often_goes_back_and_nobody_gets_it(world):
    world.scenario = "errors-fourfold"
    world.begin()
    rollout = world.run(120)
    assert rollout.status is RolloutStatus.ROLLED_BACK
    assert "fails more often" in rollout.reason
    assert (world.shares(), world.promoted) == (Shares(), [])
    assert actions(world, rollout)[-1] is RolloutAction.BACK


def test_without_metrics_it_is_held_whatever_time_passes(world):
    world.silent = True
    world.begin()
    rollout = world.run(60)
    assert (rollout.status, rollout.step) == (RolloutStatus.RUNNING, 0)
    assert "no metrics" in rollout.reason
    assert rollout.ticks <= 3  # a record for each piece of news, not for each look


def test_two_controllers_at_once_decide_once(world):
    world.begin()
    for _ in range(400):
        one, other = world.controller(), world.controller()
        after = [controller.tick(world.now) for controller in (one, other)]
        if after[1].over:
            break
        world.now += 15
    assert after[1].status is RolloutStatus.COMPLETE
    assert actions(world, after[1]).count(RolloutAction.ADVANCE) == 3


@pytest.mark.parametrize("late", [0.0, 15.0, 57.9, 58.0, 58.1])
def test_step_reads_no_interval_that_began_before_its_shares_were_in_force(world, late: float):
    """Each replica has the shares two seconds after they are set."""
    world.begin()
    world.now += late
    steps = {}
    for _ in range(400):
        now, rollout = world.now, world.controller().tick(world.now)
        if rollout.entered and rollout.step not in steps:
            steps[rollout.step] = rollout.step_began
            assert rollout.observed_until == rollout.step_began == math.ceil((now + 2) / 60) * 60
        if rollout.over:
            break
        world.now += 15
    assert sorted(steps) == [0, 1, 2, 3]
    for tick in world.store.ticks(rollout):
        assert all(one.start >= steps[one.step] for one in tick.intervals)


@pytest.mark.parametrize(
    ("found", "off"),
    [
        (None, False),  # rules of another form are not for us to judge
        (Shares(), True),
        (Shares(new_model=1.0, shadow=0.0, version="2"), False),  # a rollout that is complete
        (Shares(new_model=0.0, shadow=1.0, version="2"), False),  # one in shadow
        (Shares(new_model=0.01, shadow=0.01, version="2"), False),
        (Shares(new_model=0.0, shadow=0.0, version="2"), True),
    ],
)
def test_shares_are_off_where_a_challenger_neither_answers_nor_sees(found: Shares | None, off: bool) -> None:
    assert are_off(found) is off


def test_shares_are_in_force_as_the_document_rounds_them() -> None:
    wanted = Shares(new_model=1 / 3, version="2")
    rounded = read_shares(with_shares(None, wanted))
    assert rounded is not None
    assert are(rounded, wanted)
    for change in ({"new_model": 0.5}, {"shadow": 0.1}, {"version": "3"}):
        assert not are(rounded.model_copy(update=change), wanted)
    assert not are(None, wanted)


@pytest.mark.parametrize(
    ("step", "shares"),
    [(0, (0.0, 1.0)), (1, (0.25, 0.0)), (2, (0.5, 0.0)), (3, (1.0, 0.0)), (4, (1.0, 0.0))],
)
def test_shares_are_those_of_the_step_and_after_the_last_all(world, step: int, shares: tuple[float, float]) -> None:
    world.begin()
    rollout = RolloutStore(str(world.folder), S3Options()).read().model_copy(update={"step": step})
    wanted = shares_of(rollout, PLAN)
    assert (wanted.new_model, wanted.shadow, wanted.version) == (*shares, "2")


def test_flags_that_somebody_switched_off_end_it(world):
    world.begin()
    world.run(5)
    world.flags.set(Shares())
    rollout = world.run(1)
    assert (rollout.status, rollout.reason) == (RolloutStatus.ABORTED, "somebody switched the flags off")


def test_shares_that_somebody_changed_pause_it_until_it_is_resumed(world):
    world.begin()
    world.run(5)
    world.flags.set(Shares(new_model=0.9, version="2"))
    rollout = world.run(1)
    assert (rollout.status, world.shares().new_model) == (RolloutStatus.PAUSED, 0.9)
    people.resume(world.store, world.now)
    rollout = world.run(1)
    assert (rollout.status, world.shares().new_model) == (RolloutStatus.RUNNING, rollout.epochs[-1].share)


def test_another_release_ends_it(world):
    world.begin()
    world.run(10)
    world.release = "another"
    rollout = world.run(1)
    assert rollout.status is RolloutStatus.ABORTED
    assert world.shares() == Shares()


def test_paused_it_stays_where_it_is_and_may_still_go_back(world):
    world.begin()
    world.run(4)
    people.pause(world.store, "lunch")
    rollout = world.run(60)
    assert (rollout.status, rollout.step) == (RolloutStatus.PAUSED, 1)
    assert RolloutAction.HOLD in actions(world, rollout)[-3:]
    world.scenario = "errors-fourfold"
    assert world.run(120).status is RolloutStatus.ROLLED_BACK


def test_late_outcomes_take_back_what_was_promoted(world):
    guards = GuardOptions(outcome=OutcomeGuard(alpha=0.1, uri="labels"), agreement=AgreementGuard(alpha=0.05))
    world.options = PLAN.model_copy(update={"guards": guards, "watch_hours": 2.0})
    world.begin()
    rollout = world.run(120, stop=False)
    while rollout.status is RolloutStatus.RUNNING:
        rollout = world.run(1)
    assert rollout.status is RolloutStatus.WATCHING
    assert world.promoted == ["2"]
    means = (0.9, 0.8)
    arms = [Outcome(keys=5000, total=mean * 5000, squares=mean * 5000) for mean in means]
    world.outcomes = Outcomes(champion=arms[0], challenger=arms[1])
    rollout = world.run(1)
    assert (rollout.status, world.promoted[-1]) == (RolloutStatus.ROLLED_BACK, "1")
    assert world.shares() == Shares()


def test_the_watch_ends(world):
    world.options = PLAN.model_copy(update={"watch_hours": 1.0})
    world.begin()
    rollout = world.run(400)
    assert rollout.status is RolloutStatus.COMPLETE
    assert rollout.ended - rollout.step_began >= 3600
    assert set(world.promoted) == {"2"}


def test_the_next_release_ends_the_watch_and_takes_nothing_back(world):
    world.options = PLAN.model_copy(update={"watch_hours": 5.0})
    world.begin()
    while world.run(1).status is not RolloutStatus.WATCHING:
        pass
    world.release = "the next one"
    assert world.run(1).status is RolloutStatus.COMPLETE
    assert set(world.promoted) == {"2"}
    assert world.shares().new_model == 1


def test_one_at_a_time_and_by_the_plan_that_it_began_with(world):
    world.begin()
    with pytest.raises(UsageError, match="under way"):
        world.begin()
    rollout = world.run(1)
    people.check_plan(rollout, PLAN.model_copy(update={"tick_seconds": 99.0}))
    with pytest.raises(UsageError, match="plan is another"):
        people.check_plan(rollout, PLAN.model_copy(update={"alpha": 0.01}))


def test_nothing_to_pause_is_told(world):
    with pytest.raises(UsageError, match="no rollout is under way"):
        people.pause(RolloutStore(str(world.folder), S3Options()), "x")
    world.begin()
    world.run(120)
    with pytest.raises(UsageError, match="is complete"):
        people.resume(world.store, world.now)


def test_somebody_faster_between_record_and_state_leaves_one_step_taken(world):
    world.begin()
    raced = 0
    for _ in range(400):
        slow, fast = world.controller(), world.controller()
        add, now = slow.store.add, world.now

        def racing(name, tick, add=add, fast=fast, now=now):
            nonlocal raced
            raced += 1
            done = add(name, tick)
            fast.tick(now)
            return done

        slow.store.add = racing
        rollout = slow.tick(world.now)
        if rollout.over:
            break
        world.now += 15
    assert raced > 5
    assert rollout.status is RolloutStatus.COMPLETE
    assert [epoch.share for epoch in rollout.epochs] == [0, 0.25, 0.5, 1]
    assert rollout.ticks == len(list(world.store.ticks(rollout)))


def test_a_rollout_is_kept_on_s3_and_whoever_was_first_is_believed(empty_moto):
    from modelway.storage.s3 import s3_client

    options = S3Options(endpoint_url=empty_moto, region="us-east-1", path_style=True)
    s3_client(options).create_bucket(Bucket="deploys")
    one, other = (RolloutStore("s3://deploys/staging", options) for _ in range(2))
    assert one.read() is None
    rollout = people.begin(one, RELEASE, PLAN, 1_800_000_000.0)
    assert other.read() == rollout
    decision = RolloutDecision(action=RolloutAction.HOLD, reasons=("first",), numbers={})
    tick = Tick(
        number=0,
        time=1.0,
        step=0,
        share=0.0,
        status=rollout.status,
        decision=decision,
        flags="f" * 64,
        epoch="1",
        champion=rollout.champion,
        challenger=rollout.challenger,
        intervals=(),
    )
    assert one.add(rollout.id, tick) == tick
    late = tick.model_copy(update={"decision": decision.model_copy(update={"reasons": ("second",)})})
    assert other.add(rollout.id, late) == tick
    counted = other.change(lambda found: found.model_copy(update={"ticks": 1}))
    assert list(one.ticks(counted)) == [tick]


def test_a_person_is_asked_when_the_time_is_up_and_begins_the_step_anew(world):
    steps = (CanaryStep(kind="canary", share=0.5, minutes=3, deadline_hours=0.5),)
    world.options, world.per_second = RolloutOptions(steps=steps), 0.2
    world.begin()
    rollout = world.run(40)
    assert (rollout.overdue, rollout.status) == (True, RolloutStatus.RUNNING)
    resumed = people.resume(world.store, world.now)
    assert not resumed.overdue
    assert not world.run(5).overdue
