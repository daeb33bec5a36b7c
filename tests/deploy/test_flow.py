"""The flow over a target that is a file: what it leaves, and how it ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from modelway.deploy import executor
from modelway.deploy.flow import Flow
from modelway.deploy.planner import find_drift
from modelway.errors import GateError, InputError, OutsideError, RefusedError, RolledBackError
from modelway.flags import read_shares, with_shares
from modelway.records.deploy import Live, LiveState
from modelway.records.flags import Shares
from tests.deploy.file_target import FORBIDDEN, REFUSED, SLOW, THEIRS, UNHEALTHY, WRONG, World, release


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_a_plan_changes_nothing(world: World) -> None:
    plan = world.flow().plan(release(1))
    assert [step.room for step in plan.steps] == ["state", "target", "target", "wait", "smoke", "state"]
    assert list(world.root.iterdir()) == []


def test_a_release_is_recorded_with_its_revision(world: World) -> None:
    assert world.flow().deploy(release(1)).plan.before is None
    known = world.state.read()
    assert [(one.id, one.revision) for one in known.history] == [(release(1).id, "r1")]
    assert known.attempt is None
    assert [event.what for event in known.events] == ["deployed"]


def test_what_runs_already_is_left_alone(world: World) -> None:
    world.flow().deploy(release(1))
    before = {
        path: path.read_bytes() for path in world.root.rglob("*") if path.name in {"target.json", "releases.json"}
    }
    assert world.flow().deploy(release(1)).plan.steps == ()
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.parametrize(("version", "why"), [(UNHEALTHY, "failed"), (WRONG, "0.9 expected"), (SLOW, "after 0.6 s")])
def test_what_is_not_healthy_is_rolled_back(world: World, version: int, why: str) -> None:
    world.flow().deploy(release(1))
    with pytest.raises(RolledBackError, match=why):
        world.flow().deploy(release(version))
    assert world.runs == release(1).id
    known = world.state.read()
    assert known.current is not None
    assert known.current.id == release(1).id
    assert known.attempt is None
    assert [event.what for event in known.events] == ["deployed", "failed", "rolled back"]


_LOOKS = {
    "A": Live(state=LiveState.ABSENT),
    "C": Live(state=LiveState.CHANGING),
    "F": Live(state=LiveState.FAILED),
    "O": Live(state=LiveState.STABLE, release=release(1).id),
}


@pytest.mark.parametrize(
    ("looks", "stays"),
    [
        ("OO", True), ("OOO", False), ("AA", True), ("AAA", False), ("OAO", False), ("OOCOOCOO", True),
        ("ACACACA", True), ("OOCOOO", False), ("F", False), ("CCF", False), ("C" * 20, True), ("C" * 60, False),
    ],
)  # fmt: skip
def test_a_target_that_notices_late_is_believed_at_the_third_look_in_a_row(
    world: World, monkeypatch: pytest.MonkeyPatch, looks: str, stays: bool
) -> None:
    """Before it shows the release it shows the one before (O), none (A), a change (C) or a failure (F)."""
    world.flow().deploy(release(1))
    monkeypatch.setattr(executor, "time", Clock())
    left, inspect = list(looks), world.target.inspect

    def look() -> Live:
        runs = inspect()
        return _LOOKS[left.pop(0)] if left and runs.release == release(2).id else runs

    monkeypatch.setattr(world.target, "inspect", look)
    if stays:
        world.flow().deploy(release(2))
    else:
        with pytest.raises(RolledBackError):
            world.flow().deploy(release(2))
        left.clear()
    assert not left
    assert world.runs == release(2 if stays else 1).id


class Clock:
    """Stands in for the module `time`: sleep takes none."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize("version", [UNHEALTHY, WRONG, SLOW])
def test_a_first_deploy_that_fails_has_nothing_to_return_to(world: World, version: int) -> None:
    with pytest.raises(GateError, match="no release to return to"):
        world.flow().deploy(release(version))
    assert world.runs is None
    known = world.state.read()
    assert (known.history, known.attempt) == ((), None)
    assert [event.what for event in known.events] == ["failed", "stopped"]
    world.flow().deploy(release(1))
    assert world.runs == release(1).id


