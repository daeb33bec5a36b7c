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
from modelway.serve.children import Child, Role, WorkerError
from modelway.serve.events import say
from modelway.serve.line import listen
from modelway.serve.memory import fix_limits
from modelway.serve.release import ReleasePaths
from modelway.serve.reloading import Reload
from modelway.serve.shadowing import shadow
from modelway.serve.shared import SharedCounts
from modelway.serve.signals import read_signals, readable_signals
from modelway.serve.staff import Staff
from modelway.serve.watchdog import Watchdog
from modelway.serve.worker import work

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from modelway.serve.channel import Channel
    from modelway.serve.children import Place
    from modelway.serve.setup import AdminSetup, Setup

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
        self._watchdog = Watchdog(setup.options.workers.hang_seconds, self._shared.beats)
        self._shadow_doors = [listen() for _ in range(workers)]
        self._told: dict[str, Any] | None = None
        self._was_ready = False
        self._ending: float | None = None
        self._ended_by: int | None = None
        self._reload: Reload | None = None
        self._reloads = 0
        self._selector = selectors.DefaultSelector()
        self._staff = Staff(self._selector, self._run_child)

    def run(self) -> int:
        """Serve until SIGTERM or SIGINT; gives the signal's number.

        Raises:
            ModelwayError: no worker can start.
        """
        fix_limits()
        gc.freeze()  # what is there already is shared with the workers, and no collection copies it
        with readable_signals() as wake:
            self._selector.register(wake, selectors.EVENT_READ)
            try:
                for slot in range(self._workers):
                    self._staff.start(Role.WORKER, slot)
                if self._admin is not None:
                    self._staff.start(Role.ADMIN, 0)
                self._start_shadows()
                while self._ending is None or self._staff.children:
                    self._turn(wake)
            finally:
                for child in self._staff.children.values():
                    child.kill()
        if not self._was_ready and self._told is not None:
            raise WorkerError(self._told)
        return self._ended_by or signal.SIGTERM

    def _turn(self, wake: socket.socket) -> None:
        """Wait for something to happen, and do what it asks for."""
        times = [self._watchdog.next_check if self._ending is None else self._ending, self._staff.next_start]
        timeout = max(0.0, min(moment for moment in times if moment is not None) - time.monotonic())
        for key, _ in self._selector.select(timeout):
            if key.fileobj is wake:
                for number in read_signals(wake):
                    self._obey_signal(number)
            else:
                self._listen(key.data)
        self._reap()
        if self._ending is None:
            self._staff.start_due()
            for child in self._watchdog.hung(self._staff.of(Role.WORKER)):
                say("worker_hangs", "error", child=child.pid, slot=child.slot)
                child.kill()
        elif self._ending <= time.monotonic():
            for child in self._staff.children.values():
                say("killed", "warning", child=child.pid)
                child.kill()
            self._ending = time.monotonic() + _GRACE

    def _run_child(self, place: Place, channel: Channel) -> int:
        """In a process that was just forked: be what it is for."""
        role, slot = place
        self._selector.close()
        door, admin = self._shadow_doors[slot], self._admin
        address = door.getsockname()
        kept = {Role.WORKER: self._listener, Role.SHADOW: door, Role.ADMIN: admin[1] if admin else None}[role]
        for one in (self._listener, *self._shadow_doors, *([admin[1]] if admin else [])):
            if one is not kept:
                one.close()
        if role is Role.ADMIN and admin is not None:
            return administrate(channel, admin[1], admin[0].token)
        if role is Role.SHADOW:
            return shadow(self._setup.options, self._setup.trust, self._setup.paths.challengers, channel, door)
        return work(self._setup, slot, self._shared, channel, self._listener, address)

    def _start_shadows(self) -> None:
        """Each worker's, as soon as there is a challenger."""
        if self._setup.paths.challengers and not self._staff.of(Role.SHADOW):
            for slot in range(self._workers):
                self._staff.start(Role.SHADOW, slot)

    def _obey_signal(self, number: int) -> None:
        if number in {signal.SIGTERM, signal.SIGINT} and self._ending is None:
            self._ended_by = number
            self._end()
        elif number == signal.SIGHUP:
            self._begin_reload(self._setup.paths, None)

    def _end(self) -> None:
        workers = self._setup.options.workers
        self._ending = time.monotonic() + workers.notice_seconds + workers.drain_seconds + _GRACE
        self._staff.start_none()
        for child in self._staff.children.values():
            child.end()
        self._dismiss_shadows()

    def _dismiss_shadows(self) -> None:
        """When no worker is left that could still show them something."""
        if self._ending is not None and not self._staff.of(Role.WORKER):
            for child in self._staff.of(Role.SHADOW):
                child.dismiss()

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            child = self._staff.children.get(pid)
            if child is not None:
                self._listen(child)
                self._bury(child, os.waitstatus_to_exitcode(status))

    def _bury(self, child: Child, code: int) -> None:
        self._staff.forget(child)
        if child.role is Role.WORKER:
            self._shared.retire(child.slot)
            if self._reload is not None:
                self._settle(self._reload.lost(child.pid))
            if not self._was_ready and self._ending is None:
                self._told = self._told or {"failed": f"a worker ended with {code}", "remedy": "Its log says why."}
                self._end()
        if self._ending is None:
            self._staff.restart(child, code)
        else:
            self._dismiss_shadows()

    def _listen(self, child: Child) -> None:
        """Read what a child says, if it says something now; its end is seen by `_reap`."""
        child.channel.socket.setblocking(False)
        messages = child.channel.receive()
        child.channel.socket.setblocking(True)
        for message in messages or []:
            if child.role is Role.ADMIN:
                self._administrate(child, message)
            else:
                self._hear(child, message)

    def _hear(self, child: Child, message: dict[str, Any]) -> None:
        if "ready" in message:
            self._staff.got_ready(child)
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
        elif self._ending is not None:
            answer(503, {"message": "the server is ending"})
        elif self._reload is not None:
            answer(409, {"message": "another reload is under way"})
        else:
            given = message["champion"]
            wanted = ReleasePaths(given, tuple(message["challengers"])) if given else self._setup.paths
            self._begin_reload(wanted, answer)

    def _begin_reload(self, paths: ReleasePaths, answer: Callable[[int, dict[str, Any]], None] | None) -> None:
        if self._reload is None and self._ending is None:
            self._reloads += 1
            self._reload = Reload(self._reloads, paths, self._staff.of(Role.WORKER), answer)
            self._settle(self._reload.begin())

    def _settle(self, done: bool) -> None:
        """After each step of a reload: workers that start from now on serve what was agreed on."""
        if self._reload is not None:
            if self._reload.agreed:
                self._setup = replace(self._setup, paths=self._reload.paths)
                self._start_shadows()
            if done:
                self._reload = None

    def _status(self) -> dict[str, Any]:
        paths = self._setup.paths
        return {
            "champion": paths.champion,
            "challengers": list(paths.challengers),
            "workers": [
                {"pid": child.pid, "slot": child.slot, "ready": child.ready} for child in self._staff.of(Role.WORKER)
            ],
            "restarts": self._staff.restarts,
            "flags": self._setup.options.routing.flags,
            "settings": self._setup.settings,
        }
