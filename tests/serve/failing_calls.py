"""Lets one system call of the process fail: the n-th that touches a directory, or kills the process there."""

from __future__ import annotations

import errno
import io
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

_CALLS = (
    *((os, name) for name in ("open", "pwrite", "write", "ftruncate", "truncate", "fsync", "close", "fstat", "stat")),
    *((os, name) for name in ("rename", "replace", "unlink", "mkdir", "rmdir", "listdir", "scandir", "chmod")),
    (io, "open"),
)


@dataclass
class Failing:
    """What is to happen.

    Attributes:
        below: calls that touch something below this directory count.
        at: which of them fails, from 0.
        error: the number of its error; None kills the process at the call.
        after: whether the call is made before it fails, as a write is that a network file system loses later.
        seen: the names of the calls that counted.
        short: whether a write has just written a half.
        begins: where each open file was first written to.
    """

    below: str
    at: int
    error: int | None
    after: bool = False
    seen: list[str] = field(default_factory=list)
    short: bool = False
    begins: dict[int, int] = field(default_factory=dict)

    @property
    def hit(self) -> bool:
        """Whether the call came."""
        return len(self.seen) > self.at

    def touches(self, arguments: tuple[Any, ...]) -> bool:
        """Whether a call is about the directory."""
        for one in arguments[:2]:
            if isinstance(one, bool) or not isinstance(one, int | str | os.PathLike):
                continue
            try:
                place = _readlink(f"/proc/self/fd/{one}") if isinstance(one, int) else os.fspath(one)
            except OSError:
                continue
            if place.startswith(self.below):
                return True
        return False


_readlink, _ftruncate = os.readlink, os.ftruncate


@contextmanager
def failing(what: Failing) -> Iterator[Failing]:
    """Let it happen."""
    before = [(module, name, getattr(module, name)) for module, name in _CALLS]

    def wrapped(name: str, real: Any) -> Any:
        def call(*arguments: Any, **more: Any) -> Any:
            if not what.touches(arguments):
                return real(*arguments, **more)
            what.seen.append(name)
            if name == "pwrite":
                what.begins[arguments[0]] = min(arguments[2], what.begins.get(arguments[0], arguments[2]))
            if name == "pwrite" and what.short:
                what.short = False
                raise OSError(what.error, os.strerror(what.error or 0))
            begins = what.begins.pop(arguments[0], None) if name == "close" else None
            if len(what.seen) - 1 != what.at:
                return real(*arguments, **more)
            if name == "pwrite" and not what.after:  # half of it is there, and the next call says why
                half = real(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2], arguments[2])
                if what.error is None:
                    os.kill(os.getpid(), signal.SIGKILL)
                what.short = True
                return half
            if what.error is None:
                os.kill(os.getpid(), signal.SIGKILL)
            if begins is not None and not what.after:  # what a network file system had not sent is lost
                _ftruncate(arguments[0], begins)
            if what.after or name == "close":  # Linux closes the file whatever it reports
                real(*arguments, **more)
            raise OSError(what.error, os.strerror(what.error or 0))

        return call

    for module, name, real in before:
        # To wait for a disk would only take time.
        setattr(module, name, wrapped(name, (lambda _: None) if name == "fsync" else real))
    try:
        yield what
    finally:
        for module, name, real in before:
            setattr(module, name, real)


FULL, BROKEN = errno.ENOSPC, errno.EIO
