"""Run commands in pairs and compare their wall time and peak memory."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


LOG = "bench.log"
"""What a command that ran prints, in its working directory."""
_SAMPLE_SECONDS = 0.02
_PAGE_MIB = os.sysconf("SC_PAGE_SIZE") / 2**20


@dataclass(frozen=True)
class Run:
    """One run of a command.

    Attributes:
        seconds: wall time.
        peak_mib: greatest resident size of the process and its children together, in MiB.
        cpu_seconds: time of all cores, the system's included.
    """

    seconds: float
    peak_mib: float
    cpu_seconds: float


def run(command: Sequence[str], cwd: Path, *, expected: int = 0, environment: Mapping[str, str] | None = None) -> Run:
    """Run a command to its end.

    Args:
        command: what to run.
        cwd: where.
        expected: the exit code that it has to end with.
        environment: variables besides those of this process.

    Raises:
        RuntimeError: with its output, when it ends otherwise.
    """
    # PYTHONDONTWRITEBYTECODE doubles import times; no user sets it.
    inherited = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    log = cwd / LOG
    begin = time.perf_counter()
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=cwd, env={**inherited, **(environment or {})}, stdout=output, stderr=output
        )
        tree = _Tree(process.pid)
        _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != expected:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}:\n{log.read_text()[-2000:]}")
    return Run(seconds, max(usage.ru_maxrss / 1024, tree.peak_mib()), usage.ru_utime + usage.ru_stime)


class _Tree:
    """Watches how much memory a process and its children hold together, where the system tells it."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._peak = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def peak_mib(self) -> float:
        """The greatest sum seen; ends the watch."""
        self._ended.set()
        self._thread.join()
        return self._peak

    def _watch(self) -> None:
        while not self._ended.wait(_SAMPLE_SECONDS):
            self._peak = max(self._peak, _resident_mib(self._pid))


def _resident_mib(pid: int) -> float:
    folder = Path("/proc") / str(pid)
    try:
        own = int((folder / "statm").read_text().split()[1]) * _PAGE_MIB
        children = [child for task in (folder / "task").iterdir() for child in (task / "children").read_text().split()]
    except (OSError, IndexError):
        return 0.0
    return own + sum(_resident_mib(int(child)) for child in children)


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
