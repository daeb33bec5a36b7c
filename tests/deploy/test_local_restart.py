"""A changed setting of a local server: another one takes over, and no client notices."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

import pytest

from modelway.deploy.local.files import KEEPER, NEXT, NEXT_SERVER, OLD_SERVER, SERVER, Files
from modelway.deploy.target import open_target
from modelway.errors import OutsideError
from modelway.records.deploy import LiveState
from modelway.records.serve import InputOptions, ServeOptions, WorkerOptions
from modelway.records.serving import ServingSettings

PER_SECOND = 50


def until(condition: Any, seconds: float = 60.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.05)
    return found


def settings(**changes: Any) -> ServingSettings:
    workers = WorkerOptions(count=1, notice_seconds=0.0, drain_seconds=2.0)
    return ServingSettings(serve=ServeOptions(workers=workers, **changes))


@pytest.fixture
def running(make_place: Any, bundles: Any) -> Any:
    """A place where release 1 runs."""
    place = make_place()
    bring(place, bundles.release(1))
    yield place
    target = open_target(place)
    for step in target.plan(None, target.inspect()):
        target.apply(step)


def bring(place: Any, release: Any) -> list[str]:
    """Carry a release out, and wait for it; gives the actions of its steps."""
    steps = open_target(place).plan(release, open_target(place).inspect())
    for step in steps:
        open_target(place).apply(step)
    until(lambda: open_target(place).inspect().state is LiveState.STABLE)
    return [step.action for step in steps]


def answer_on_a_new_connection(port: int) -> str:
    """Ask once; the status line, or what became of the connection instead."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            connection.sendall(b"GET /v2/models/loans HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            received = b""
            while block := connection.recv(65536):
                received += block
    except OSError as error:
        return type(error).__name__
    return received.partition(b"\r\n")[0].decode() or "closed without an answer"


class Load:
    """Connections at a steady rate, each with one request."""

    def __init__(self, port: int) -> None:
        self.answers: list[str] = []
        self._port = port
        self._ending = threading.Event()
        self._asking: list[threading.Thread] = []
        self._pacing = threading.Thread(target=self._pace)

    def __enter__(self) -> Self:
        self._pacing.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._pacing.join()
        for thread in self._asking:
            thread.join()

    def _pace(self) -> None:
        while not self._ending.wait(1 / PER_SECOND):
            asking = threading.Thread(target=lambda: self.answers.append(answer_on_a_new_connection(self._port)))
            asking.start()
            self._asking.append(asking)


def reported(port: int) -> str | None:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/v2", timeout=30) as answer:
        told: str | None = json.load(answer)["settings_digest"]
        return told


def test_changed_settings_restart_the_server_without_a_refused_connection(running: Any, bundles: Any) -> None:
    files, port = Files(running.state / "local"), running.options.target.port
    first, keeper = files.process(SERVER), files.process(KEEPER)
    with Load(port) as load:
        until(lambda: len(load.answers) > PER_SECOND)
        for most in (7, 8, 9):
            release = bundles.release(1).model_copy(update={"settings": settings(input=InputOptions(max_rows=most))})
            assert bring(running, release) == ["restart"]
            assert open_target(running).inspect().release == release.id
            until(lambda: not files.process(OLD_SERVER))
            assert reported(port) == release.given.digest
        seen = len(load.answers)
        until(lambda: len(load.answers) > seen + PER_SECOND)
    assert set(load.answers) == {"HTTP/1.1 200 OK"}
    assert files.process(SERVER) not in {None, first}
    assert files.process(KEEPER) == keeper
    assert files.signal(SERVER, signal.SIGKILL)  # what starts after a crash has the new settings, too
    until(lambda: open_target(running).inspect().state is LiveState.STABLE)
    assert reported(port) == release.given.digest


