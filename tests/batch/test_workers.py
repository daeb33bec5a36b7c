"""What is said where the processes that score come to harm."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from modelway.batch import local_engine
from modelway.batch.run import run_batch
from modelway.errors import OutsideError

Harm = Callable[[subprocess.Popen[str]], None]


def close_its_input(process: subprocess.Popen[str]) -> None:
    """What a file descriptor that is closed twice does to whoever has its number by then."""
    assert process.stdin is not None
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, process.stdin.fileno())
    os.close(nothing)


def kill_and_wait_in_its_place(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    os.waitpid(process.pid, 0)


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (close_its_input, "a worker's pipe was closed before it was told to end"),
        (kill_and_wait_in_its_place, "how it ended was told to another part of this process"),
        (kill, "a worker was ended by signal 9"),
    ],
)
def test_a_worker_that_is_lost_is_told_as_what_it_is(runs, loans, small_units, monkeypatch, harm: Harm, says) -> None:
    started: list[subprocess.Popen[str]] = []
    start = local_engine._Crew._start

    def noted(crew: Any) -> subprocess.Popen[str]:
        started.append(start(crew))
        return started[-1]

    monkeypatch.setattr(local_engine._Crew, "_start", noted)
    told = iter([True])

    def progress(*_: object) -> None:
        if next(told, False):
            harm(started[0])

    outcome = run_batch(runs.request(loans), progress)
    assert isinstance(outcome.error, OutsideError)
    assert says in str(outcome.error)
    assert not (runs.folder() / "_SUCCESS").exists()
    monkeypatch.undo()
    assert runs.done(loans).result.summary.rows == 3000
