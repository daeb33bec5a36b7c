"""A local deployment through any order of deploys, crashes, rollbacks and changed settings, against a short model.

The steps run on the stand-in of `local_processes.py`, which has no real process. The slow test at the end runs the same
steps on real servers, with the same checks after each.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from modelway.deploy.flow import Flow
from modelway.deploy.local.files import (
    NEXT,
    READY,
    WANTED,
    WATCHED,
)
from modelway.deploy.lock import holder
from modelway.deploy.state import EnvironmentState
from modelway.deploy.target import Place, open_target
from modelway.errors import GateError, InputError, ModelwayError, OutsideError, RolledBackError
from modelway.flags import read_shares, update_flags, with_shares
from modelway.records.data import S3Options
from modelway.records.deploy import LiveState, Release
from modelway.records.flags import Shares

from .local_processes import KilledError
from .local_stand_in import HANGING, WRONG, StandIn, serving
from .real_servers import RealServers


@dataclass(frozen=True)
class Ran:
    """A release, and the port at which it was deployed."""

    release: Release
    port: int


class LocalDeployment(RuleBasedStateMachine):
    """The model: what is live, the releases before it, and whether a keeper watches over it."""

    def __init__(self, world: Any = None) -> None:
        super().__init__()
        self.world = world or StandIn()
        self.keep, self.port = 2, self.world.ports[0]
        self.history: list[Ran] = []
        self.live: Ran | None = None
        self.kept = False
        """Whether a keeper runs."""
        self.cut_off: tuple[str, Release] | None = None
        """The kind and release of an operation that was killed."""
        self.shares = Shares()

    def teardown(self) -> None:
        self.world.close()

    # What is done.

    @initialize(keep=st.sampled_from([2, 3, 4]), first=st.lists(st.integers(1, 3), max_size=4))
    def begin(self, keep: int = 2, first: list[int] | None = None) -> None:
        self.keep = keep
        for number in first or ():
            self.deploy(number, challenger=4)

    @rule(
        number=st.integers(1, 3),
        challenger=st.sampled_from([None, 4]),
        rows=st.sampled_from([None, None, 5]),
        crashed=st.sampled_from([False, False, True]),
    )
    def deploy(
        self, number: int, challenger: int | None = None, rows: int | None = None, *, crashed: bool = False
    ) -> None:
        release = self.world.release(number, challenger, serving(rows))
        there = self.live == Ran(release, self.port) == (self.history or [None])[-1] and self.kept and not self.cut_off
        if crashed:
            self.world.kill("server")
        done = self.flow().deploy(release)
        assert (done.plan.steps == ()) is (there and not crashed), done.plan.steps
        self.deployed(release)

    @precondition(lambda self: self.history)
    @rule(times=st.integers(1, 3))
    def deploy_the_same_again(self, times: int = 3) -> None:
        for _ in range(times):
            release = self.history[-1].release
            self.flow().deploy(release)
            self.deployed(release)

    @rule(fault=st.sampled_from(["bundle", "hangs", "answers", "settings"]), number=st.integers(1, 3))
    def deploy_what_fails(self, fault: str = "bundle", number: int = 1) -> None:
        """A bundle that can't be loaded, never is, or answers wrongly; or settings that no server starts with."""
        bundle = {"bundle": self.world.unloadable, "hangs": HANGING, "answers": WRONG}.get(fault)
        if bundle is None:
            release = self.world.release(number, None, serving(0))
        else:
            release = Release(name="loans", champion=bundle, settings=serving(5 if number == 1 else None))
        with pytest.raises(ModelwayError) as failed:
            self.flow().deploy(release)
        assert isinstance(failed.value, (RolledBackError, OutsideError) if self.history else GateError)
        self.came_back()

    @precondition(lambda self: self.live is not None and self.kept and self.cut_off is None)
    @rule(number=st.integers(1, 3), turns=st.integers(0, 12))
    def deploy_while_the_keeper_dies(self, number: int, turns: int) -> None:
        """A restart that loses its keeper gets through or comes back; a later keeper does not continue it."""
        release = self.world.release(number, None, serving(6))
        self.world.processes.killed_after = (turns, "keeper")
        try:
            self.flow().deploy(release)
        except (RolledBackError, OutsideError):
            self.came_back()
            if (attempt := self.flow().state.read().attempt) is not None:  # it died in coming back, too
                self.cut_off = (attempt.kind, attempt.release)
        else:
            self.deployed(release)
            self.kept = self.world.running()[0] == 1
        finally:
            self.world.processes.killed_after = None

    @precondition(lambda self: self.live is not None and self.kept and self.cut_off is None)
    @rule(
        number=st.sampled_from([1, 2, 3, None]),
        turns=st.integers(0, 3),
        which=st.sampled_from(["oldest", "newest", "server"]),
    )
    def deploy_while_a_server_dies(self, number: int | None, turns: int, which: str) -> None:
        """A restart that loses the server before it, the next one (which may hang) or both; one answers soon again."""
        processes = self.world.processes
        release = self.hanging() if number is None else self.world.release(number, None, serving(6))
        restarts = "restart" in [step.action for step in self.flow().plan(release).steps]
        processes.killed_after, processes.longest_outage = (turns, which), 0
        try:
            self.flow().deploy(release)
        except (RolledBackError, OutsideError):
            self.came_back()
        else:
            self.deployed(release)
        finally:
            processes.killed_after = None
        assert not restarts or processes.longest_outage < 10

    @precondition(lambda self: self.live is not None and self.kept and self.cut_off is None)
    @rule(turns=st.integers(0, 3))
    def kill_a_deploy_whose_server_hangs(self, turns: int) -> None:
        """Its server never takes over: the next operation ends it."""
        self.world.processes.killed_after = (turns, "deploy")
        with pytest.raises(KilledError):
            self.flow().deploy(self.hanging())
        self.world.settle()
        self.cut_off = ("deploy", self.hanging())

    @precondition(lambda self: self.live is not None and self.kept and self.cut_off is None)
    @rule(times=st.integers(1, 4))
    def crash_at_several_starts(self, times: int) -> None:
        """A server that ends three times in a row before it answers has failed; fewer times say nothing, ever."""
        target = self.flow().target
        for _ in range(2):
            self.world.processes.failing_starts = times
            self.world.kill("server")
            states = set()
            for _ in range(40):
                self.world.processes.turn()
                states.add(target.inspect().state)
            assert (LiveState.FAILED in states) is (times >= 3)
            assert target.inspect().state is LiveState.STABLE

    @rule()
    def roll_back(self) -> None:
        self.shares = Shares()
        if self.cut_off is not None:
            kind, release = self.cut_off
            back = kind == "deploy"
            wanted = next((one for one in reversed(self.history) if back or one.release.id == release.id), None)
        else:
            wanted = self.history[-2] if len(self.history) > 1 else None
        if wanted is None:
            with pytest.raises(InputError, match="no release before"):
                self.flow().roll_back()
            return
        self.flow().roll_back()
        while self.history[-1] != wanted:
            self.history.pop()
        self.live, self.kept, self.cut_off = wanted, True, None

    @rule()
    def stop(self) -> None:
        stopped = self.flow().stop()
        # An operation that was killed may have stopped the old release, or begun the new one.
        assert self.cut_off is not None or stopped is (self.live is not None)
        self.live, self.kept, self.cut_off = None, False, None
        names = {path.name for path in self.world.place(self.port, self.keep).state.rglob("*")}
        assert not (stopped and names & {NEXT, READY, WANTED, WATCHED})

    @rule(killed=st.sampled_from([("server",), ("server",), ("keeper",), ("keeper", "server")]))
    def crash(self, killed: tuple[str, ...] = ("server",)) -> None:
        """The keeper restarts a server that crashes; without a keeper it stays away until the next deploy."""
        self.world.kill(*killed)
        self.kept = self.kept and "keeper" not in killed
        if "server" in killed and not self.kept:
            self.live = None
        self.world.settle()

    @precondition(lambda self: len(self.world.ports) > 1)
    @rule()
    def change_the_port(self) -> None:
        self.port = next(port for port in self.world.ports if port != self.port)

    @precondition(lambda self: self.live is not None and self.live.release.challengers)
    @rule()
    def give_the_challenger_a_share(self) -> None:
        self.shares = Shares(new_model=0.25)
        update_flags(self.flow().place.flags, lambda document: with_shares(document, self.shares))

    @precondition(lambda self: self.history)
    @rule(rolls_back=st.booleans(), number=st.integers(1, 3), moment=st.integers(1, 6), back=st.booleans())
    def kill_an_operation(self, rolls_back: bool, number: int, moment: int, back: bool) -> None:
        """Kill a deploy or a rollback before one of its steps; the next operation continues from there."""
        if not rolls_back:
            release = self.world.release(number, None, serving(7))
            if not self.killed(moment, lambda flow: flow.deploy(release)):
                self.deployed(release)
        elif len(self.history) > 1 and self.cut_off is None:
            self.shares = Shares()
            if not self.killed(moment, lambda flow: flow.roll_back()):
                self.history.pop()
                self.live, self.kept = self.history[-1], True
        if back and self.cut_off is not None:
            self.roll_back()

    # What the model says of it.

    def flow(self, say: Any = None) -> Flow:
        place = self.world.place(self.port, self.keep)
        return Flow(place, open_target(place), self.state(place), self.world.smoke, say or self.say, "me")

    def state(self, place: Place) -> EnvironmentState:
        return EnvironmentState(str(place.state), S3Options())

    def say(self, _: str) -> None:
        place = self.world.place(self.port, self.keep)
        assert holder(str(place.state), S3Options()) is not None, "a step runs without the lock"

    def hanging(self) -> Release:
        return Release(name="loans", champion=HANGING, settings=serving(8))

    def came_back(self) -> None:
        self.live = self.history[-1] if self.history else None
        self.kept, self.cut_off = self.live is not None, None

    def deployed(self, release: Release) -> None:
        ran = Ran(release, self.port)
        if self.history and self.history[-1].release == release:
            self.history.pop()
        self.history = [*self.history, ran][-self.keep :]
        self.live, self.kept, self.cut_off = ran, True, None

    def killed(self, moment: int, work: Any) -> bool:
        """Work in a process that is killed before its `moment`-th step; whether it came to that."""
        said = 0

        def say(words: str) -> None:
            nonlocal said
            said += 1
            self.say(words)
            if said == moment:
                raise KilledError

        flow = self.flow(say)
        try:
            work(flow)
        except KilledError:
            self.world.settle()
            attempt = flow.state.read().attempt
            self.cut_off = None if attempt is None else (attempt.kind, attempt.release)
            return True
        return False

    # What holds after every step.

    @invariant()
    def what_is_live_is_what_the_last_operation_put_there(self) -> None:
        if self.cut_off is not None:
            return
        self.world.settle()
        ran = self.live
        wanted = []
        if ran is not None:
            bundles = [one.digest for one in (ran.release.champion, *ran.release.challengers)]
            wanted = [(bundles, ran.release.given.digest, ran.port)]
        assert self.world.answering() == wanted
        assert self.world.running() == (int(self.kept), len(wanted))
        flow = self.flow()
        live = flow.target.inspect()
        state = LiveState.ABSENT if ran is None else LiveState.STABLE if self.kept else LiveState.FAILED
        assert (live.state, live.release) == (state, None if ran is None else ran.release.id)

    @invariant()
    def the_history_holds_the_last_releases_each_once_in_a_row(self) -> None:
        place = self.world.place(self.port, self.keep)
        known = self.state(place).read()
        found = [(one.id, one.applied[0].get("port")) for one in known.history]
        assert found == [(one.release.id, one.port) for one in self.history]
        attempt = None if known.attempt is None else (known.attempt.kind, known.attempt.release.id)
        assert attempt == (None if self.cut_off is None else (self.cut_off[0], self.cut_off[1].id))

    @invariant()
    def the_lock_is_free_and_flags_are_as_set(self) -> None:
        place = self.world.place(self.port, self.keep)
        assert holder(str(place.state), S3Options()) is None
        flags = Path(place.flags)
        assert (read_shares(json.loads(flags.read_text())) if flags.exists() else Shares()) == self.shares

    @invariant()
    def nothing_is_left_on_disk(self) -> None:
        if self.cut_off is not None:
            return
        place = self.world.place(self.port, self.keep)
        names = {path.name for path in place.state.rglob("*")}
        assert not {name for name in names if name.endswith((".part", ".work"))}
        assert NEXT not in names


