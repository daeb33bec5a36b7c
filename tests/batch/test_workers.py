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
from modelway.errors import OutsideError, UsageError

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


@pytest.mark.parametrize(
    ("wanted", "memory", "count"),
    [
        (None, "2GB", 4),  # there are four cores
        (None, "1GB", 2),
        (None, "1.14GB", 3),
        (None, "1.139GB", 2),
        (1, "2GB", 1),
        (3, "2GB", 3),
        (5, "2GB", 5),
        (6, "2GB", 5),
        (100, "2000MB", 5),
        (100, "20GB", 60),
        (2, "810MB", 2),
        (2, "809.9MB", 1),
        (1, "480MB", 1),
        (1, "479.9MB", None),
        (None, "479MB", None),
        (None, "0GB", None),
    ],
)
def test_worker_count_is_what_is_wanted_or_a_core_each_within_memory(
    monkeypatch: pytest.MonkeyPatch, wanted: int | None, memory: str, count: int | None
) -> None:
    """150 MB are this process's, 330 MB each worker's."""
    monkeypatch.setattr(local_engine, "cores", lambda: 4)
    if count is not None:
        assert local_engine.worker_count(wanted, memory) == count
        return
    with pytest.raises(UsageError, match="480MB with one worker") as refused:
        local_engine.worker_count(wanted, memory)
    assert refused.value.where == "--memory"
