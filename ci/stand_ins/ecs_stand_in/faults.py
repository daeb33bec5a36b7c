"""Faults that are put into the way of requests."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Literal


@dataclass
class Fault:
    """What goes wrong with some requests.

    Attributes:
        kind: throttled; a 500 before anything is done, or after it (an answer that is lost); expired credentials.
        operation: of which operation; None for any.
        after: how many such requests pass before.
        times: how many then fail; None for all.
    """

    kind: Literal["throttled", "failed", "lost", "expired"]
    operation: str | None = None
    after: int = 0
    times: int | None = 1
    _seen: itertools.count[int] = field(default_factory=itertools.count)

    def strikes(self, operation: str) -> bool:
        """Whether this request is one of them."""
        if self.operation not in {None, operation}:
            return False
        number = next(self._seen) - self.after
        return number >= 0 and (self.times is None or number < self.times)


@dataclass
class Faults:
    """All that is to go wrong, and what was asked."""

    planned: list[Fault] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)

    def next(self, operation: str) -> Fault | None:
        """The fault of this request, if it has one."""
        self.calls.append(operation)
        return next((fault for fault in self.planned if fault.strikes(operation)), None)
