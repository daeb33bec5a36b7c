"""How long a call to something outside may take: a minute for a short one, a lowest rate for a long one.

A call has to move `LEAST` bytes in each `SECONDS`, or be over by then: a server that is silent or sends a byte a second
ends after that time, however often a client tries again, and an honest download of any size goes on.
"""

from __future__ import annotations

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
_SHOWN_AFTER = 5.0
_SHOWN_EVERY = 10.0
_TICK = 0.5


class TimeUpError(OutsideError):
    """An outside call took too long."""


class Deadline:
    """The time that one call has, and what it has moved; shared by the threads that work for the call.

    Args:
        where: what is asked for, as an error names it.
        seconds: how long it may move less than `LEAST` bytes.
        peer: whom it waits for, such as `host:port`, as far as that is known yet.

    Attributes:
        peer: the same; a connection sets it.
    """

    def __init__(self, where: str, seconds: float, peer: str = "") -> None:
        self.where = where
        self.seconds = seconds
        self.peer = peer
        self.shown = 0.0
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self._since = 0

    def left(self) -> float:
        """Seconds that are left; 0 where the time is up."""
        return max(0.0, self._began + self.seconds - time.monotonic())

    def waited(self) -> float:
        """Seconds since the call began, or last had moved enough."""
        return time.monotonic() - self._began

    def moved(self, count: int) -> None:
        """Count bytes that were sent or received; `LEAST` of them begin the time again."""
        with self._lock:
            self._since += count
            if self._since >= LEAST and self.left():
                self._began, self._since = time.monotonic(), 0

    def check(self) -> None:
        """Raise `TimeUpError` where the time is up."""
        if not self.left():
            raise self.error()

    def error(self) -> TimeUpError:
        """The error that says so."""
        came = f"; {self._since:,} bytes were exchanged" if self._since else ""
        return TimeUpError(
            f"{self.peer or 'the other side'} did not finish its answer within {self.seconds:g} s{came}",
            where=self.where,
            remedy=f"Check the network, the address and the server. {VARIABLE} allows more time.",
        )

    def run(self, call: Callable[[], _T], discard: Callable[[_T], object] | None = None) -> _T:
        """Call what can't be bounded from inside, such as a database's driver, in a thread that may be left behind.

        Args:
            call: what to call; this deadline is `current` in it.
            discard: takes the result that comes after the time was up.

        Raises:
            TimeUpError: the time is up.
        """
        results: list[_T] = []
        errors: list[BaseException] = []
        done, lock, late = threading.Event(), threading.Lock(), False

        def work() -> None:
            try:
                result = call()
            except BaseException as error:  # noqa: BLE001 - it is raised again by the caller
                errors.append(error)
            else:
                with lock:
                    if late and discard is not None:
                        discard(result)
                    results.append(result)
            done.set()

        thread = threading.Thread(target=copy_context().run, args=(work,), name="modelway-call", daemon=True)
        thread.start()
        while not done.wait(min(self.left(), _TICK)):
            with lock:
                late = not self.left() and not results
            if late:
                raise self.error()
        if errors:
            raise errors[0]
        return results[0]


_current: ContextVar[Deadline | None] = ContextVar("modelway-deadline", default=None)
_active: list[Deadline] = []
_lock = threading.Lock()
_report: Callable[[str], None] | None = None
_ticker: threading.Thread | None = None


def default_seconds() -> float:
    """The seconds that a call has: those of the environment, else `SECONDS`."""
    try:
        seconds = float(os.environ.get(VARIABLE, ""))
    except ValueError:
        return SECONDS
    return seconds if 0 < seconds < float("inf") else SECONDS


def current() -> Deadline | None:
    """The deadline of the call that this thread works for."""
    return _current.get()


@contextmanager
def deadline(where: str, *, peer: str = "", part: float | None = None) -> Iterator[Deadline]:
    """Bound what happens within, unless a deadline is current already: that one goes on, and bounds it.

    Args:
        where: what is asked for, as an error names it.
        peer: whom it waits for, as far as that is known yet.
        part: begin a deadline of its own that has this part of what is left of the current one.
    """
    outer = _current.get()
    if outer is not None and part is None:
        yield outer
        return
    seconds = default_seconds() if outer is None else outer.left() * (part or 1)
    made = Deadline(where, seconds, peer or (outer.peer if outer else ""))
    token = _current.set(made)
    with _lock:
        _active.append(made)
    _start_ticker()
    try:
        yield made
    finally:
        with _lock:
            _active.remove(made)
        _current.reset(token)


def moved_elsewhere(count: int) -> None:
    """Count bytes of a connection that works for no known call: a library's own threads may work for any."""
    with _lock:
        for one in _active:
            one.moved(count)


@contextmanager
def shown(report: Callable[[str], None]) -> Iterator[None]:
    """Report calls that take long while they wait: whom for, since when, for how long at most."""
    global _report  # noqa: PLW0603 - one process has one terminal
    before, _report = _report, report
    try:
        yield
    finally:
        _report = before


def _start_ticker() -> None:
    global _ticker  # noqa: PLW0603 - the same
    if _report is not None and (_ticker is None or not _ticker.is_alive()):
        _ticker = threading.Thread(target=_tick, name="modelway-waiting", daemon=True)
        _ticker.start()


def _tick() -> None:
    """Look at what waits; the thread ends with the last call, so that nothing forks beside it."""
    while True:
        time.sleep(_TICK)
        with _lock:
            if not _active:
                return
            oldest = max(_active, key=Deadline.waited)
        waited, report = oldest.waited(), _report
        if waited < oldest.shown:
            oldest.shown = 0.0
        if report is not None and waited >= (oldest.shown + _SHOWN_EVERY if oldest.shown else _SHOWN_AFTER):
            oldest.shown = waited
            report(f"waiting for {oldest.peer or oldest.where} ({waited:.0f} s of {oldest.seconds:g} s)")
