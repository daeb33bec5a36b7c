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
from tests.deploy.flow_cases import Case, cases, fail_each_request, request_faults
from tests.every_step import Fault

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

    def check_more(self, case: Case) -> None:
        assert case.runs is None or not case.before or not self.cluster.services["loans"].outages

    def traces(self, fault: Fault) -> object:
        """Return how many revisions there are: a repeat finds the one that was registered."""
        # A retry after a lost answer registers again, on ECS itself.
        return fault is Fault.LOST or len(self.cluster.definitions)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    (tmp_path / "states").mkdir()
    made = World(tmp_path / "states")
    with made.stack:
        yield made
        assert not made.stand_in.wrong


@pytest.mark.parametrize(("fault", "case", "every"), request_faults(7))
def test_ecs_with_each_request_failing_keeps_one_release_whole(
    world: World, tmp_path: Path, fault: Fault, case: str, every: int
) -> None:
    fail_each_request(world, tmp_path / "steps", CASES[case], fault, every)
