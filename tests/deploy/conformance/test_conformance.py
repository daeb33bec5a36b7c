"""What every target must do. `world` is one of `worlds/`; see `conftest.py`."""

from __future__ import annotations

from typing import Any

import pytest

from modelway.errors import OutsideError
from modelway.records.deploy import LiveState


def test_nothing_runs_at_first(world: Any) -> None:
    live = world.open().inspect()
    assert (live.state, live.release, live.ready) == (LiveState.ABSENT, None, 0)


def test_a_plan_is_pure_and_changes_nothing(world: Any) -> None:
    target, release = world.open(), world.release(1)
    live = target.inspect()
    steps = target.plan(release, live)
    assert steps
    assert {step.room for step in steps} == {"target"}
    assert steps == world.open().plan(release, live)
    assert world.open().inspect() == live


def test_a_release_gets_stable(world: Any, brought: Any) -> None:
    live = brought(world.release(1))
    assert (live.state, live.release) == (LiveState.STABLE, world.release(1).id)
    assert live.revision
    assert live.ready == live.wanted > 0


def test_what_runs_needs_no_step(world: Any, brought: Any) -> None:
    live = brought(world.release(1))
    assert world.open().plan(world.release(1), live) == ()
    known = world.release(1).model_copy(update={"revision": live.revision})
    assert world.open().plan(known, live) == ()


def test_a_step_run_twice_is_harmless(world: Any, settled: Any) -> None:
    target = world.open()
    for step in target.plan(world.release(1), target.inspect()):
        target.apply(step)
        world.open().apply(step)
    live = settled(world.release(1))
    assert (live.state, live.release) == (LiveState.STABLE, world.release(1).id)


@pytest.mark.parametrize("done", range(5))
def test_a_deploy_that_was_cut_off_converges(world: Any, brought: Any, done: int) -> None:
    brought(world.release(1))
    target = world.open()
    for step in target.plan(world.release(2), target.inspect())[:done]:
        target.apply(step)
    live = brought(world.release(2))
    assert (live.state, live.release) == (LiveState.STABLE, world.release(2).id)


def test_another_release_takes_over_and_the_first_comes_back_by_its_revision(world: Any, brought: Any) -> None:
    first = world.release(1).model_copy(update={"revision": brought(world.release(1)).revision})
    assert brought(world.release(2)).release == world.release(2).id
    live = brought(first)
    assert (live.state, live.release) == (LiveState.STABLE, first.id)
    assert world.open().plan(first, live) == ()


def test_a_release_that_never_gets_healthy_is_told_and_undone(world: Any, brought: Any, settled: Any) -> None:
    first = world.release(1).model_copy(update={"revision": brought(world.release(1)).revision})
    try:
        live = brought(world.broken())
    except OutsideError as error:
        assert error.what  # noqa: PT017 - a target may refuse it at once, or only see it fail
        live = settled(world.broken())
    assert (live.state, live.release) != (LiveState.STABLE, world.broken().id)
    live = brought(first)
    assert (live.state, live.release) == (LiveState.STABLE, first.id)


def test_a_broken_first_release_fails_with_its_reason(world: Any, brought: Any) -> None:
    with pytest.raises(OutsideError) as refused:
        live = brought(world.broken())
        assert live.state is LiveState.FAILED
        raise OutsideError(live.reason)
    assert refused.value.what
    live = brought(world.release(1))
    assert (live.state, live.release) == (LiveState.STABLE, world.release(1).id)


def test_it_stops_and_starts_again(world: Any, brought: Any) -> None:
    brought(world.release(1))
    live = brought(None)
    assert (live.state, live.release) == (LiveState.ABSENT, None)
    assert world.open().plan(None, live) == ()
    assert brought(world.release(2)).state is LiveState.STABLE


def test_no_secret_gets_into_steps_states_or_files(world: Any, brought: Any, tmp_path: Any, canary: str) -> None:
    target = world.open()
    told = [step.to_json() for step in target.plan(world.release(1), target.inspect())]
    told.append(brought(world.release(1)).to_json())
    told.append(repr(target))
    assert not [text for text in told if canary in text]
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and canary.encode() in path.read_bytes()]


def test_missing_secrets_are_named(world: Any) -> None:
    assert world.open().missing() == ()
    for secret in world.open_without_secrets().missing():
        assert secret.name in secret.argument
        assert secret.purpose
