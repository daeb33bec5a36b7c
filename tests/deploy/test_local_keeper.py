"""The keeper of local servers, one turn at a time."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from modelway.deploy.local.files import NEXT, NEXT_SERVER, READY, SERVER, WANTED, Files
from modelway.deploy.local.keeper import Keeper
from modelway.processes import start_of

Child = subprocess.Popen[bytes]


@pytest.fixture
def start() -> Iterator[Callable[[], Child]]:
    """Start processes in the place of servers, and end them."""
    children = []

    def run() -> Child:
        children.append(subprocess.Popen(["sleep", "600"]))
        return children[-1]

    yield run
    for child in children:
        child.kill()
        child.wait()


def test_hand_over_while_the_server_before_writes_its_number_down_waits_for_it(
    tmp_path: Path, start: Callable[[], Child]
) -> None:
    files, before, after = Files(tmp_path), start(), start()

    def note(name: str, child: Child) -> None:
        files.write(name, {"pid": child.pid, "started": start_of(child.pid)})

    keeper: Any = Keeper(files)
    wanted = {"argv": ["serve"]}
    keeper._child, keeper._next, keeper._next_wanted = before, after, wanted  # the one before was restarted just now
    files.write(NEXT, wanted)
    files.write(f".next-{READY}", {"exit_code": 0})
    note(NEXT_SERVER, after)
    assert not keeper._replace()
    assert not files.read(WANTED)
    note(SERVER, before)  # later, it would replace the number of the one that took over
    assert keeper._replace()
    assert files.process(SERVER) == after.pid
    assert files.read(WANTED) == wanted
    assert not files.read(NEXT)
    assert before.wait() == -signal.SIGTERM
