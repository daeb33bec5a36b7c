"""The process that people start: it holds the port, keeps the workers alive, and answers nothing itself."""

from __future__ import annotations

import gc
import os
import selectors
import signal
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from modelway.serve.admin import administrate
from modelway.serve.children import Child, WorkerError, fork_child
from modelway.serve.events import say
from modelway.serve.release import ReleasePaths
from modelway.serve.reloading import Reload
from modelway.serve.shared import SharedCounts
from modelway.serve.signals import read_signals, readable_signals
from modelway.serve.worker import work

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from modelway.serve.setup import AdminSetup, Setup

_YOUNG = 10.0
"""A worker that ends sooner, in seconds, is started again only after a while."""
_LONGEST_REST = 10.0
_GRACE = 15.0
"""Seconds beyond its own limits that an ending worker gets, to write down what it has."""


class Supervisor:
    """Keeps workers.

    Args:
        setup: what they serve.
        workers: how many.
        listener: the bound socket that they share; connections wait in it while a worker is replaced.
        admin: where the admin routes are, and the socket bound there; None for none.
        on_ready: called with the model's name and version when the first worker answers.
    """

    def __init__(
        self,
        setup: Setup,
        workers: int,
        listener: socket.socket,
        admin: tuple[AdminSetup, socket.socket] | None,
        on_ready: Callable[[str, str], None],
    ) -> None:
        self._setup = setup
        self._workers = workers
        self._listener = listener
        self._admin = admin
        self._on_ready = on_ready
        self._shared = SharedCounts(workers)
        self._children: dict[int, Child] = {}
        self._due: dict[int | None, float] = {}
        self._rests: dict[int | None, float] = {}
        self._told: dict[str, Any] | None = None
        self._was_ready = False
        self._ending: float | None = None
        self._ended_by: int | None = None
        self._reload: Reload | None = None
        self._selector = selectors.DefaultSelector()
        self._restarts = 0

    def run(self) -> int:
        """Serve until SIGTERM or SIGINT; gives the signal's number.

        Raises:
            ModelwayError: no worker can start.
        """
        gc.freeze()  # what is there already is shared with the workers, and no collection copies it
        with readable_signals() as wake:
            self._selector.register(wake, selectors.EVENT_READ)
            try:
                for slot in range(self._workers):
                    self._start(slot)
                if self._admin is not None:
                    self._start(None)
                while self._ending is None or self._children:
                    self._turn(wake)
            finally:
                for child in self._children.values():
                    child.kill()
        if not self._was_ready and self._told is not None:
            raise WorkerError(self._told)
        return self._ended_by or signal.SIGTERM

    def _turn(self, wake: socket.socket) -> None:
        """Wait for something to happen, and do what it asks for."""
        times = [*self._due.values(), *([self._ending] if self._ending is not None else [])]
        timeout = max(0.0, min(times) - time.monotonic()) if times else None
        for key, _ in self._selector.select(timeout):
            if key.fileobj is wake:
                for number in read_signals(wake):
                    self._obey_signal(number)
            else:
                self._listen(key.data)
        self._reap()
        now = time.monotonic()
        for slot, moment in list(self._due.items()):
            if moment <= now and self._ending is None:
                del self._due[slot]
                self._start(slot)
        if self._ending is not None and self._ending <= now:
            for child in self._children.values():
                say("killed", "warning", child=child.pid)
                child.kill()
            self._ending = now + _GRACE

    def _start(self, slot: int | None) -> None:
        setup, shared, admin = self._setup, self._shared, self._admin
        sockets = [self._listener] if slot is None else [admin[1]] if admin else []

        def run(channel: Any) -> int:
            self._selector.close()
            for unused in sockets:
                unused.close()
            if slot is None and admin is not None:
                return administrate(channel, admin[1], admin[0].token)
            return work(setup, slot or 0, shared, channel, self._listener)

        child = fork_child(slot, run, [other.channel for other in self._children.values()])
        self._children[child.pid] = child
        self._selector.register(child.channel, selectors.EVENT_READ, child)

    def _obey_signal(self, number: int) -> None:
        if number in {signal.SIGTERM, signal.SIGINT} and self._ending is None:
            self._ended_by = number
            self._end()
        elif number == signal.SIGHUP:
            self._begin_reload(self._setup.paths, None)

    def _end(self) -> None:
        workers = self._setup.options.workers
        self._ending = time.monotonic() + workers.notice_seconds + workers.drain_seconds + _GRACE
        self._due.clear()
        for child in self._children.values():
            child.end()

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            child = self._children.get(pid)
            if child is not None:
                self._listen(child)
                self._bury(child, os.waitstatus_to_exitcode(status))

    def _bury(self, child: Child, code: int) -> None:
        del self._children[child.pid]
        self._selector.unregister(child.channel)
        child.channel.close()
        if child.slot is not None:
            self._shared.retire(child.slot)
            if self._reload is not None:
                self._settle(self._reload.lost(child.pid))
        if self._ending is not None:
            return
        if not self._was_ready and child.slot is not None:
            self._told = self._told or {"failed": f"a worker ended with {code}", "remedy": "Its log says why."}
            self._end()
            return
        young = time.monotonic() - child.started < _YOUNG
        rest = min(max(0.5, self._rests.get(child.slot, 0) * 2), _LONGEST_REST) if young and not child.ready else 0
        self._rests[child.slot] = rest
        self._restarts += 1
        say("worker_ended", "error", child=child.pid, slot=child.slot, exit_code=code, restart_in=rest)
        self._due[child.slot] = time.monotonic() + rest

    def _listen(self, child: Child) -> None:
        """Read what a child says, if it says something now; its end is seen by `_reap`."""
        child.channel.socket.setblocking(False)
        messages = child.channel.receive()
        child.channel.socket.setblocking(True)
        for message in messages or []:
            if child.slot is None:
                self._administrate(child, message)
            else:
                self._hear(child, message)

    def _hear(self, child: Child, message: dict[str, Any]) -> None:
        if "ready" in message:
            child.ready = True
            self._rests[child.slot] = 0
            if not self._was_ready:
                self._was_ready = True
                self._on_ready(message["name"], message["version"])
        elif "failed" in message:
            self._told = message
        elif "flags" in message:
            self._setup = replace(self._setup, flags=message["flags"].encode())
        elif self._reload is not None:
            self._settle(self._reload.hear(child.pid, message))

    def _administrate(self, child: Child, message: dict[str, Any]) -> None:
        def answer(status: int, body: dict[str, Any]) -> None:
            child.channel.send({"id": message["id"], "status": status, "answer": body})

        if message["do"] == "status":
            answer(200, self._status())
        elif message["do"] == "end":
            answer(202, {"message": "the server ends"})
            os.kill(os.getpid(), signal.SIGTERM)
        elif self._reload is not None:
            answer(409, {"message": "another reload is under way"})
        else:
            given = message["champion"]
            wanted = ReleasePaths(given, tuple(message["challengers"])) if given else self._setup.paths
            self._begin_reload(wanted, answer)

    def _begin_reload(self, paths: ReleasePaths, answer: Callable[[int, dict[str, Any]], None] | None) -> None:
        if self._reload is None and self._ending is None:
            workers = [child for child in self._children.values() if child.slot is not None]
            self._reload = Reload(paths, workers, answer)
            self._settle(self._reload.begin())

    def _settle(self, done: bool) -> None:
        """After each step of a reload: workers that start from now on serve what was agreed on."""
        if self._reload is not None:
            if self._reload.agreed:
                self._setup = replace(self._setup, paths=self._reload.paths)
            if done:
                self._reload = None

    def _status(self) -> dict[str, Any]:
        paths = self._setup.paths
        return {
            "champion": paths.champion,
            "challengers": list(paths.challengers),
            "workers": [
                {"pid": child.pid, "slot": child.slot, "ready": child.ready}
                for child in self._children.values()
                if child.slot is not None
            ],
            "restarts": self._restarts,
            "flags": self._setup.options.routing.flags,
        }