def test_a_first_deploy_that_can_not_be_stopped_says_how(world: World) -> None:
    world.target.fails = {"stop"}
    with pytest.raises(OutsideError, match="could not be stopped") as raised:
        world.flow().deploy(release(WRONG))
    assert "modelway stop --env test" in (raised.value.remedy or "")
    world.target.fails = set()
    world.flow().stop()
    assert (world.runs, world.state.read().attempt) == (None, None)


@pytest.mark.parametrize(("version", "runs"), [(WRONG, None), (UNHEALTHY, UNHEALTHY), (SLOW, SLOW)])
def test_a_first_deploy_that_fails_leaves_what_another_brought(world: World, version: int, runs: int | None) -> None:
    world.target.path.write_text(json.dumps({"runs": "theirs", "version": THEIRS, "settings": "good"}))
    with pytest.raises(GateError, match="no release to return to"):
        world.flow().deploy(release(version))
    assert world.runs == (None if runs is None else release(runs).id)
    assert world.state.read().attempt is None


def test_a_target_that_refuses_leaves_what_runs(world: World) -> None:
    world.flow().deploy(release(1))
    with pytest.raises(OutsideError, match=r"refused; loans version 1 .* still runs"):
        world.flow().deploy(release(REFUSED))
    assert world.runs == release(1).id
    assert world.state.read().attempt is None


def test_a_first_step_that_is_refused_for_good_changes_nothing_and_ends_the_attempt(world: World) -> None:
    world.flow().deploy(release(1))
    with pytest.raises(RefusedError, match="is forbidden; nothing was changed") as refused:
        world.flow().deploy(release(FORBIDDEN))
    assert refused.value.remedy == "Ask for the right."
    known = world.state.read()
    assert (world.runs, known.attempt) == (release(1).id, None)
    assert [event.what for event in known.events] == ["deployed", "failed"]


def test_a_refusal_after_a_deploy_that_was_cut_off_comes_back_from_that(world: World) -> None:
    world.flow().deploy(release(1))
    world.killed_at(5, lambda flow: flow.deploy(release(2)))
    assert world.runs == release(2).id
    with pytest.raises(RolledBackError, match="is forbidden"):
        world.flow().deploy(release(FORBIDDEN))
    assert (world.runs, world.state.read().attempt) == (release(1).id, None)


def test_settings_that_fail_return_to_those_before_with_the_same_release(world: World) -> None:
    for version in (1, 2):
        world.flow().deploy(release(version))
    world.target.settings = "bad"
    with pytest.raises(RolledBackError, match="with its previous settings"):
        world.flow().deploy(release(2))
    assert (world.runs, world.target.inspect().applied) == (release(2).id, ({"settings": "good"},))
    assert world.state.read().attempt is None


def test_settings_before_are_known_though_an_older_version_did_not_record_them(world: World) -> None:
    world.target.records = False
    world.flow().deploy(release(1))
    world.target.records = True
    world.target.settings = "other"
    world.flow().deploy(release(2))
    world.flow().roll_back()
    assert (world.runs, world.target.inspect().applied) == (release(1).id, ({"settings": "good"},))


def test_a_release_that_ran_before_is_deployed_by_the_settings_of_now(world: World) -> None:
    for version in (1, 2):
        world.flow().deploy(release(version))
    world.target.settings = "other"
    world.flow().deploy(release(1))
    assert (world.runs, world.target.inspect().applied) == (release(1).id, ({"settings": "other"},))


def test_drift_is_what_would_bring_the_recorded_settings_back(world: World) -> None:
    def drift() -> tuple[str, ...]:
        return find_drift(world.target, world.target.inspect(), world.state.read())

    assert drift() == ()
    world.flow().deploy(release(1))
    world.target.settings = "other"  # of the project: they are not deployed yet
    assert drift() == ()
    told = json.loads(world.target.path.read_text())
    world.target.path.write_text(json.dumps({**told, "settings": "by hand"}))
    assert drift() == ("register", "switch")
    world.killed_at(1, lambda flow: flow.deploy(release(2)))
    assert drift() == ("register", "switch")
    world.killed_at(2, lambda flow: flow.deploy(release(2)))
    assert drift() == ()


