"""The deploy lock against a rival that tries at every moment, by a given clock, on disk and in S3."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from modelway.deploy import lock as module
from modelway.deploy.lock import Lock, holder
from modelway.errors import OutsideError
from modelway.processes import start_of
from modelway.records.data import S3Options
from modelway.records.releases import Lease
from modelway.storage import Document
from modelway.storage.s3 import s3_client

LEASE, TICK = 8.0, 0.5
BEGAN = 1_800_000_000.0


@dataclass
class Clock:
    """Time that passes only when a test says so; threads that wait by it are awake, or wait for a moment to come."""

    now: float = 0.0
    changed: threading.Condition = field(default_factory=threading.Condition)
    sleepers: dict[int, float] = field(default_factory=dict)

    def wait(self, seconds: float, over: Callable[[], bool]) -> bool:
        """Wait until so much time has passed, or it is over."""
        me = threading.get_ident()
        with self.changed:
            self.sleepers[me] = self.now + seconds
            self.changed.notify_all()
            while self.now < self.sleepers[me] and not over():
                assert self.changed.wait(60), "the test no longer moves the clock"
            del self.sleepers[me]
            return over()

    def advance(self, seconds: float) -> None:
        """Let time pass; return when every thread that it woke waits again, or has ended."""
        with self.changed:
            self.now += seconds
            due = {one for one, until in self.sleepers.items() if until <= self.now}
            self.changed.notify_all()

            def settled() -> bool:
                alive = {thread.ident for thread in threading.enumerate()}
                return all(one not in alive or self.sleepers.get(one, -1.0) > self.now for one in due)

            for _ in range(6000):
                if settled():
                    return
                self.changed.wait(0.01)
            raise AssertionError("a thread neither waits nor ends")

    def event(self) -> Any:
        """An event whose `wait` goes by this clock."""
        clock = self

        class Event(threading.Event):
            def wait(self, timeout: float | None = None) -> bool:
                return clock.wait(1e9 if timeout is None else timeout, self.is_set)

            def set(self) -> None:
                super().set()
                with clock.changed:
                    clock.changed.notify_all()

        return Event


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()

    class Now(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            return datetime.fromtimestamp(BEGAN + made.now, tz or UTC)

    monkeypatch.setattr(module, "datetime", Now)
    monkeypatch.setattr(module, "threading", SimpleNamespace(Thread=threading.Thread, Event=made.event()))
    times = SimpleNamespace(monotonic=lambda: made.now, sleep=lambda seconds: made.wait(seconds, lambda: False))
    monkeypatch.setattr(module, "time", times)
    return made


@dataclass
class World:
    """A store that may fail, the lock's holder, and a rival."""

    uri: str
    s3: S3Options
    clock: Clock
    failing: bool = False
    held: Lock | None = None

    def lock(self, owner: str = "ours") -> Lock:
        return Lock(self.uri, self.s3, owner, LEASE)

    def take(self) -> Lock:
        self.held = self.lock()
        self.held.take(0)
        return self.held

    def is_held(self) -> bool:
        """Whether the holder would go on with its deploy."""
        assert self.held is not None
        try:
            self.held.check()
        except OutsideError:
            return False
        return True

    def is_free(self) -> bool:
        """Whether the rival would get the lock now; it does not keep it."""
        before, self.failing = self.failing, False
        try:
            return holder(self.uri, self.s3) is None
        finally:
            self.failing = before


