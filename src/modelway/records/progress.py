"""How long work tells where it is; `cli/` turns it into a bar or plain lines."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Called after each step of long work."""

    def __call__(self, step: str, done: int, total: int, note: str = "") -> None:
        """`done` of `total` parts of `step` are finished; `note` is a short word on the last one."""


def silent(step: str, done: int, total: int, note: str = "") -> None:
    """Show nothing."""
