"""Bounded waits for something outside: each has a deadline, and is shown while it lasts.

A wait for one answer has a total deadline. A wait for a transfer is renewed by each `LEAST` bytes that move: a server
that is silent or sends a byte a second ends after `SECONDS`, however often a client tries again, and an honest download
of any size continues.
"""

from __future__ import annotations

import math
import os
import threading
import time
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from typing import TYPE_CHECKING, TypeVar

from modelway.errors import OutsideError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_T = TypeVar("_T")

VARIABLE = "MODELWAY_OUTSIDE_SECONDS"
"""The environment variable with another number of seconds; processes that a command starts inherit it."""
SECONDS = 60.0
LEAST = 64 << 10
SHOWN_AFTER, SHOWN_EVERY = 3.0, 5.0
"""Seconds until a wait is first shown, and between two lines of it."""
_TICK = 0.2


class OverdueError(OutsideError):
    """The deadline of a wait has passed."""


class Wait:
    """A wait for something outside; its clock starts when it is made. Threads that work for it share it.

    Args:
        peer: what is waited for, as people see it: a host without credentials; empty while it is not known.
        seconds: how long at most, from now on.
        where: what is asked for, as an error names it.
        renewed: whether each `LEAST` bytes that move start the clock again, and connections set the peer.
    """

    def __init__(self, peer: str, seconds: float, where: str | None = None, *, renewed: bool = False) -> None:
        self.peer = peer
        self.seconds = seconds
        self.where = where
        self.renewed = renewed
        self._lock = threading.Lock()
        self._started = time.monotonic()
        self._moved = 0
        self._shown = 0.0

    @property
    def waited(self) -> float:
        """Seconds since the clock started."""
        return time.monotonic() - self._started

    @property
    def left(self) -> float:
        """Seconds until the deadline; 0 once it has passed."""
        return max(0.0, self.seconds - self.waited)

    def moved(self, count: int) -> None:
        """Count bytes that were sent or received."""
        with self._lock:
            self._moved += count
            if self.renewed and self._moved >= LEAST and self.left:
                self._started, self._moved = time.monotonic(), 0

    def check(self) -> None:
        """Raise `OverdueError` if the deadline has passed."""
        if not self.left:
            raise self.error()

    def error(self) -> OverdueError:
        """Return the error for a deadline that has passed."""
        came = f"; {self._moved:,} bytes were exchanged" if self._moved else ""
        return OverdueError(
            f"{self.peer or 'the other side'} did not finish its answer within {self.seconds:g} s{came}",
            where=self.where,
            remedy=f"Check the network, the address and the server. {VARIABLE} allows more time.",
        )

    def run(
        self, work: Callable[[], _T], cancel: Callable[[], object] | None = None, seconds: float | None = None
    ) -> _T:
        """Return what the work returns, or raise what it raises.

        The work runs in a thread, so that nothing in it, such as a name resolution, a database's driver or a server
        that sends one byte per second, can outlast the deadline. A thread that is overdue is abandoned.

        Args:
            work: what is waited for; this wait is `current` in it.
            cancel: makes abandoned work end, as far as it can be ended; called from the waiting thread.
            seconds: how long at most, where that is less than what is left.

        Raises:
            OverdueError: the work was not done in time.
        """
        outcome: list[tuple[_T | None, BaseException | None]] = []
        done = threading.Event()

        def perform() -> None:
            try:
                outcome.append((work(), None))
            except BaseException as error:  # noqa: BLE001 - raised again by who waits
                outcome.append((None, error))
            finally:
                done.set()

        context = copy_context()
        context.run(_current.set, self)
        until = time.monotonic() + (math.inf if seconds is None else seconds)
        with self._active():
            threading.Thread(target=context.run, args=(perform,), name=f"wait for {self.peer}", daemon=True).start()
            try:
                self._until(until, done)
            except BaseException:
                if cancel is not None:
                    cancel()
                raise
        result, error = outcome[0]
        if error is not None:
            raise error
        return result  # type: ignore[return-value]

    def _until(self, until: float, done: threading.Event) -> None:
        """Wait for an event; raise `OverdueError` if the deadline, which may be renewed, or `until` comes first."""
        while not done.wait(max(0.0, min(self.left, until - time.monotonic()))):
            if not self.left or time.monotonic() >= until:
                raise self.error()

    def sleep(self, seconds: float) -> None:
        """Wait before the next attempt, no longer than until the deadline."""
        with self._active():
            time.sleep(min(seconds, self.left))

    @contextmanager
    def _active(self) -> Iterator[None]:
        """Show it while the block lasts."""
        with _lock:
            _waits.append(self)
            _start_ticker()
        try:
            yield
        finally:
            with _lock:
                _waits.remove(self)

    def _line(self) -> str | None:
        """Return the line to show now, if one is due."""
        waited = self.waited
        if waited < self._shown:
            self._shown = 0.0
        if waited < (self._shown + SHOWN_EVERY if self._shown else SHOWN_AFTER):
            return None
        self._shown = waited
        return f"waiting for {self.peer or self.where} ({waited:.0f} s of {self.seconds:g} s)"


