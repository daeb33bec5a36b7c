"""Operations on an environment with a fault in them, and what has to hold after each, whatever the target."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import pytest

from modelway.deploy.flow import Flow
from modelway.records.deploy import Release
from modelway.records.releases import Releases
from tests.deploy.file_target import release
from tests.every_step import Fault, Operation

REQUEST_FAULTS = (Fault.BROKEN, Fault.LOST, Fault.KILLED)


@dataclass(frozen=True)
class Case:
    """An operation.

    Attributes:
        run: what it is.
        before: the versions that were deployed, the oldest first.
        after: the versions that the history has then.
        runs: the version that runs then; None where nothing does.
        passing: other versions that may run meanwhile.
        release: makes the release of a version.
    """

    run: Callable[[Flow], object]
    before: tuple[int, ...]
    after: tuple[int, ...]
    runs: int | None
    passing: tuple[int, ...] = ()
    release: Callable[[int], Release] = release

    @property
    def ran(self) -> int | None:
        return self.before[-1] if self.before else None

    def number(self, name: str | None) -> int | None:
        """Return the version of a release's id; None for None."""
        known = {self.release(one).id: one for one in (*self.before, *self.after, *self.passing)}
        return None if name is None else known[name]


def check_release(case: Case, known: Releases, lives: int | None, *, done: bool) -> None:
    """Check that `status` reports what runs, and that it is the old or the new.

    Args:
        case: what was run.
        known: the record of releases.
        lives: the version that runs; None where nothing does.
        done: whether it got through.
    """
    history = tuple(one.champion.version for one in known.history)
    assert lives in {case.ran, case.runs, *case.passing}
    if known.attempt is None:  # nothing is begun: what the record has is what runs
        stopped = case.runs is None and history == case.before
        assert (history, lives) in {(case.before, case.ran), (case.after, case.runs)} or stopped
    else:
        assert known.attempt.release.champion.version in {case.runs, *case.passing}
        assert history == case.before
    if done:
        assert (history, lives, known.attempt) == (case.after, case.runs, None)


def cases(release: Callable[[int], Release]) -> dict[str, Case]:
    """Return the operations of which every target has steps of its own."""
    found = {
        "first": Case(lambda flow: flow.deploy(release(1)), (), (1,), 1),
        "next": Case(lambda flow: flow.deploy(release(2)), (1,), (1, 2), 2),
        "rollback": Case(lambda flow: roll_back(flow, release(1)), (1, 2), (1,), 1),
        "stop": Case(lambda flow: flow.stop(), (1,), (1,), None),
    }
    return {name: replace(case, release=release) for name, case in found.items()}


def roll_back(flow: Flow, to: Release) -> None:
    """Roll back as a person does, who runs it again only where `status` does not show the release before."""
    known = flow.state.read()
    if known.attempt is not None or known.current is None or known.current.id != to.id:
        flow.roll_back()
    else:
        flow.deploy(to)


def request_faults(few: int) -> list[Any]:
    """Return the parameters fault, case and stride of a test in which requests fail.

    In the quick tests each `few`-th request fails, for each fault others; in the slow ones each by one of the faults.
    """
    quick = [pytest.param(fault, "next", few) for fault in REQUEST_FAULTS]
    slow = [pytest.param(fault, case, 3, marks=pytest.mark.slow) for case in cases(release) for fault in REQUEST_FAULTS]
    return quick + slow


class Environments(Protocol):
    """An environment of its own for each run; its state is elsewhere, so that requests alone are steps."""

    states: Path

    def begin(self, root: Path) -> Flow:
        """Make the environment of a run."""

    def flow(self, root: Path) -> Flow:
        """Return a flow over it."""

    def serves(self, root: Path) -> str | None:
        """Return the release that serves alone; None where none does."""

    def check_more(self, case: Case) -> None:
        """Check what only this target promises."""

    def traces(self, fault: Fault) -> object:
        """Return what is there in addition to the files of the state."""


def fail_each_request(world: Environments, place: Path, case: Case, fault: Fault, every: int) -> None:
    """Run an operation with each `every`-th of its requests failing, from below an empty directory."""

    def start(root: Path) -> None:
        flow = world.begin(root)
        for version in case.before:
            flow.deploy(case.release(version))

    def check(root: Path, done: bool) -> None:
        known = world.flow(root).state.read()
        check_release(case, known, case.number(world.serves(root)), done=done)
        world.check_more(case)

    def traces(root: Path) -> object:
        return sorted(path.name for path in (world.states / root.name).rglob("*")), world.traces(fault)

    operation = Operation(start, lambda root: case.run(world.flow(root)), check, traces, exit_codes=(6, 7))
    operation.with_each_step(place, fault, every=every)
