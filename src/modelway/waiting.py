"""Bounded waits for something outside: each has a total deadline, and is shown while it lasts."""

from __future__ import annotations

import contextvars
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_T = TypeVar("_T")

SHOWN_AFTER, SHOWN_EVERY = 3.0, 5.0
"""Seconds until a wait is first shown, and between two lines of it."""


class OverdueError(Exception):
    """The deadline of a wait has passed."""


class Wait:
    """A wait for something outside; its clock starts when it is made.

    Args:
        what: what is waited for, as people see it: a host without credentials.
        seconds: how long at most, from now on.
    """

    def __init__(self, what: str, seconds: float) -> None:
        self.what = what
        self.seconds = seconds
        self._started = time.monotonic()
        self._shown = self._started + SHOWN_AFTER

    @property
    def left(self) -> float:
        """Seconds until the deadline; not above 0 once it has passed."""
        return self._started + self.seconds - time.monotonic()

    def run(self, work: Callable[[], _T], cancel: Callable[[], None], seconds: float | None = None) -> _T:
        """Return what the work returns, or raise what it raises.

        The work runs in a thread, so that nothing in it, such as a name resolution or a server that sends one byte
        per second, can outlast the deadline. A thread that is overdue is abandoned.

        Args:
            work: what is waited for.
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

        limit = self.left if seconds is None else min(self.left, seconds)
        context = contextvars.copy_context()
        threading.Thread(target=context.run, args=(perform,), name=f"wait for {self.what}", daemon=True).start()
        try:
            self._until(limit, done)
        except BaseException:
            cancel()
            raise
        if not done.is_set():
            cancel()
            raise OverdueError
        result, error = outcome[0]
        if error is not None:
            raise error
        return result  # type: ignore[return-value]

    def sleep(self, seconds: float) -> None:
        """Wait before the next attempt, no longer than until the deadline."""
        self._until(min(seconds, self.left), threading.Event())

    def _until(self, seconds: float, done: threading.Event) -> None:
        until = time.monotonic() + seconds
        while not done.wait(max(min(until, self._shown) - time.monotonic(), 0)):
            now = time.monotonic()
            if now >= self._shown:
                self._shown = now + SHOWN_EVERY
                _show(f"waiting for {self.what} ({now - self._started:.0f} s of {self.seconds:g} s)")
            if now >= until:
                return


def _silent(text: str) -> None:
    """Show nothing."""


_show: Callable[[str], None] = _silent


@contextmanager
def shown(show: Callable[[str], None]) -> Iterator[None]:
    """Let waits be shown, whichever thread they are in, until the block ends."""
    global _show  # noqa: PLW0603 - one terminal per process
    before, _show = _show, show
    try:
        yield
    finally:
        _show = before