@pytest.fixture(params=["file", "s3"])
def world(
    request: pytest.FixtureRequest, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    s3 = S3Options()
    uri = str(tmp_path / "state")
    if request.param == "s3":
        s3 = S3Options(endpoint_url=request.getfixturevalue("empty_moto"), region="us-east-1", path_style=True)
        s3_client(s3).create_bucket(Bucket="deploys")
        uri = "s3://deploys/staging"
    made = World(uri, s3, clock)
    change: Any = Document.change

    def changed(self: Any, how: Any) -> Any:
        if made.failing:
            raise OutsideError("the store is away", where=made.uri)
        return change(self, how)

    monkeypatch.setattr(Document, "change", changed)
    yield made
    made.failing = False
    if made.held is not None:
        made.held.let_go()


def test_a_rival_never_gets_the_lock_while_it_is_renewed(world: World) -> None:
    world.take()
    for _ in range(int(5 * LEASE / TICK)):
        world.clock.advance(TICK)
        assert world.is_held()
        with pytest.raises(OutsideError, match="another deploy holds the lock: ours"):
            world.lock("rival").take(0)


SCENARIOS: dict[str, dict[str, Any]] = {
    # the store fails from one moment to another, or the machine sleeps at a moment for so long;
    # whether the lock is held in the end
    "the store fails for an instant": {"fails": (1.9, 2.1), "kept": True},
    "it fails for less than half of the lease": {"fails": (1.0, 4.5), "kept": True},
    "it fails for as long as the lease": {"fails": (1.0, 1.0 + LEASE), "kept": False},
    "it fails for good": {"fails": (1.0, 1e9), "kept": False},
    "it fails twice, a while apart": {"fails": (1.0, 4.5), "again": (9.0, 12.5), "kept": True},
    "the machine sleeps for a moment": {"sleeps": (3.0, 2.0), "kept": True},
    "the machine sleeps for longer than the lease": {"sleeps": (3.0, LEASE + 1), "kept": None},
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_no_two_hold_the_lock_at_once(world: World, name: str) -> None:
    told = SCENARIOS[name]
    world.take()
    while world.clock.now < 3 * LEASE:
        windows = [told[key] for key in ("fails", "again") if key in told]
        world.failing = any(begin <= world.clock.now + TICK < end for begin, end in windows)
        asleep, slept = told.get("sleeps", (-1.0, 0.0))
        if world.clock.now == asleep:
            with world.clock.changed:  # asleep, the thread that renews does nothing either
                world.clock.now += slept
                held, free = world.is_held(), world.is_free()
            assert not (held and free)
            world.clock.advance(0)
        else:
            world.clock.advance(TICK)
        assert not (world.is_held() and world.is_free()), world.clock.now
    if told["kept"] is not None:
        assert world.is_held() is told["kept"]
        assert world.is_free() is not told["kept"]


def test_a_lock_that_another_took_is_not_taken_back(world: World) -> None:
    ours = world.take()
    with world.clock.changed:
        world.clock.now += LEASE
        rival = world.lock("rival")
        rival.take(0)
    try:
        for _ in range(int(2 * LEASE / TICK)):
            world.clock.advance(TICK)
            assert not world.is_held()
            rival.check()
        ours.let_go()
        found = holder(world.uri, world.s3)
        assert found is not None
        assert found.owner == "rival"
    finally:
        rival.let_go()
    assert world.is_free()


def test_a_lock_that_a_person_removed_is_lost_at_the_next_renewal(world: World) -> None:
    world.take()
    world.clock.advance(TICK)
    if world.uri.startswith("s3://"):
        s3_client(world.s3).delete_object(Bucket="deploys", Key="staging/lock.json")
    else:
        (Path(world.uri) / "lock.json").unlink()
    rival = world.lock("rival")
    rival.take(0)
    try:
        world.clock.advance(LEASE / 4)
        assert not world.is_held()
        rival.check()
    finally:
        rival.let_go()


@pytest.mark.parametrize(("after", "free"), [(LEASE - 0.001, False), (LEASE, True), (LEASE + 0.001, True)])
def test_a_lease_of_a_holder_that_died_ends_with_its_seconds(world: World, after: float, free: bool) -> None:
    dead = world.lock("dead")
    assert dead._try() is None  # taken, and nothing renews it
    world.clock.advance(after)
    assert world.is_free() is free


@pytest.mark.parametrize("seconds", [1.0, 0.0], ids=["in time", "over"])
@pytest.mark.parametrize(
    ("host", "process", "held"),
    [
        ("here", "runs", True),
        ("here", "is gone", False),
        ("here", "is not known", True),
        ("elsewhere", "runs", True),
        ("elsewhere", "is gone", True),  # which can't be seen from here
    ],
)
def test_a_lease_is_in_force_by_its_time_and_its_process(
    world: World, host: str, process: str, held: bool, seconds: float
) -> None:
    started = {"runs": start_of(os.getpid()), "is gone": "at another time", "is not known": ""}[process]
    lease = Lease(
        owner="another", host=socket.gethostname() if host == "here" else host, pid=os.getpid(),
        started=started or "", nonce="n", expires=datetime.fromtimestamp(BEGAN + seconds, UTC).isoformat(),
    )  # fmt: skip
    module._document(world.uri, world.s3).change(lambda _: lease)
    assert world.is_free() is not (held and seconds > 0)


def test_a_lock_that_was_given_back_is_free_at_once(world: World) -> None:
    ours = world.take()
    world.clock.advance(TICK)
    assert not world.is_free()
    ours.let_go()
    assert world.is_free()


@pytest.mark.parametrize(("patience", "gets"), [(0.0, False), (2.0, False), (3.5, True), (9.0, True)])
def test_a_rival_waits_as_long_as_it_has_patience(world: World, patience: float, gets: bool) -> None:
    """The holder gives the lock back after three seconds."""
    ours = world.take()
    outcome: list[str] = []

    def wait() -> None:
        rival = world.lock("rival")
        try:
            rival.take(patience)
        except OutsideError as error:
            outcome.append(error.what)
            return
        outcome.append("taken")
        rival.let_go()

    thread = threading.Thread(target=wait)
    thread.start()
    while not outcome and thread.ident not in world.clock.sleepers:
        thread.join(0.01)
    for _ in range(20):
        if outcome:
            break
        if world.clock.now == 3.0:
            ours.let_go()
        world.clock.advance(TICK)
    thread.join(60)
    assert [one == "taken" for one in outcome] == [gets]
    assert world.clock.now == (min(3.5, patience) if gets else patience)
