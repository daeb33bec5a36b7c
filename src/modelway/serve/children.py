"""Processes that the supervisor forks: it has no threads and no event loop, so a fork is safe at any time."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from modelway.errors import ModelwayError
from modelway.serve.channel import Channel
from modelway.serve.events import describe_error, say
from modelway.serve.signals import default_signals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Place = tuple["Role", int]

_BUG = 1


class Role(StrEnum):
    """What a process is for."""

    WORKER = "worker"
    SHADOW = "shadow"
    ADMIN = "admin"


class WorkerError(ModelwayError):
    """A worker can't start; has the exit code that the worker's own error has.

    Args:
        told: the worker's last words.
    """

    def __init__(self, told: dict[str, Any]) -> None:
        super().__init__(told["failed"], where=told.get("where"), remedy=told.get("remedy"))
        self.exit_code = told.get("exit_code", _BUG)  # type: ignore[misc]


@dataclass
class Child:
    """A process that runs.

    Attributes:
        pid: its number.
        place: what it is for, and its number among those.
        channel: to it.
        ready: whether it answers requests.
        started: when, by `time.monotonic`.
    """

    pid: int
    place: Place
    channel: Channel
    ready: bool = False
    started: float = field(default_factory=time.monotonic)

    @property
    def role(self) -> Role:
        """What it is for."""
        return self.place[0]

    @property
    def slot(self) -> int:
        """Its number among those of its role."""
        return self.place[1]

    def end(self) -> None:
        """Tell it to end."""
        self._signal(signal.SIGTERM)

    def dismiss(self) -> None:
        """Let it see that nobody has orders for it any more."""
        with suppress(OSError):
            self.channel.socket.shutdown(socket.SHUT_WR)

    def kill(self) -> None:
        """End it at once."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)


def fork_child(place: Place, run: Callable[[Channel], int], closing: Iterable[Channel]) -> Child:
    """Fork a process that runs a function and ends with its exit code.

    Args:
        place: what it is for, and its number among those.
        run: gets the channel to the supervisor.
        closing: channels of others, that the process must not keep open.
    """
    ours, theirs = Channel.pair()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        theirs.close()
        return Child(pid, place, ours)
    code = _BUG
    try:
        default_signals()
        ours.close()
        for channel in closing:
            channel.close()
        code = run(theirs)
    except BaseException as error:  # noqa: BLE001 - whatever it is, this process must not become a second supervisor
        say("process_failed", "error", role=place[0], slot=place[1], **describe_error(error))
    finally:
        sys.stderr.flush()
        os._exit(code)
