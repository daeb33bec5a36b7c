"""Each request to ECS of a deploy, a rollback and a stop fails once, or its answer is lost, or the process ends.

The API is the stand-in's of `ci/stand_ins`. Steps of the environment's state are in `../test_flow_steps.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from drills import _flow, release
from ecs_stand_in import Cluster, StandIn

from modelway.deploy.flow import Flow
from modelway.records.deploy import LiveState, Release
from modelway.records.smoke import SmokeCheck, SmokeReport
from modelway.records.verdict import Verdict
from tests.deploy.flow_cases import cases, check_release
from tests.every_step import Fault, Operation

CASES = cases(release)


def _pass(asked: Release, url: str) -> SmokeReport:
    check = SmokeCheck(name="version", verdict=Verdict.PASS, detail="")
    return SmokeReport(endpoint=url, versions=(str(asked.champion.version),), checks=(check,))


class World:
    """A service of its own for each run; the environment's state is elsewhere, so that requests alone are steps."""

    def __init__(self, states: Path) -> None:
        self.states = states
        self.stack = ExitStack()

    def begin(self, root: Path) -> Flow:
        self.stack.close()
        self.cluster = Cluster("main")
        self.cluster.register({"family": "loans", "containerDefinitions": [{"name": "server", "image": "none"}]}, [])
        self.cluster.create_service("loans", "loans", 0)
        self.stand_in = self.stack.enter_context(StandIn(self.cluster, key="someone"))
        (self.states / root.name).mkdir()
        return self.flow(root)

    def flow(self, root: Path) -> Flow:
        flow = _flow(self.stand_in, self.states / root.name)
        place = replace(flow.place, flags=str(self.states / root.name / "flags.json"))
        # What `_flow` looks at stands still in a process that is to be killed.
        return replace(flow, place=place, ask=_pass)

    def serves(self, root: Path) -> str | None:
        """Return the release that serves alone; None where none does."""
        for _ in range(200):
            live = self.flow(root).target.inspect()
            if live.state in {LiveState.STABLE, LiveState.ABSENT}:
                return live.release
            self.cluster.advance(looked=True)
        raise AssertionError(live)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    (tmp_path / "states").mkdir()
    made = World(tmp_path / "states")
    with made.stack:
        yield made
        assert not made.stand_in.wrong


FEW = [pytest.param(fault, "next", 7) for fault in (Fault.BROKEN, Fault.LOST, Fault.KILLED)]
"""In the quick tests some steps fail, for each fault others; in the slow ones each fails by one of the faults."""
ALL = [
    pytest.param(fault, case, 3, marks=pytest.mark.slow)
    for case in CASES
    for fault in (Fault.BROKEN, Fault.LOST, Fault.KILLED)
]


@pytest.mark.parametrize(("fault", "case", "every"), FEW + ALL)
def test_ecs_with_each_request_failing_keeps_one_release_whole(
    world: World, tmp_path: Path, fault: Fault, case: str, every: int
) -> None:
    wanted = CASES[case]

    def start(root: Path) -> None:
        flow = world.begin(root)
        for version in wanted.before:
            flow.deploy(release(version))

    def check(root: Path, done: bool) -> None:
        known = world.flow(root).state.read()
        check_release(wanted, known, wanted.number(world.serves(root)), done=done)
        assert wanted.runs is None or not wanted.before or not world.cluster.services["loans"].outages

    def traces(root: Path) -> object:
        """Return the files, and how many revisions there are: a repeat finds the one that was registered."""
        files = sorted(path.name for path in (world.states / root.name).rglob("*"))
        return files, fault is Fault.LOST or len(
            world.cluster.definitions
        )  # ECS itself registers again what is retried

    operation = Operation(start, lambda root: wanted.run(world.flow(root)), check, traces, exit_codes=(6, 7))
    operation.with_each_step(tmp_path / "steps", fault, every=every)