LocalDeployment.TestCase.settings = settings(settings.get_profile("machine"), max_examples=40, stateful_step_count=25)
TestLocalDeployment = LocalDeployment.TestCase


def test_return_from_a_deploy_that_hangs_after_one_that_was_cut_off_gets_its_server() -> None:
    machine = LocalDeployment()
    try:
        machine.begin(first=[1])
        machine.kill_an_operation(rolls_back=False, number=2, moment=5, back=False)
        machine.deploy_what_fails("hangs", 3)
        machine.what_is_live_is_what_the_last_operation_put_there()
        machine.the_history_holds_the_last_releases_each_once_in_a_row()
    finally:
        machine.teardown()


@pytest.mark.slow
def test_the_same_steps_with_real_servers(
    make_place: Any, bundles: Any, free_port: int, free_ports: Callable[[], int]
) -> None:
    machine = LocalDeployment(RealServers(make_place, bundles, (free_port, free_ports())))
    steps: list[Callable[[], None]] = [
        partial(machine.deploy, 1),
        partial(machine.deploy_the_same_again, 3),
        partial(machine.deploy, 2, 4),
        partial(machine.crash, ("server",)),
        machine.give_the_challenger_a_share,
        machine.roll_back,
        partial(machine.deploy_what_fails, "bundle"),
        partial(machine.deploy, 1, None, 5),
        partial(machine.deploy_what_fails, "settings", 2),
        partial(machine.crash, ("keeper",)),
        partial(machine.deploy_the_same_again, 1),
        machine.change_the_port,
        partial(machine.deploy_what_fails, "bundle"),
        partial(machine.deploy, 3),
        machine.roll_back,
        partial(machine.crash, ("keeper", "server")),
        partial(machine.deploy, 2),
        machine.stop,
        machine.roll_back,
    ]
    for step in steps:
        step()
        machine.what_is_live_is_what_the_last_operation_put_there()
        machine.the_history_holds_the_last_releases_each_once_in_a_row()
        machine.the_lock_is_free_and_flags_are_as_set()
        machine.nothing_is_left_on_disk()
