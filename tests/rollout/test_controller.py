"""The controller's tick: to all of the traffic, or back; by whoever comes next after a kill at any point."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from functools import partial
from itertools import count

import numpy as np
import pytest

from modelway.errors import OutsideError, UsageError
from modelway.records.data import S3Options
from modelway.records.deploy import BundleRef, Release
from modelway.records.flags import Shares
from modelway.records.rollout import AgreementGuard, CanaryStep, GuardOptions, OutcomeGuard, RolloutOptions, ShadowStep
from modelway.records.rollout_seen import (
    ArmCounts,
    Outcome,
    Outcomes,
    PairCounts,
    Report,
    RolloutAction,
    RolloutDecision,
    SeenInterval,
)
from modelway.records.rollout_state import RolloutStatus, Tick
from modelway.rollout import people
from modelway.rollout.controller import Controller, Observed
from modelway.rollout.scenarios import SCENARIOS, draw
from modelway.rollout.shares import FlagDocument
from modelway.rollout.store import RolloutStore
from modelway.storage import documents

RELEASE = Release(
    name="loans",
    champion=BundleRef(version=1, digest="a" * 64),
    challengers=(BundleRef(version=2, digest="b" * 64),),
)
PLAN = RolloutOptions(
    steps=(
        ShadowStep(kind="shadow", requests=1000),
        CanaryStep(kind="canary", share=0.25, minutes=3, slack=2),
        CanaryStep(kind="canary", share=0.5, minutes=3),
    ),
)
MINUTE = 60.0


@dataclass
class World:
    """An environment, whose traffic is made up from whatever shares its flag document holds."""

    folder: object
    options: RolloutOptions = PLAN
    scenario: str = "no-difference"
    per_second: float = 200.0
    now: float = 1_800_000_000.0
    release: str | None = RELEASE.id
    promoted: list[str] = field(default_factory=list)
    outcomes: Outcomes | None = None
    silent: bool = False
    log: dict[float, SeenInterval] = field(default_factory=dict)

    def controller(self) -> Controller:
        """One as it is opened by each command anew."""
        self.store = RolloutStore(str(self.folder), S3Options())
        self.flags = FlagDocument(f"{self.folder}/flags.json", S3Options())
        return Controller(
            options=self.options,
            store=self.store,
            flags=self.flags,
            observe=self.observe,
            promote=self.promoted.append,
            release=lambda: self.release,
            settle_seconds=2.0,
            say=lambda _: None,
        )

    def begin(self) -> None:
        people.begin(RolloutStore(str(self.folder), S3Options()), RELEASE, self.options, self.now)

    def observe(self, rollout, ticks, now) -> Observed:
        """The minutes that are over, the same ones however often they are asked for."""
        intervals = []
        start = rollout.observed_until
        while start + MINUTE <= now and not self.silent and rollout.step < len(self.options.steps):
            # What was recorded stays so, whatever the flags are by the next look.
            if start not in self.log:
                self.log[start] = self.minute(rollout, start)
            intervals.append(self.log[start])
            start += MINUTE
        return Observed(tuple(intervals), base64.b64encode(b"\0" * 8).decode(), "", self.outcomes)

    def minute(self, rollout, start) -> SeenInterval:
        shares = self.flags.read()
        generator = np.random.default_rng(int(start))
        seen = draw(
            SCENARIOS[self.scenario],
            np.array([shares.new_model]),
            0.0,
            MINUTE,
            self.per_second,
            generator,
            seen=np.array([shares.shadow]),
        )
        arms = [
            ArmCounts(
                keys=int(arm.keys[0]),
                failed=int(arm.failed[0]),
                new=int(arm.new[0]),
                latency=tuple(int(one) for one in arm.latency[0]),
                scores=tuple(int(one) for one in arm.scores[0]),
            )
            for arm in seen.arms
        ]
        pairs, flips, total, squares = (float(one) for one in seen.pairs[0, 0])
        requests = arms[0].keys + arms[1].keys
        return SeenInterval(
            start=start,
            step=rollout.step,
            share=shares.new_model,
            requests=requests,
            champion=arms[0],
            challenger=arms[1],
            reports=(Report(replica="one", requests=requests, written=start + MINUTE + 1),),
            pairs={"all": PairCounts(pairs=int(pairs), flips=int(flips), total=total, squares=squares)}
            if pairs
            else {},
        )

    def run(self, minutes: int, *, stop: bool = True):
        """Tick four times a minute, each time by a new controller."""
        rollout = None
        for _ in range(minutes * 4):
            rollout = self.controller().tick(self.now)
            if stop and rollout.over:
                break
            self.now += 15
        return rollout

    def shares(self) -> Shares | None:
        return FlagDocument(f"{self.folder}/flags.json", S3Options()).read()


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


class KilledError(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("scenario", ["no-difference", "errors-fourfold"])
def test_killed_at_any_write_and_started_again_it_comes_to_the_same_end(world, scenario, monkeypatch):
    """Each write fails once before and once after it was done; what is there in the end does not tell."""
    world.scenario = scenario
    world.begin()
    writes, real, killed = count(), documents.write_if_unchanged, 0

    def write(*words, **more):
        number = next(writes)
        if number % 4 == 1:
            raise KilledError
        done = real(*words, **more)
        if number % 4 == 3:
            raise KilledError
        return done

    monkeypatch.setattr(documents, "write_if_unchanged", write)  # records, flags and state
    rollout = None
    for _ in range(2000):
        try:
            rollout = world.controller().tick(world.now)
        except KilledError:
            killed += 1
            continue  # at once, by another process
        if rollout.over:
            break
        world.now += 15
    good = scenario == "no-difference"
    assert killed > 5
    assert rollout.status is (RolloutStatus.COMPLETE if good else RolloutStatus.ROLLED_BACK), rollout
    assert set(world.promoted) == ({"2"} if good else set())
    assert world.shares() == (Shares(new_model=1.0, version="2") if good else Shares())
    starts = [interval.start for tick in world.store.ticks(rollout) for interval in tick.intervals]
    assert len(starts) == len(set(starts))


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


def test_nobody_gets_the_challenger_any_more_though_nothing_can_be_recorded(world):
    world.scenario = "errors-fourfold"
    world.begin()

    def failing(name, tick, add):
        if tick.decision.action is RolloutAction.BACK:
            raise OutsideError("the store is away")
        return add(name, tick)

    for _ in range(400):
        controller = world.controller()
        controller.store.add = partial(failing, add=controller.store.add)
        try:
            controller.tick(world.now)
        except OutsideError:
            break
        world.now += 15
    assert world.shares() == Shares()
    rollout = world.controller().tick(world.now)
    assert (rollout.status, "fails more often" in rollout.reason) == (RolloutStatus.ROLLED_BACK, True)


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
