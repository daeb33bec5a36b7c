"""What the local target promises beyond the conformance suite: it outlives the command, and mends what dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from modelway.deploy.local.files import KEEPER, LOG, SERVER, Files
from modelway.deploy.target import open_target
from modelway.errors import UsageError
from modelway.pipeline.backlog import read_backlog
from modelway.processes import runs, send, start_of
from modelway.records.deploy import LiveState


def until(condition: Any, seconds: float = 60.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.05)
    return found


@pytest.fixture
def running(make_place: Any, bundles: Any) -> Any:
    """A place where release 1 runs."""
    place = make_place()
    target = open_target(place)
    for step in target.plan(bundles.release(1), target.inspect()):
        target.apply(step)
    until(lambda: open_target(place).inspect().state is LiveState.STABLE)
    yield place
    for step in target.plan(None, target.inspect()):
        target.apply(step)


def test_it_mends_what_is_killed(running: Any, bundles: Any) -> None:
    files = Files(running.state / "local")
    keeper, server = files.process(KEEPER), files.process(SERVER)
    assert keeper is not None
    assert server is not None
    assert os.getsid(keeper) != os.getsid(0)  # so that it outlives the command and its terminal

    os.kill(server, signal.SIGKILL)
    until(lambda: files.process(SERVER) not in {None, server})
    until(lambda: open_target(running).inspect().state is LiveState.STABLE)

    server = files.process(SERVER)
    os.kill(keeper, signal.SIGKILL)
    live = until(lambda: (found := open_target(running).inspect()).state is LiveState.FAILED and found)
    assert "keeper is gone" in live.reason
    steps = open_target(running).plan(bundles.release(1), live)
    assert [step.action for step in steps] == ["keep"]
    open_target(running).apply(steps[0])
    until(lambda: open_target(running).inspect().state is LiveState.STABLE)
    assert files.process(SERVER) == server  # the same one went on meanwhile
    assert files.signal(SERVER, signal.SIGKILL)
    until(lambda: files.process(SERVER) not in {None, server})


def test_the_log_rotates_while_the_server_runs(running: Any) -> None:
    files = Files(running.state / "local")
    server, log = files.process(SERVER), files.path / LOG
    before = log.read_bytes()
    os.truncate(log, 60_000_000)
    until(lambda: log.stat().st_size < 50_000_000)
    assert log.with_suffix(".1.log").read_bytes()[: len(before)] == before
    assert files.signal(SERVER, signal.SIGHUP)  # so that the server writes a line
    until(lambda: b"reloaded" in log.read_bytes())
    assert log.stat().st_size < 1_000_000  # at the file's new end, without a hole
    assert files.process(SERVER) == server


def test_the_token_is_for_its_owner_alone(running: Any) -> None:
    path = running.state / "local" / "admin.token"
    assert path.stat().st_mode & 0o777 == 0o600
    for process in ("keeper.json", "server.json"):
        pid = Files(path.parent).read(process)["pid"]
        with open(f"/proc/{pid}/cmdline", "rb") as file:  # noqa: PTH123
            assert path.read_bytes() not in file.read()


def test_logs_and_state_are_for_their_owner_alone(running: Any) -> None:
    until(lambda: list(Path(running.serve.log.spool).glob("*/.lock")))
    paths = [running.state, *running.state.rglob("*"), *Path(running.serve.log.spool).rglob("*")]
    assert any(path.name == "server.log" for path in paths)
    for path in paths:
        if path.exists():
            assert path.stat().st_mode & 0o077 == 0, path


def test_status_of_a_local_server_tells_what_is_not_delivered(running: Any) -> None:
    url = open_target(running).inspect().url
    backlog = read_backlog(running, url)
    assert (backlog.records, backlog.spool_records) == (0, 0)
    assert set((backlog.dropped or {}).values()) == {0}


def test_a_number_that_was_used_again_is_never_killed() -> None:
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        started = start_of(other.pid)
        assert started is not None
        assert runs(other.pid, started)
        assert not runs(other.pid, f"{started}0")
        assert not send(other.pid, f"{started}0", signal.SIGKILL)
        assert other.poll() is None
        assert send(other.pid, started, signal.SIGKILL)
        assert other.wait(10) == -signal.SIGKILL
        assert start_of(other.pid) is None
    finally:
        other.kill()


def test_a_stop_leaves_a_stranger_with_the_keepers_number_alone(make_place: Any) -> None:
    place = make_place()
    files = Files(place.state / "local")
    files.write(KEEPER, {"pid": os.getpid(), "started": "another boot/1"})
    files.write("wanted.json", {"champion": "x", "challengers": []})
    target = open_target(place)
    assert target.inspect().state is LiveState.ABSENT
    assert target.plan(None, target.inspect()) == ()


def test_a_container_is_refused_with_the_remedy(make_place: Any) -> None:
    with pytest.raises(UsageError, match="in a container") as refused:
        open_target(make_place(secrets={"MODELWAY_IN_CONTAINER": "1"}))
    assert "dagger call serve" in (refused.value.remedy or "")


def test_settings_that_fail_are_undone_by_what_was_recorded(running: Any, bundles: Any) -> None:
    release, before = bundles.release(1), open_target(running).inspect()
    # An address of documentation (RFC 5737): nobody can listen there.
    elsewhere = running.options.target.model_copy(update={"host": "203.0.113.1"})
    wrong = replace(running, options=running.options.model_copy(update={"target": elsewhere}))
    for step in open_target(wrong).plan(release, before):
        open_target(wrong).apply(step)
    failed = until(lambda: (found := open_target(wrong).inspect()).state is LiveState.FAILED and found)
    for step in open_target(wrong).plan(release.model_copy(update={"applied": before.applied}), failed):
        open_target(wrong).apply(step)
    live = until(lambda: (found := open_target(wrong).inspect()).state is LiveState.STABLE and found)
    assert (live.configuration, live.url, live.applied) == (before.configuration, before.url, before.applied)
