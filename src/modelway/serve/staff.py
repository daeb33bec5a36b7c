"""The supervisor's processes: those that run, and those that are started again after a rest."""

from __future__ import annotations

import selectors
import time
from typing import TYPE_CHECKING

from modelway.serve.children import Child, Role, fork_child
from modelway.serve.events import say

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelway.serve.channel import Channel
    from modelway.serve.children import Place

_YOUNG = 10.0
"""A process that ends sooner, in seconds, is started again only after a while."""
_LONGEST_REST = 10.0


class Staff:
    """Forks processes and remembers them.

    Attributes:
        children: those that run, by process number.
        restarts: how many were started again.

    Args:
        selector: their channels are registered with it.
        run: what the process of a place does, given the place and its channel.
    """

    def __init__(self, selector: selectors.BaseSelector, run: Callable[[Place, Channel], int]) -> None:
        self.children: dict[int, Child] = {}
        self.restarts = 0
        self._selector = selector
        self._run = run
        self._due: dict[Place, float] = {}
        self._rests: dict[Place, float] = {}

    def of(self, role: Role) -> list[Child]:
        """Those of one role that run."""
        return [child for child in self.children.values() if child.role is role]

    @property
    def next_start(self) -> float | None:
        """When the next one is to be started again, by `time.monotonic`."""
        return min(self._due.values(), default=None)

    def start(self, role: Role, slot: int) -> None:
        """Fork a process."""
        place = (role, slot)
        closing = [other.channel for other in self.children.values()]
        child = fork_child(place, lambda channel: self._run(place, channel), closing)
        self.children[child.pid] = child
        self._selector.register(child.channel, selectors.EVENT_READ, child)

    def start_due(self) -> None:
        """Start those again whose rest is over."""
        now = time.monotonic()
        for place, moment in list(self._due.items()):
            if moment <= now:
                del self._due[place]
                self.start(*place)

    def start_none(self) -> None:
        """Start nothing again any more."""
        self._due.clear()

    def forget(self, child: Child) -> None:
        """One has ended."""
        del self.children[child.pid]
        self._selector.unregister(child.channel)
        child.channel.close()

    def restart(self, child: Child, code: int) -> None:
        """Start another in the place of one that has ended; where it never got ready, after a rest that grows."""
        young = time.monotonic() - child.started < _YOUNG
        last = self._rests.get(child.place, 0)
        rest = min(max(0.5, last * 2), _LONGEST_REST) if young and not child.ready else 0
        self._rests[child.place] = rest
        self.restarts += 1
        say(f"{child.role}_ended", "error", child=child.pid, slot=child.slot, exit_code=code, restart_in=rest)
        self._due[child.place] = time.monotonic() + rest

    def got_ready(self, child: Child) -> None:
        """One does its work."""
        child.ready = True
