"""A new release in all workers or in none: each loads it beside the old one, and only then do all take it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelway.serve.events import say

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelway.serve.children import Child
    from modelway.serve.release import ReleasePaths


class Reload:
    """One reload; each step tells whether it is over.

    Attributes:
        paths: the release.
        agreed: whether all workers have loaded it, so that it is served from now on.

    Args:
        number: tells this reload from others: workers may still answer to one that was refused before.
        paths: the release.
        workers: the workers of the moment.
        answer: takes an HTTP status and body at the end; None where nobody waits for it.
    """

    def __init__(
        self,
        number: int,
        paths: ReleasePaths,
        workers: list[Child],
        answer: Callable[[int, dict[str, Any]], None] | None,
    ) -> None:
        self.paths = paths
        self.agreed = False
        self._number = number
        self._workers = {child.pid: child for child in workers}
        self._answer = answer
        self._waiting = set(self._workers)
        self._found: dict[str, Any] = {}

    def begin(self) -> bool:
        """Ask all workers to load it."""
        if not self._workers:
            return self._fail({"error": "no worker runs at the moment"})
        self._tell({"do": "load", "champion": self.paths.champion, "challengers": list(self.paths.challengers)})
        return False

    def hear(self, pid: int, message: dict[str, Any]) -> bool:
        """A worker has loaded it, or can't, or has taken it."""
        if pid not in self._waiting or message.get("reload") != self._number:
            return False
        if "error" in message:
            return self._fail(message)
        self._waiting.discard(pid)
        if "loaded" in message:
            self._found = message
        return self._go_on()

    def lost(self, pid: int) -> bool:
        """A worker has ended. Once agreed, the one that takes its place has the new release anyway."""
        known = self._workers.pop(pid, None) is not None
        self._waiting.discard(pid)
        if known and not self.agreed:
            return self._fail({"error": "a worker ended while it loaded the release"})
        return self._go_on() if known else False

    def _go_on(self) -> bool:
        if self._waiting:
            return False
        if not self.agreed:
            self.agreed = True
            self._waiting = set(self._workers)
            self._tell({"do": "commit"})
            return not self._waiting
        fields: dict[str, Any] = {
            key: self._found[key] for key in ("name", "version", "challengers") if key in self._found
        }
        say("reloaded", champion=self.paths.champion, **fields)
        if self._answer:
            self._answer(200, {"message": "reloaded", **fields})
        return True

    def _fail(self, message: dict[str, Any]) -> bool:
        self._tell({"do": "discard"})
        fields = {key: message[key] for key in ("error", "where", "remedy") if message.get(key)}
        say("reload_refused", "error", champion=self.paths.champion, **fields)
        if self._answer:
            self._answer(422, {"message": "the release was refused; the old one goes on", **fields})
        return True

    def _tell(self, message: dict[str, Any]) -> None:
        for child in self._workers.values():
            child.channel.send({"reload": self._number, **message})
