"""What is known of this machine's processors and processes."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from modelway.processes import cores, runs, start_of

ONE = """\
import os
from modelway.processes import cores
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
print(cores())
"""


def test_the_cores_are_those_that_we_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    done = subprocess.run([sys.executable, "-c", ONE], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"
    monkeypatch.delattr(os, "sched_getaffinity")  # macOS
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert cores() == 6
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert cores() == 1


def test_a_process_is_told_apart_from_a_later_one_of_its_number() -> None:
    started = start_of(os.getpid())
    assert started is not None
    assert runs(os.getpid(), started)
    assert not runs(os.getpid(), "another")
