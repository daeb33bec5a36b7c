"""Finds workers that hang: their event loops beat, and one that does not for a while is of no use to anybody."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from modelway.serve.children import Child

_CHECK_SECONDS = 0.5


class Watchdog:
    """Compares beats.

    Checks are counted rather than time: where the whole server was paused (a suspended container, say) all beats are
    old, and no worker is to blame.

    Attributes:
        next_check: when to call `hung` next, by `time.monotonic`.

    Args:
        seconds: how long a worker may not beat.
        beats: gives how often the worker of a slot has beaten.
    """

    def __init__(self, seconds: float, beats: Callable[[int], int]) -> None:
        self.next_check = time.monotonic() + _CHECK_SECONDS
        self._most_missed = max(2, math.ceil(seconds / _CHECK_SECONDS))
        self._beats = beats
        self._seen: dict[int, tuple[int, int]] = {}

    def hung(self, workers: Iterable[Child]) -> list[Child]:
        """Check, if it is time to: the workers that answered once, and have not beaten for too long."""
        if time.monotonic() < self.next_check:
            return []
        self.next_check = time.monotonic() + _CHECK_SECONDS
        seen, self._seen = self._seen, {}
        found = []
        for child in workers:
            beat = self._beats(child.slot)
            last, missed = seen.get(child.pid, (-1, 0))
            missed = missed + 1 if beat == last and child.ready else 0
            if missed >= self._most_missed:
                found.append(child)
            else:
                self._seen[child.pid] = (beat, missed)
        return found
