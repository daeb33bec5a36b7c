"""The world of the conformance suite, for what is ECS's own."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from modelway.records.deploy import Live, LiveState, Release

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[3]
sys.path[:0] = [str(Path(__file__).parent), str(ROOT / "ci" / "stand_ins")]


@pytest.fixture
def world(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, load_world: Any
) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    with load_world("ecs").world(request, tmp_path, "canary-8e21") as made:
        yield made


@pytest.fixture
def until() -> Callable[..., Live]:
    """Looks until the service is in one of some states."""

    def look(target: Any, *states: LiveState, seconds: float = 60.0) -> Live:
        deadline = time.monotonic() + seconds
        while (live := target.inspect()).state not in states:
            assert time.monotonic() < deadline, f"still {live.state}: {live.reason}"
            time.sleep(0.02)
        return live

    return look


@pytest.fixture
def bring(until: Any) -> Callable[[Any, Release], Live]:
    """Plans, applies, and waits until the service is stable or has failed."""

    def run(target: Any, release: Release) -> Live:
        for step in target.plan(release, target.inspect()):
            target.apply(step)
        return until(target, LiveState.STABLE, LiveState.FAILED)

    return run
