"""The policy in the docs allows the calls that are really made, and no other of ECS."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from modelway.records.deploy import LiveState
from modelway.records.ecs import CanaryOptions, PauseOptions

DOCS = Path(__file__).parents[3] / "docs" / "aws-permissions.md"
NO_CALLS = {"ecs:TagResource"}


def allowed() -> set[str]:
    found = re.search(r"```json\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.S)
    assert found is not None
    actions: set[str] = set()
    for statement in json.loads(found[1])["Statement"]:
        actions |= {statement["Action"]} if isinstance(statement["Action"], str) else set(statement["Action"])
    return actions


def test_the_policy_is_what_is_called(world: Any, bring: Any, until: Any) -> None:
    first = world.release(1).model_copy(update={"revision": bring(world.open(), world.release(1)).revision})
    bring(world.open(), world.broken())
    world.stand_in.cluster.broken.clear()
    paused = world.open(
        strategy=CanaryOptions(kind="canary", minutes=50, pause=PauseOptions(test_url="http://test.example"))
    )
    for step in paused.plan(world.release(2), paused.inspect()):
        paused.apply(step)
    for step in paused.plan(world.release(2), until(paused, LiveState.PAUSED)):
        paused.apply(step)
    paused.inspect()
    for step in paused.plan(first, paused.inspect()):  # in the middle of a shift
        paused.apply(step)
    until(paused, LiveState.STABLE)
    service = world.stand_in.cluster.services["loans"]
    described = dict(paused._service.describe())
    described.pop("currentServiceDeployment")  # as where ECS does not tell the newest one
    assert paused._service.deployment(described).arn == service.newest.arn
    called = {f"ecs:{operation}" for operation in world.stand_in.faults.calls}
    assert called == {one for one in allowed() if one.startswith("ecs:")} - NO_CALLS
