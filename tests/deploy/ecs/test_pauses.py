"""A deploy that pauses for evidence: the new revision is asked at the test listener before each shift of traffic."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from modelway.deploy.flow import Flow
from modelway.deploy.state import EnvironmentState
from modelway.errors import RolledBackError
from modelway.records.data import S3Options
from modelway.records.ecs import CanaryOptions, PauseOptions
from modelway.records.environment import WaitOptions
from modelway.records.smoke import SmokeCheck, SmokeReport
from modelway.records.verdict import Verdict

TEST, PRODUCTION = "http://test.example", "http://loans.example"
STRATEGY = CanaryOptions(kind="canary", minutes=0, bake_minutes=0, pause=PauseOptions(test_url=TEST))


def flow_of(world: Any, root: Path, asked: list[tuple[int, str]], bad: set[str]) -> Flow:
    secrets = {"AWS_ACCESS_KEY_ID": "someone", "AWS_SECRET_ACCESS_KEY": "x"}
    place = world.place(secrets, strategy=STRATEGY)
    wait = WaitOptions(stable_seconds=30.0, poll_seconds=0.02)
    place = replace(place, options=place.options.model_copy(update={"url": PRODUCTION, "wait": wait}))

    def ask(release: Any, url: str) -> SmokeReport:
        version = release.champion.version
        asked.append((version, url))
        verdict = Verdict.FAIL if version == 2 and url in bad else Verdict.PASS
        check = SmokeCheck(name="predictions", verdict=verdict, detail="0.1 in the place of 0.9")
        return SmokeReport(endpoint=url, versions=(str(version),), checks=(check,))

    state = EnvironmentState(str(root / "env"), S3Options())
    return Flow(place, world.open(strategy=STRATEGY), state, ask, lambda _: None, "me")


def test_each_shift_waits_for_the_smoke_test_at_the_test_listener(world: Any, tmp_path: Path) -> None:
    asked: list[tuple[int, str]] = []
    flow = flow_of(world, tmp_path, asked, set())
    flow.deploy(world.release(1))
    flow.deploy(world.release(2))
    assert asked == [(1, PRODUCTION), (2, TEST), (2, TEST), (2, PRODUCTION)]


def test_bad_evidence_turns_it_back_before_anybody_is_served(world: Any, tmp_path: Path) -> None:
    asked: list[tuple[int, str]] = []
    flow = flow_of(world, tmp_path, asked, {TEST})
    flow.deploy(world.release(1))
    with pytest.raises(RolledBackError, match=r"0.1 in the place of 0.9"):
        flow.deploy(world.release(2))
    service, cluster = world.stand_in.cluster.services["loans"], world.stand_in.cluster
    served = {cluster.image(one) for _, shares in service.served for one in shares}
    assert world.release(2).image not in served
    assert service.outages == 0
