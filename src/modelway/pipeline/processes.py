"""Commands side by side, each in a process group of its own that does not outlive the run."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from modelway.records.progress import Progress, silent

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

_POLL_SECONDS = 0.05
_TELL_SECONDS = 1.0
GRACE_SECONDS = 10.0
"""How long commands have to end by themselves, and to clean up, once they are told to."""


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes:
        code: its exit code; -N where signal N ended it.
        seconds: wall time.
    """

    code: int
    seconds: float


@dataclass
class _Running:
    process: subprocess.Popen[bytes]
    log: BinaryIO
    began: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began

    def tell(self, number: signal.Signals) -> None:
        """Send a signal to the command and all that it started and that stayed in its group."""
        with suppress(ProcessLookupError, PermissionError):  # macOS refuses where only zombies are left
            os.killpg(self.process.pid, number)

    def finish(self) -> Ended:
        """End whatever is left of it."""
        self.tell(signal.SIGKILL)
        code = self.process.wait()
        self.log.close()
        return Ended(code, round(self.seconds, 3))


def run_side_by_side(
    commands: Mapping[str, Sequence[str]], logs: Path, jobs: int, progress: Progress = silent
) -> dict[str, Ended]:
    """Run commands, a few at a time; one that fails stops no other.

    Whatever ends this function, an interruption too, also ends all that it started.

    Args:
        commands: by name, in the order in which they begin.
        logs: where `NAME.log` goes, with all that a command prints.
        jobs: how many run at a time.
        progress: told when one begins, now and then, and when it ends.
    """
    waiting, ended = list(commands), {}
    running: dict[str, _Running] = {}
    told = 0.0
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                name = waiting.pop(0)
                with _signals_wait():
                    running[name] = _start(commands[name], logs / f"{name}.log")
                progress(name, 0, 1, "running")
            for name in [name for name, one in running.items() if one.process.poll() is not None]:
                ended[name] = running.pop(name).finish()
                progress(name, 1, 1, f"exit code {ended[name].code}, {ended[name].seconds:.1f} s")
            if running and time.monotonic() - told > _TELL_SECONDS:
                told = time.monotonic()
                name, longest = next(iter(running.items()))
                progress(name, 0, 1, f"running for {longest.seconds:.0f} s")
            time.sleep(_POLL_SECONDS)
    finally:
        _stop(running.values())
    return ended


def _start(command: Sequence[str], log: Path) -> _Running:
    file = log.open("wb")
    process = subprocess.Popen(  # noqa: S603 - a list of words, no shell
        command, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
    )
    return _Running(process, file)


def _stop(running: Collection[_Running]) -> None:
    """Ask politely, wait, then insist; a second interruption insists at once."""
    for one in running:
        one.tell(signal.SIGTERM)
    deadline = time.monotonic() + GRACE_SECONDS
    try:
        while any(one.process.poll() is None for one in running) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
    finally:
        for one in running:
            one.finish()


@contextmanager
def _signals_wait() -> Iterator[None]:
    """Let interruptions come only after a process that was started is in the books."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    caught: list[int] = []
    before = {
        number: signal.signal(number, lambda number, _frame: caught.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for caught_one in caught[:1]:
            signal.raise_signal(caught_one)
