"""The worlds in which targets are tested, one a target: `worlds/KIND.py`, each with a context manager `world`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from modelway.records.deploy import Live, LiveState, Release

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelway.deploy.target import Target

WORLDS = Path(__file__).parent / "worlds"
KINDS = sorted(path.stem for path in WORLDS.glob("*.py"))
CANARY = "canary-3f9a1c"
"""Every secret of every world has this value."""


class World(Protocol):
    """What a target's tests need of the world around it.

    `world(request, root, secret)` gives one, with nothing deployed; `root` is an empty directory for all its files.
    """

    def open(self) -> Target:
        """The target, as a process that has just started sees it."""
        ...

    def open_without_secrets(self) -> Target:
        """The same for somebody who gave no secret."""
        ...

    def release(self, number: int) -> Release:
        """A release that can run; each number is another one."""
        ...

    def broken(self) -> Release:
        """A release that never gets healthy."""
        ...


def settle(world: World, release: Release | None, seconds: float = 60.0) -> Live:
    """Wait until the target is no longer on its way to a release; a pause is taken for evidence that all is well."""
    deadline = time.monotonic() + seconds
    while (live := world.open().inspect()).state in {LiveState.CHANGING, LiveState.PAUSED}:
        assert time.monotonic() < deadline, f"it never settles: {live.reason}"
        if live.state is LiveState.PAUSED:
            bring(world, release)
        time.sleep(0.05)
    return live


def bring(world: World, release: Release | None) -> None:
    """Plan and apply, each step by a target of its own."""
    target = world.open()
    for step in target.plan(release, target.inspect()):
        world.open().apply(step)


# A real server takes its time: `make test-slow`.
@pytest.fixture(params=[pytest.param(kind, marks=[pytest.mark.slow] * kind.endswith("_real")) for kind in KINDS])
def world(request: pytest.FixtureRequest, tmp_path: Path, load_world: Any) -> Iterator[World]:
    with load_world(request.param).world(request, tmp_path, CANARY) as made:
        yield made


@pytest.fixture(scope="session")
def canary() -> str:
    """The value of every secret."""
    return CANARY


@pytest.fixture
def settled(world: World) -> Any:
    """Waits until the world's target is no longer on its way."""
    return lambda release: settle(world, release)


@pytest.fixture
def brought(world: World) -> Any:
    """Plans and applies a release, and waits."""

    def bring_and_settle(release: Release | None) -> Live:
        bring(world, release)
        return settle(world, release)

    return bring_and_settle
