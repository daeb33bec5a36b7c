"""Each request to Kubernetes of a deploy, a rollback and a stop fails once, or its answer is lost, or the process ends.

The API is the stand-in's, with its Deployment controller. How a real API server answers what fails is seen by
`test_failures_on_a_real_cluster.py`, and steps of the environment's state by `../test_flow_steps.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from kubernetes_drills import Api, _flow, release, stand_in

from modelway.deploy.flow import Flow
from modelway.records.deploy import LiveState
from tests.deploy.flow_cases import Case, cases, fail_each_request, request_faults
from tests.every_step import Fault

CASES = cases(release)


class World:
    """A cluster of its own for each run; the environment's state is elsewhere, so that requests alone are steps."""

    def __init__(self, states: Path) -> None:
        self.states = states
        self.stack = ExitStack()

    def begin(self, root: Path) -> Flow:
        self.stack.close()
        self.api: Api = self.stack.enter_context(stand_in())
        (self.states / root.name).mkdir()
        return self.flow(root)

    def flow(self, root: Path) -> Flow:
        flow = _flow(self.api, self.api.url, self.states / root.name, 20.0)
        return replace(flow, place=replace(flow.place, flags=str(self.states / root.name / "flags.json")))

    def serves(self, root: Path) -> str | None:
        """Return the release that serves alone; None where none does."""
        for _ in range(200):
            live = self.flow(root).target.inspect()
            if live.state in {LiveState.STABLE, LiveState.ABSENT}:
                return live.release
        raise AssertionError(live)

    def check_more(self, case: Case) -> None:
        pass

    def traces(self, fault: Fault) -> object:
        return None


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    (tmp_path / "states").mkdir()
    made = World(tmp_path / "states")
    with made.stack:
        yield made


@pytest.mark.parametrize(("fault", "case", "every"), request_faults(20))
def test_kubernetes_with_each_request_failing_keeps_one_release_whole(
    world: World, tmp_path: Path, fault: Fault, case: str, every: int
) -> None:
    fail_each_request(world, tmp_path / "steps", CASES[case], fault, every)