def test_settings_that_no_server_starts_with_leave_the_one_before(running: Any, bundles: Any) -> None:
    files, port = Files(running.state / "local"), running.options.target.port
    first = files.process(SERVER)
    bad = bundles.release(1).model_copy(
        update={"settings": ServingSettings(serve=ServeOptions(require_signature=True))}
    )
    target = open_target(running)
    (step,) = target.plan(bad, target.inspect())
    with pytest.raises(OutsideError, match="not signed"):
        target.apply(step)
    assert files.process(SERVER) == first
    live = open_target(running).inspect()
    assert (live.state, live.release) == (LiveState.STABLE, bundles.release(1).id)
    assert open_target(running).plan(bundles.release(1), live) == ()
    assert answer_on_a_new_connection(port) == "HTTP/1.1 200 OK"
    good = bundles.release(1).model_copy(update={"settings": settings(input=InputOptions(max_rows=5))})
    assert bring(running, good) == ["restart"]


def test_restart_that_was_cut_off_is_finished_by_the_keeper_or_the_next_run(running: Any, bundles: Any) -> None:
    files = Files(running.state / "local")
    release = bundles.release(2).model_copy(update={"settings": settings(input=InputOptions(max_rows=5))})
    target = open_target(running)
    (step,) = target.plan(release, target.inspect())
    files.write(NEXT, target._launched(step.arguments))  # type: ignore[attr-defined]  # all that a killed deploy did
    open_target(running).apply(step)
    until(lambda: open_target(running).inspect().state is LiveState.STABLE)
    assert open_target(running).inspect().release == release.id
    assert open_target(running).plan(release, open_target(running).inspect()) == ()


def test_server_that_crashes_while_another_one_starts_is_restarted_and_the_other_withdrawn(
    running: Any, bundles: Any
) -> None:
    files, port = Files(running.state / "local"), running.options.target.port
    release = bundles.release(2).model_copy(update={"settings": settings(input=InputOptions(max_rows=5))})
    target: Any = open_target(running)
    (step,) = target.plan(release, target.inspect())
    files.write(NEXT, target._launched(step.arguments))  # all that a killed deploy did
    other = until(lambda: files.process(NEXT_SERVER))
    os.kill(other, signal.SIGSTOP)
    first = files.process(SERVER)
    assert files.signal(SERVER, signal.SIGKILL)
    until(lambda: files.process(SERVER) not in {None, first})
    until(lambda: open_target(running).inspect().state is LiveState.STABLE)
    assert reported(port) == bundles.release(1).given.digest
    with ThreadPoolExecutor() as pool:
        withdrawing = pool.submit(bring, running, bundles.release(1))
        until(lambda: not files.read(NEXT))
        os.kill(other, signal.SIGCONT)
        assert withdrawing.result() == ["withdraw"]
    assert files.process(NEXT_SERVER) is None
    assert open_target(running).plan(bundles.release(1), open_target(running).inspect()) == ()
    assert bring(running, release) == ["restart"]
    assert reported(port) == release.given.digest


def test_keeper_that_took_over_holds_no_socket_so_changed_settings_stop_and_start(running: Any, bundles: Any) -> None:
    files = Files(running.state / "local")
    assert files.signal(KEEPER, signal.SIGKILL)
    until(lambda: files.process(KEEPER) is None)
    assert bring(running, bundles.release(1)) == ["keep"]
    release = bundles.release(1).model_copy(update={"settings": settings(input=InputOptions(max_rows=5))})
    assert bring(running, release) == ["stop", "start"]
    again = bundles.release(1).model_copy(update={"settings": settings(input=InputOptions(max_rows=6))})
    assert bring(running, again) == ["restart"]


def test_server_whose_project_changed_is_started_again_with_the_settings_of_its_release(
    running: Any, bundles: Any
) -> None:
    (running.root / "modelway.yaml").write_text("name: loans\nserve: {input: {max_rows: 1}, access_log: all}\n")
    files, port = Files(running.state / "local"), running.options.target.port
    server = files.process(SERVER)
    assert files.signal(SERVER, signal.SIGKILL)
    until(lambda: files.process(SERVER) not in {None, server})
    until(lambda: open_target(running).inspect().state is LiveState.STABLE)
    assert reported(port) == bundles.release(1).given.digest
