"""Each step of a rollout's tick, and of what people do with it, fails once: state, record, flags and champion."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from modelway.atomic import sweep
from modelway.flags import read_shares
from modelway.pipeline.rollout import end
from modelway.records.flags import Shares
from modelway.records.rollout import AgreementGuard, GuardOptions, OutcomeGuard
from modelway.records.rollout_seen import Outcome, Outcomes
from modelway.records.rollout_state import Rollout, RolloutStatus
from modelway.rollout import people
from modelway.rollout.controller import Controller
from modelway.rollout.shares import shares_of
from modelway.storage import write_bytes
from tests.every_step import Fault, Operation
from tests.rollout.rollout_world import PLAN, World

OFF = Shares()
BACK = {RolloutStatus.ABORTED, RolloutStatus.ROLLED_BACK}
WATCHED = PLAN.model_copy(
    update={
        "guards": GuardOptions(outcome=OutcomeGuard(alpha=0.1, uri="labels"), agreement=AgreementGuard(alpha=0.05)),
        "watch_hours": 2.0,
    }
)
WORSE = Outcomes(
    champion=Outcome(keys=5000, total=4500.0, squares=4500.0),
    challenger=Outcome(keys=5000, total=4000.0, squares=4000.0),
)


@dataclass
class Kept(World):
    """A world whose champion is a file: it outlives a process that is killed."""

    outcomes_later: Outcomes | None = field(default=None, kw_only=True)

    def controller(self) -> Controller:
        controller = super().controller()
        path = f"{self.folder}/champion"
        object.__setattr__(controller, "promote", lambda version: write_bytes(path, version.encode()))
        return controller

    @property
    def state(self) -> Rollout | None:
        return self.controller().store.read()

    @property
    def champion(self) -> str:
        path = Path(str(self.folder), "champion")
        return path.read_text() if path.exists() else "1"

    def content(self) -> dict[str, bytes]:
        root = Path(str(self.folder))
        return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def _tick(world: Kept) -> object:
    return world.controller().tick(world.now)


def _end(world: Kept) -> object:
    rollout = world.state
    return None if rollout is None or rollout.over else end(world.controller(), "lunch")


@dataclass(frozen=True)
class Case:
    """An operation.

    Attributes:
        until: whether the rollout that a tick gave has come to where the operation begins with that tick, instead.
        run: the operation.
        status: what the rollout is then.
        shares: the challenger's share then.
        champion: the version that is champion then.
    """

    until: Callable[[Rollout], bool]
    run: Callable[[Kept], object]
    status: RolloutStatus
    shares: float
    champion: str = "1"
    changes: dict[str, Any] = field(default_factory=dict)


RUNNING, PAUSED = RolloutStatus.RUNNING, RolloutStatus.PAUSED
CASES = {
    "enter": Case(lambda _: True, _tick, RUNNING, 0.0),
    "advance": Case(lambda rollout: rollout.step == 1, _tick, RUNNING, 0.25),
    "complete": Case(lambda rollout: rollout.step == 3, _tick, RolloutStatus.COMPLETE, 1.0, "2"),
    "back": Case(
        lambda rollout: rollout.over, _tick, RolloutStatus.ROLLED_BACK, 0.0, changes={"scenario": "errors-fourfold"}
    ),
    "watch": Case(
        lambda rollout: rollout.status is RolloutStatus.WATCHING,
        _tick,
        RolloutStatus.WATCHING,
        1.0,
        "2",
        {"options": WATCHED},
    ),
    "back from watch": Case(
        lambda rollout: rollout.status is RolloutStatus.ROLLED_BACK,
        _tick,
        RolloutStatus.ROLLED_BACK,
        0.0,
        changes={"options": WATCHED, "outcomes_later": WORSE},
    ),
    "another release": Case(
        lambda rollout: rollout.step == 2,
        lambda world: (setattr(world, "release", "another"), _tick(world)),
        RolloutStatus.ABORTED,
        0.0,
    ),
    "pause": Case(
        lambda rollout: rollout.step == 2, lambda world: people.pause(world.controller().store, "lunch"), PAUSED, 0.25
    ),
    "resume": Case(
        lambda rollout: rollout.step == 2,
        lambda world: (people.resume(world.controller().store, world.now), _tick(world)),
        RUNNING,
        0.25,
    ),
    "abort": Case(lambda rollout: rollout.step == 2, _end, RolloutStatus.ABORTED, 0.0),
}


def _before(case: Case, folder: Path) -> tuple[Kept, dict[str, bytes]]:
    """Run a rollout up to the tick that a case is about; give the world, and all files before that tick."""
    world = Kept(folder, **case.changes)
    world.begin()
    for _ in range(400):
        content = world.content()
        if world.state and world.state.status is RolloutStatus.WATCHING:
            world.outcomes = world.outcomes_later
        rollout = world.controller().tick(world.now)
        assert rollout is not None
        if case.until(rollout):
            return world, content
        world.now += 15
    raise AssertionError("the rollout never came there")


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Kept, dict[str, bytes]]]:
    """Give what a case begins with; running a rollout up to there takes longer than the case."""
    return cache(lambda case: _before(CASES[case], tmp_path_factory.mktemp("begun") / "state"))


@pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("fault", Fault)
def test_rollout_with_each_step_failing_routes_as_its_state_reports(
    tmp_path: Path, begun: Any, fault: Fault, case: str, every: int
) -> None:
    wanted = CASES[case]
    made, content = begun(case)
    outcome: list[Rollout] = []

    def world(root: Path) -> Kept:
        changes = {**wanted.changes, "now": made.now, "outcomes": made.outcomes, "log": deepcopy(made.log)}
        return Kept(root, **changes)

    def start(root: Path) -> None:
        for name, value in content.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(value)

    def check(root: Path, done: bool) -> None:
        here = world(root)
        rollout, shares, champion = here.state, here.shares() or OFF, here.champion
        assert rollout is not None
        in_force = shares_of(rollout, here.options)
        if rollout.status in BACK:
            assert (shares, champion) == (OFF, "1")
        elif rollout.entered:
            assert shares in {in_force, OFF} if wanted.status in BACK else shares == in_force
        else:  # the shares come before the state says so
            known = [
                Shares(),
                *(in_force.model_copy(update={"new_model": one.share, "shadow": one.shadow}) for one in rollout.epochs),
            ]
            assert shares in [in_force, *known]
        if rollout.status in {RolloutStatus.COMPLETE, RolloutStatus.WATCHING} and wanted.status not in BACK:
            assert (shares.new_model, champion) == (1.0, "2")
        assert fault in {Fault.LOST, Fault.KILLED} or not [*root.rglob("*.part")]
        records = sorted(Path(root).glob("rollouts/*/*.gz"))
        assert len(records) in {rollout.ticks, rollout.ticks + 1}  # one was decided, and not counted yet
        if len(records) > rollout.ticks and wanted.status in BACK:
            assert shares == OFF  # nothing is written before the flags are off
        assert len({one.epoch for one in rollout.epochs}) == len(rollout.epochs)
        if done:
            assert (rollout.status, shares.new_model, champion) == (wanted.status, wanted.shares, wanted.champion)
            shares_then = tuple(one.share for one in rollout.epochs)
            outcome.append(rollout.model_copy(update={"epochs": shares_then, "ended": None}))
            assert outcome[-1] in outcome[:2]  # as after one tick, or after two

    def traces(root: Path) -> object:
        if root.name.startswith(("lost", "killed")):  # what a later writer sweeps
            for folder in (root, *root.rglob("*/")):
                sweep(folder)
        flags = root / "flags.json"
        shares = read_shares(json.loads(flags.read_bytes())) if flags.exists() else None
        return sorted(str(path.relative_to(root)) for path in root.rglob("*")), shares

    operation = Operation(start, lambda root: wanted.run(world(root)), check, traces)
    operation.with_each_step(tmp_path / "steps", fault, every=every)
