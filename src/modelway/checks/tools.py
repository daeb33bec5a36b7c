"""Tools as processes: found, bounded in time and output, and never left behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Self

from modelway.checks.streams import Stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from types import TracebackType

GRACE = 10.0
"""Seconds that a tool has to end by itself after it was asked to."""
_LINGER = 2.0
"""Seconds to wait for the output of what a tool that ended left running."""


@dataclass(frozen=True)
class ToolRun:
    """What running a tool came to.

    Attributes:
        command: as it was run.
        exit_code: the tool's own; None where it has none.
        stdout: what it printed, as text; bytes that are no UTF-8 are replaced.
        stderr: the same of its other stream; empty where the streams were merged.
        problem: why it has no exit code of its own, in a few words.
        missing: whether that is because it is not installed.
    """

    command: tuple[str, ...]
    exit_code: int | None = None
    stdout: str = ""
    stderr: str = ""
    problem: str | None = None
    missing: bool = False


class Interrupted(KeyboardInterrupt):
    """Somebody interrupted us while a tool ran; it was stopped, and this is what it had come to."""

    def __init__(self, run: ToolRun) -> None:
        self.run = run
        super().__init__()


class Tools:
    """Runs tools, from any thread, as long as the block lasts; none of them outlives it.

    An interrupt reaches the main thread alone: leaving the block stops what the other threads have started.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[subprocess.Popen[bytes], signal.Signals] = {}
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._closed = True
            running = dict(self._running)
        for process, politely in running.items():
            _stop(process, politely)

    def run(
        self,
        command: Sequence[str],
        root: Path,
        *,
        timeout: float,
        environment: Mapping[str, str] | None = None,
        merge: bool = False,
        politely: signal.Signals = signal.SIGTERM,
        watch: Callable[[bytes], None] | None = None,
    ) -> ToolRun:
        """Run a tool to its end.

        Args:
            command: the tool and its arguments; no shell sees them.
            root: the directory that it runs in.
            timeout: seconds after which it is stopped.
            environment: its environment; default: ours.
            merge: whether its stderr goes into its stdout, in the order of printing.
            politely: the signal that asks it to end.
            watch: sees its stdout as it comes.

        Raises:
            Interrupted: a person interrupted us; only in the main thread.
        """
        words = tuple(command)
        found = find_tool(words[0], root)
        if found is None:
            return ToolRun(words, problem=f"{words[0]} is not installed", missing=True)
        try:
            process = self._start((found, *words[1:]), root, environment, politely, merge=merge)
        except OSError as error:
            return ToolRun(words, problem=f"{words[0]} can't be started: {error.strerror or error}")
        name = PurePath(words[0]).name
        streams = [Stream(process.stdout, watch), Stream(process.stderr, None)]
        problem = None
        try:
            for stream in streams:
                stream.thread.start()
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            problem = f"{name} did not end within {timeout:g} s and was stopped"
            _stop(process, politely)
        except KeyboardInterrupt:
            _stop(process, politely)
            _end(streams, process)
            raise Interrupted(_outcome(words, process, streams, f"{name} was interrupted")) from None
        finally:
            with self._lock:
                del self._running[process]
        _end(streams, process)
        return _outcome(words, process, streams, problem)

    def _start(
        self,
        command: Sequence[str],
        root: Path,
        environment: Mapping[str, str] | None,
        politely: signal.Signals,
        *,
        merge: bool,
    ) -> subprocess.Popen[bytes]:
        """Start a process at the head of a group of its own, so that its children can be stopped with it."""
        with self._lock:
            if self._closed:
                raise OSError("interrupted")
            process = subprocess.Popen(  # noqa: S603 - what runs is what the user's own settings name
                command,
                cwd=root,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT if merge else subprocess.PIPE,
                start_new_session=True,
            )
            self._running[process] = politely
        return process


def find_tool(name: str, root: Path) -> str | None:
    """Where a tool is: beside the Python that runs us, else on PATH; a name with a slash is a path from `root`."""
    if "/" in name:
        path = root / name
        return str(path) if os.access(path, os.X_OK) and path.is_file() else None
    return shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)


def tools_path() -> str:
    """PATH with the Python that runs us in front, for tools that call others."""
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])


def environment(without: Iterable[str] = (), **more: str) -> dict[str, str]:
    """Our environment for a tool: less the variables that begin with one of `without`, and with `more`."""
    dropped = tuple(without)
    return {name: value for name, value in os.environ.items() if not name.startswith(dropped)} | more


def _outcome(
    command: tuple[str, ...], process: subprocess.Popen[bytes], streams: list[Stream], problem: str | None
) -> ToolRun:
    code: int | None = process.returncode
    if problem is None and code is not None and code < 0:
        problem = f"{PurePath(command[0]).name} was ended by {_signal_name(-code)}"
    stdout, stderr = (stream.text() for stream in streams)
    return ToolRun(command, None if problem else code, stdout, stderr, problem)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _stop(process: subprocess.Popen[bytes], politely: signal.Signals) -> None:
    """Ask a process and its children to end, and end whatever is left after the grace, or at a second interrupt."""
    try:
        _signal_group(process, politely)
        with suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
            process.wait(GRACE)
    finally:
        _signal_group(process, signal.SIGKILL)
        process.wait()


def _end(streams: list[Stream], process: subprocess.Popen[bytes]) -> None:
    """Wait for the last of the output; who holds a stream open after the tool's end is a child that it left behind."""
    for _ in range(2):
        for stream in streams:
            if stream.thread.ident is not None:
                stream.thread.join(_LINGER)
        if not any(stream.thread.is_alive() for stream in streams):
            return
        _signal_group(process, signal.SIGKILL)


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
