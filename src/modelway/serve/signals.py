"""Signals as something to read: a process that waits for several things at once needs no handlers."""

from __future__ import annotations

import signal
import socket
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)


@contextmanager
def readable_signals() -> Iterator[socket.socket]:
    """A socket that becomes readable when SIGTERM, SIGINT, SIGHUP or SIGCHLD comes; handlers come back on leaving."""
    read, write = socket.socketpair()
    for end in (read, write):
        end.setblocking(False)
    before = {number: signal.signal(number, lambda *_: None) for number in _SIGNALS}
    signal.set_wakeup_fd(write.fileno())
    try:
        yield read
    finally:
        signal.set_wakeup_fd(-1)
        for number, handler in before.items():
            signal.signal(number, handler)
        read.close()
        write.close()


def default_signals() -> None:
    """In a process that was forked meanwhile: the system's own handling again."""
    signal.set_wakeup_fd(-1)
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_DFL)


def read_signals(source: socket.socket) -> bytes:
    """The numbers of the signals that came, if any, each a byte."""
    with suppress(BlockingIOError):
        return source.recv(4096)
    return b""
