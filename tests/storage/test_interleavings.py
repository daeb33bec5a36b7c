"""Writers at once, in a thousand orders, on files and on a server of S3 that loses answers."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from interleaving import Files, Objects, Schedule

from modelway.deploy.lock import Lock
from modelway.deploy.state import EnvironmentState
from modelway.errors import InputError, OutsideError
from modelway.pipeline.monitor import read_history
from modelway.pipeline.monitor_actions import retrain
from modelway.records.deploy import BundleRef, Release
from modelway.records.flags import Shares
from modelway.records.monitor import MonitorOptions, PolicyOptions
from modelway.records.rollout import CanaryStep, RolloutOptions
from modelway.records.rollout_seen import RolloutAction, RolloutDecision
from modelway.records.rollout_state import RolloutStatus, Tick
from modelway.rollout import people
from modelway.rollout.controller import Controller, Observed
from modelway.rollout.shares import FlagDocument
from modelway.rollout.store import RolloutStore
from modelway.storage import Document

NOW = 1_800_000_000.0


class Unknown:
    """Counts changes of which nobody knows whether they took effect: the only error that a writer may meet."""

    def __init__(self) -> None:
        self.count = 0

    def attempt(self, action: Callable[[], Any]) -> Any:
        try:
            return action()
        except OutsideError as error:
            if "not known whether" not in error.what:
                raise
            self.count += 1
            return None


def number(uri: str, s3: Any) -> Document[int]:
    return Document(uri, "the number", lambda content: int(content or 0), str, s3)


def counters(schedule: Schedule, uri: str, s3: Any) -> None:
    """Each change counts once."""
    counted: list[int] = []
    unknown = Unknown()

    def count() -> None:
        for _ in range(2):
            done = unknown.attempt(lambda: number(uri, s3).change(lambda found: found + 1))
            if done is not None:
                assert done[1]
                counted.append(1)

    schedule.run(count, count, count)
    assert len(counted) <= number(uri, s3).read() <= len(counted) + unknown.count


def claims(schedule: Schedule, uri: str, s3: Any) -> None:
    """What all want alike is won by one."""
    won: list[bool] = []
    unknown = Unknown()

    def claim() -> None:
        done = unknown.attempt(lambda: number(uri, s3).change(lambda _: 7))
        won.append(done is not None and done[1])

    schedule.run(claim, claim, claim, claim)
    assert number(uri, s3).read() == 7
    assert 1 - unknown.count <= sum(won) <= 1


def budgets(schedule: Schedule, uri: str, s3: Any) -> None:
    """No more retrainings are started than the budget has, and one that could not be started is given back."""
    options = MonitorOptions(policy=PolicyOptions(cool_down_hours=0, budget=2))
    started: list[float] = []

    def start(fails: bool) -> None:
        schedule.point()
        if fails:
            raise InputError("no such workflow")
        started.append(NOW)

    def monitor(fails: bool = False) -> None:
        try:
            retrain(uri, options, NOW, lambda: start(fails))
        except InputError:
            assert fails

    schedule.run(monitor, monitor, monitor, lambda: monitor(fails=True))
    assert list(read_history(uri).retrainings) == started
    assert len(started) in {1, 2}  # one that was refused while the failing one held its claim does not come again


def epochs(schedule: Schedule, uri: str, s3: Any) -> None:
    """Each change of the shares begins an epoch of its own; of those decided in the same epoch one is set."""
    flags = FlagDocument(uri, s3)
    before = FlagDocument(uri, s3).set(Shares(new_model=0.5))
    begun: list[str] = []
    bound: list[str] = []
    unknown = Unknown()

    def set_shares(share: float, since: str | None, told: list[str]) -> None:
        if (epoch := unknown.attempt(lambda: flags.set(Shares(new_model=share), since))) is not None:
            told.append(epoch)

    schedule.run(
        lambda: set_shares(0.1, None, begun),
        lambda: set_shares(0.2, None, begun),
        lambda: set_shares(0.3, before, bound),
        lambda: set_shares(0.4, before, bound),
    )
    assert len(bound) <= 1
    assert len({*begun, *bound}) == len(begun) + len(bound)
    assert 3 - unknown.count <= int(flags.epoch()) <= 4  # the first, both that are free, one of those that are bound


def locks(schedule: Schedule, uri: str, s3: Any) -> None:
    """One holds the deploy lock."""
    holding: list[int] = []
    held: list[int] = []
    unknown = Unknown()

    def take(me: int) -> None:
        for _ in range(3):
            lock = Lock(uri, s3, f"number {me}", 3600.0)
            try:
                lock.take(0)
            except OutsideError as error:
                unknown.count += "not known whether" in error.what
                continue
            assert not holding
            holding.append(me)
            schedule.point()
            lock.check()
            held.append(holding.pop())
            unknown.attempt(lock.let_go)
            return

    schedule.run(*(lambda me=me: take(me) for me in range(3)))
    assert held or unknown.count


def releases(schedule: Schedule, uri: str, s3: Any) -> None:
    """Each release is recorded once, whoever else records one."""
    unknown = Unknown()

    def record(version: int) -> None:
        one = release(version)
        state = EnvironmentState(uri, s3)
        unknown.attempt(lambda: state.change(lambda known: known.model_copy(update={"history": (*known.history, one)})))

    schedule.run(*(lambda version=version: record(version) for version in range(1, 5)))
    found = [one.champion.version for one in EnvironmentState(uri, s3).read().history]
    assert len(found) == len(set(found)) >= 4 - unknown.count


def ticks(schedule: Schedule, uri: str, s3: Any) -> None:
    """Of two records of a tick the first one is believed, by both."""
    begun = people.begin(RolloutStore(uri, s3), release(1, 2), PLAN, NOW)
    believed: list[str] = []
    unknown = Unknown()

    def add(why: str) -> None:
        found = unknown.attempt(lambda: RolloutStore(uri, s3).add(begun.id, decided(begun, 0, why)))
        if found is not None:
            believed.append(found.decision.reasons[0])

    schedule.run(*(lambda why=why: add(why) for why in "abc"))
    kept = RolloutStore(uri, s3).tick(begun.id, 0)
    assert kept is not None or unknown.count
    assert kept is None or set(believed) <= {kept.decision.reasons[0]}


def aborts(schedule: Schedule, uri: str, s3: Any) -> None:
    """A rollout that a person ended stays so: no controller that began before sends a request to the challenger."""
    store, promoted = RolloutStore(uri, s3), []
    begun = people.begin(store, release(1, 2), PLAN, NOW)
    for at in range(2):  # what was seen lets it go on
        store.add(begun.id, decided(begun, at, "better"))

    def promote(version: str) -> None:
        schedule.point()
        promoted.append(version)

    def controller() -> Controller:
        return Controller(
            options=PLAN,
            store=RolloutStore(uri, s3),
            flags=FlagDocument(f"{uri}/flags.json", s3),
            observe=lambda *_: Observed(()),
            promote=promote,
            release=lambda: begun.release,
            settle_seconds=0.0,
            say=lambda _: None,
        )

    unknown = Unknown()

    def tick() -> None:
        for _ in range(3):
            unknown.attempt(lambda: controller().tick(NOW))

    def abort() -> None:
        found = store.read()
        if found is not None and not found.over:
            unknown.attempt(lambda: controller().go_back(found, RolloutStatus.ABORTED, "a person", NOW))

    schedule.run(tick, tick, abort)
    for _ in range(2 if not unknown.count else 0):
        controller().tick(NOW)
    rollout, shares = store.read(), FlagDocument(f"{uri}/flags.json", s3).read()
    assert rollout is not None
    if rollout.status is RolloutStatus.ABORTED and not unknown.count:
        assert shares == Shares()
        assert (promoted or ["1"])[-1] == "1"
    elif not unknown.count:
        assert (rollout.status, promoted[-1]) == (RolloutStatus.COMPLETE, "2")


PLAN = RolloutOptions(steps=tuple(CanaryStep(kind="canary", share=share, minutes=3) for share in (0.25, 0.5)))


def release(version: int, *challengers: int) -> Release:
    champion, *others = (BundleRef(version=one, digest=f"{one:064x}") for one in (version, *challengers))
    return Release(name="loans", champion=champion, challengers=tuple(others))


def decided(rollout: Any, at: int, why: str) -> Tick:
    return Tick(
        number=at,
        time=NOW,
        step=at,
        share=0.0,
        status=rollout.status,
        decision=RolloutDecision(action=RolloutAction.ADVANCE, reasons=(why,), numbers={}),
        flags="f" * 64,
        epoch="1",
        champion=rollout.champion,
        challenger=rollout.challenger,
        intervals=(),
    )


RULES = [counters, claims, budgets, epochs, locks, releases, ticks, aborts]
RULES_ON_S3 = [rule for rule in RULES if rule is not budgets]  # monitoring keeps its history on this machine
SOME, MANY, ON_S3 = range(25), range(25, 1000), range(150)


def run(place: Any, rule: Callable[..., None], seeds: range, patch: pytest.MonkeyPatch) -> None:
    for seed in seeds:
        schedule = Schedule(seed)
        try:
            with place.watched(schedule, patch, f"{rule.__name__}-{seed}") as uri:
                rule(schedule, uri, place.s3)
        except Exception as error:
            error.add_note(f"schedule {seed}")
            raise


@pytest.mark.parametrize(
    "seeds", [pytest.param(SOME, id="some"), pytest.param(MANY, id="many", marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("rule", RULES)
def test_writers_on_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rule: Any, seeds: range) -> None:
    run(Files(tmp_path), rule, seeds, monkeypatch)


@pytest.mark.parametrize(
    "seeds", [pytest.param(range(5), id="some"), pytest.param(ON_S3, id="many", marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("rule", RULES_ON_S3)
def test_writers_on_s3(empty_moto: str, monkeypatch: pytest.MonkeyPatch, rule: Any, seeds: range) -> None:
    run(Objects(empty_moto), rule, seeds, monkeypatch)
