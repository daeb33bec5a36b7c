"""Run commands in pairs and compare their wall time and peak memory."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path


@dataclass(frozen=True)
class Run:
    """One run of a command.

    Attributes:
        seconds: wall time.
        peak_mib: greatest resident size of the process, in MiB.
    """

    seconds: float
    peak_mib: float


def run(command: Sequence[str], cwd: Path) -> Run:
    """Run a command to its end; raises `RuntimeError` with its output when it fails."""
    # PYTHONDONTWRITEBYTECODE doubles import times; no user sets it.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    log = cwd / "bench.log"
    begin = time.perf_counter()
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=cwd, env=environment, stdout=output, stderr=output)
        _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}:\n{log.read_text()[-2000:]}")
    return Run(seconds, usage.ru_maxrss / 1024)


def in_pairs(ours: Callable[[], Run], theirs: Callable[[], Run], pairs: int) -> tuple[list[Run], list[Run]]:
    """Run both in turn, so that what else the machine does falls on both alike; the first pair warms up."""
    ours(), theirs()
    mine, others = [], []
    for pair in range(pairs):
        for which in ("ours", "theirs") if pair % 2 else ("theirs", "ours"):
            (mine if which == "ours" else others).append(ours() if which == "ours" else theirs())
    return mine, others


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of the pairs' ratios."""
    return statistics.median(mine / other for mine, other in zip(ours, theirs, strict=True))


def machine() -> str:
    """What this ran on."""
    return f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