_current: ContextVar[Wait | None] = ContextVar("modelway-wait", default=None)
_waits: list[Wait] = []
_lock = threading.Lock()
_show: Callable[[str], None] | None = None
_ticker: threading.Thread | None = None


def default_seconds() -> float:
    """Return the seconds that a wait has: those of the environment, else `SECONDS`."""
    try:
        seconds = float(os.environ.get(VARIABLE, ""))
    except ValueError:
        return SECONDS
    return seconds if 0 < seconds < float("inf") else SECONDS


def current() -> Wait | None:
    """Return the wait that this thread works for."""
    return _current.get()


@contextmanager
def deadline(where: str, *, peer: str = "", part: float | None = None) -> Iterator[Wait]:
    """Bound what happens within by a renewed wait, unless one is current already: that one continues, and bounds it.

    Args:
        where: what is asked for, as an error names it.
        peer: whom it waits for, as far as that is known yet.
        part: begin a wait of its own that has this part of what is left of the current one.
    """
    outer = _current.get()
    if outer is not None and part is None:
        yield outer
        return
    seconds = default_seconds() if outer is None else outer.left * (part or 1)
    made = Wait(peer or (outer.peer if outer else ""), seconds, where, renewed=True)
    token = _current.set(made)
    try:
        with made._active():  # noqa: SLF001 - of this module
            yield made
    finally:
        _current.reset(token)


def moved_elsewhere(count: int) -> None:
    """Count bytes of a connection that works for no known wait: a library's own threads may work for any."""
    with _lock:
        for one in _waits:
            one.moved(count)


@contextmanager
def shown(show: Callable[[str], None]) -> Iterator[None]:
    """Show waits, whichever thread they are in, until the block ends: whom for, since when, for how long at most."""
    global _show  # noqa: PLW0603 - one terminal per process
    before, _show = _show, show
    try:
        yield
    finally:
        _show = before


def _start_ticker() -> None:
    global _ticker  # noqa: PLW0603 - the same
    if _show is not None and (_ticker is None or not _ticker.is_alive()):  # a fork has no thread
        _ticker = threading.Thread(target=_tick, name="modelway-waiting", daemon=True)
        _ticker.start()


def _tick() -> None:
    """Show what waits longest; the thread ends after the last wait, so that nothing forks next to it."""
    global _ticker  # noqa: PLW0603 - the same
    while True:
        time.sleep(_TICK)
        with _lock:
            if not _waits:
                _ticker = None
                return
            oldest = max(_waits, key=lambda one: one.waited)
        if (show := _show) is not None and (line := oldest._line()) is not None:  # noqa: SLF001 - of this module
            show(line)