def test_half_of_a_deploy_that_fails_is_rolled_back(world: World) -> None:
    world.flow().deploy(release(1))
    world.target.fails = {"switch"}
    with pytest.raises(OutsideError):
        world.flow().deploy(release(2))
    world.target.fails = set()
    assert world.runs == release(1).id
    world.flow().deploy(release(2))
    assert world.runs == release(2).id


def test_where_coming_back_fails_too_the_next_run_goes_on(world: World) -> None:
    world.flow().deploy(release(1))

    def say(words: str) -> None:
        if words.startswith("failed"):
            world.target.fails = {"switch"}

    with pytest.raises(OutsideError, match="and so did coming back"):
        world.flow(say).deploy(release(WRONG))
    assert world.state.read().attempt is not None
    world.target.fails = set()
    world.flow().deploy(release(1))
    assert (world.runs, world.state.read().attempt) == (release(1).id, None)


def test_two_deploys_at_once_exclude_each_other(world: World) -> None:
    refusals = []

    def say(_: str) -> None:
        try:
            world.flow().deploy(release(2))
        except OutsideError as error:
            refusals.append(error)

    world.flow(say).deploy(release(1))
    assert world.runs == release(1).id
    assert refusals
    assert "me, until 20" in refusals[0].what


_OPERATIONS: dict[str, tuple[Callable[[Flow], object], tuple[int, ...], tuple[int, ...], int | None]] = {
    "the same": (lambda flow: flow.deploy(release(3)), (1, 2, 3), (1, 2, 3), 3),
    "another": (lambda flow: flow.deploy(release(4)), (1, 2, 4), (1, 2, 4), 4),
    "the one before": (lambda flow: flow.deploy(release(2)), (1, 2), (1, 2), 2),
    "rollback": (lambda flow: flow.roll_back(), (1, 2), (1,), None),
    "stop": (lambda flow: flow.stop(), (1, 2), (1, 2), 0),
}
"""What runs after an operation that was cut off: the history where that was a deploy and a rollback, and the version
that runs (0: none; None: the last of the history)."""


@pytest.mark.parametrize("then", _OPERATIONS)
@pytest.mark.parametrize("cut_off", ["deploy", "rollback"])
def test_operation_after_one_that_was_cut_off_ends_as_without_it(tmp_path: Path, cut_off: str, then: str) -> None:
    work, after_deploy, after_rollback, runs = _OPERATIONS[then]
    seen = 0
    for moment in range(2, 12):
        (tmp_path / str(moment)).mkdir()
        world = World(tmp_path / str(moment))
        for version in (1, 2):
            world.flow().deploy(release(version))
        first = (lambda flow: flow.deploy(release(3))) if cut_off == "deploy" else (lambda flow: flow.roll_back())
        if not world.killed_at(moment, first):
            break
        if world.state.read().attempt is None:
            continue
        seen += 1
        work(world.flow())
        known = world.state.read()
        wanted = after_deploy if cut_off == "deploy" else after_rollback
        assert (tuple(one.champion.version for one in known.history), known.attempt) == (wanted, None)
        assert world.runs == (None if runs == 0 else release(runs or wanted[-1]).id)
    assert seen >= 4


def test_rollback_flips_flags_first_and_then_restores_the_release(world: World) -> None:
    from modelway.flags import update_flags

    world.flow().deploy(release(1))
    world.flow().deploy(release(1, 2))
    flags = str(world.root / "env" / "flags.json")
    update_flags(flags, lambda document: with_shares(document, Shares(new_model=0.5, shadow=1.0)))
    at_first_word = []

    def say(_: str) -> None:
        at_first_word.append(read_shares(json.loads(Path(flags).read_text())))

    world.flow(say).roll_back()
    assert at_first_word[0] == Shares()
    assert world.runs == release(1).id
    with pytest.raises(InputError, match="no release before"):
        world.flow().roll_back()


def test_it_stops(world: World) -> None:
    assert world.flow().stop() is False
    world.flow().deploy(release(1))
    assert world.flow().stop() is True
    assert world.runs is None
    world.flow().deploy(release(1))
    assert world.runs == release(1).id
