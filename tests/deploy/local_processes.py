"""A stand-in for this machine's processes: real keepers that take turns with the test, and servers of a few lines.

The target, the keeper, the launcher, their files and the flow above them are real. The stand-in replaces time, process
numbers, signals, sockets and the server itself, which loads bundles by the names of their directories, answers `status`
and `reload` like `serve/supervisor.py`, and prints what `cli/serve.py` prints. `test_local_machine.py` confirms it: its
slow test runs the same steps on real servers.
"""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from modelway.deploy import executor
from modelway.deploy.local import files, keeper, launch, target
from modelway.errors import OutsideError
from modelway.records.deploy import Release
from modelway.records.serving import SETTINGS, ServingSettings
from modelway.records.smoke import SmokeCheck, SmokeReport
from modelway.records.verdict import Verdict

TICK = 0.2


class KilledError(BaseException):
    """The process ends here, without any clean-up of its own."""


class Keeper:
    """A real keeper in a thread that runs from one of its waits to the next, while the test waits for it."""

    def __init__(self, processes: Processes, pid: int, directory: str) -> None:
        self.pid, self.alive, self.killed = pid, True, False
        self.handlers: dict[int, Any] = {}
        self.error: BaseException | None = None
        self._processes = processes
        self._go, self._done = threading.Semaphore(0), threading.Semaphore(0)
        self.thread = threading.Thread(target=self._run, args=(directory,), daemon=True)
        self.thread.start()

    def step(self) -> None:
        with self._processes.running(self.pid):
            self._go.release()
            self._done.acquire()
        if self.error is not None:
            raise self.error

    def pause(self) -> None:
        self._done.release()
        self._go.acquire()
        if self.killed:
            raise KilledError

    def signal(self, number: int) -> None:
        if number == signal.SIGKILL:
            self.killed = True
            self.step()
        elif number in self.handlers:
            self.handlers[number]()

    def _run(self, directory: str) -> None:
        self._go.acquire()
        try:
            keeper.main(directory)
        except KilledError:
            pass
        except BaseException as error:  # noqa: BLE001 - raised again in the test's thread
            self.error = error
        self.alive = False
        self._done.release()


class Server:
    """What answers at an address, once it has loaded its bundles."""

    def __init__(self, processes: Processes, pid: int, argv: list[str], variables: dict[str, str], said: Path) -> None:
        self.pid, self.alive, self.ready, self.ending = pid, True, False, 0
        self.code: int | None = None
        self.address = (argv[argv.index("--host") + 1], int(argv[argv.index("--port") + 1]))
        self.bundles = [argv[at + 1] for at, word in enumerate(argv) if word in {"--bundle", "--challenger"}]
        self.settings = json.loads(variables[SETTINGS])
        self.token = variables["MODELWAY_ADMIN_TOKEN"]
        self._processes, self._said = processes, said

    def step(self) -> None:
        named = {Path(path).name for path in self.bundles}
        if self.ending:
            self.ending -= 1
            if not self.ending:
                self._end(0)
        elif not self.ready and not self._processes.hanging & named:
            if self._processes.failing_starts:
                self._processes.failing_starts -= 1
                self._end(4)
                return
            broken = self._processes.broken & named
            if broken or self.settings.get("serve", {}).get("require_signature"):
                self._said.write_text(json.dumps({"exit_code": 3, "error": "it can't be loaded"}))
                self._end(3)
                return
            self.ready = True
            host, port = self.address
            told = {
                "exit_code": 0,
                "url": f"http://{host}:{port}",
                "workers": 1,
                "admin_url": f"http://admin/{self.pid}",
            }
            self._said.write_text(json.dumps(told))

    def status(self) -> dict[str, Any]:
        champion, *challengers = self.bundles
        digest = ServingSettings.model_validate(self.settings, strict=False).digest
        workers = [{"pid": self.pid, "slot": 0, "ready": True}]
        return {"champion": champion, "challengers": challengers, "workers": workers, "settings": digest}

    def signal(self, number: int) -> None:
        if number == signal.SIGKILL:
            self._end(-number)
        elif number == signal.SIGTERM and not self.ending:
            self.ending = 3  # it finishes what it has begun

    def poll(self) -> int | None:
        return self.code

    def wait(self) -> int:
        assert self.code is not None
        return self.code

    def terminate(self) -> None:
        self.signal(signal.SIGTERM)

    def _end(self, code: int) -> None:
        self.code, self.alive = code, False


class Processes:
    """All processes; what is patched is put back by `close`."""

    def __init__(self) -> None:
        self.clock = 0.0
        self.broken: set[str] = set()
        """Names of bundles that no server loads."""
        self.hanging: set[str] = set()
        """Names of bundles that a server never finishes loading."""
        self.failing_starts = 0
        """How many servers are still to end before they answer, in a way that may pass."""
        self.killed_after: tuple[int, str] | None = None
        """After how many turns what `kill` gets is killed; `deploy` is the process whose waits are turns."""
        self.unanswered = self.longest_outage = 0
        """How many turns have passed since a server took new connections, now and at most."""
        self.keepers: list[Keeper] = []
        self.servers: list[Server] = []
        self._next, self._stack = 1000, [1]
        self._patch = pytest.MonkeyPatch()
        time = SimpleNamespace(monotonic=lambda: self.clock, sleep=lambda _: self.turn())
        self._set(files, runs=self._runs, send=self._send, start_of=lambda pid: f"boot/{pid}")
        self._set(files, os=SimpleNamespace(getpid=lambda: self._stack[-1]))
        self._set(executor, time=time)
        self._set(target, time=time, ask=self._ask, reload=self._reload, _RESTART_SECONDS=30.0)
        self._set(target, subprocess=SimpleNamespace(Popen=self._start_keeper, DEVNULL=None))
        self._set(keeper, subprocess=SimpleNamespace(Popen=self._start_server, DEVNULL=None))
        self._set(keeper, threading=SimpleNamespace(Event=lambda: _Turns(self)))
        self._set(keeper, time=SimpleNamespace(monotonic=lambda: self.clock, sleep=lambda _: self.pause()))
        numbers = {name: getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGKILL", "SIG_IGN")}
        self._set(keeper, signal=SimpleNamespace(signal=self._handle, **numbers))
        self._set(keeper, open_listener=lambda host, port: SimpleNamespace(fileno=lambda: 77, close=lambda: None))
        self._variables: dict[str, str] = {}
        self._set(keeper, os=SimpleNamespace(environ=self._variables, truncate=os.truncate))
        self._set(launch, hand_listener=lambda number: None)

    def turn(self) -> None:
        """Let a moment pass in which every process does what it does."""
        self.clock += TICK
        if self.killed_after is not None:
            turns, kind = self.killed_after
            self.killed_after = None if turns == 0 else (turns - 1, kind)
            if turns == 0 and kind == "deploy":
                raise KilledError
            if turns == 0:
                self.kill(kind)
        for process in (*self.servers, *self.keepers):
            if process.alive:
                process.step()
        self.unanswered = 0 if self.answering() else self.unanswered + 1
        self.longest_outage = max(self.longest_outage, self.unanswered)

    def settle(self) -> None:
        """Let time pass until nothing changes any more on its own."""
        for _ in range(12):
            self.turn()

    def pause(self) -> None:
        """Called by a keeper: wait for its next turn."""
        (here,) = [one for one in self.keepers if one.thread is threading.current_thread()]
        here.pause()

    def answering(self) -> list[Server]:
        """Return the servers that take new connections."""
        return [one for one in self.servers if one.alive and one.ready and not one.ending]

    def kill(self, *kinds: str) -> None:
        """Kill keepers or servers, those on their way included; `oldest` and `newest` are one server each."""
        for kind in kinds:
            alive: list[Any] = [one for one in (self.keepers if kind == "keeper" else self.servers) if one.alive]
            for process in {"oldest": alive[:1], "newest": alive[-1:]}.get(kind, alive):
                process.signal(signal.SIGKILL)

    def smoke(self, release: Release, url: str) -> SmokeReport:
        """Compare what answers at the address with the release, as the smoke test does with real answers."""
        wanted = [one.digest for one in (release.champion, *release.challengers)]
        found = [
            ([Path(path).name for path in one.bundles], one.status()["settings"])
            for one in self.answering()
            if url == "http://{}:{}".format(*one.address)
        ]
        passes = found == [(wanted, release.given.digest)] and not release.champion.digest.endswith("bad")
        verdict = Verdict.PASS if passes else Verdict.FAIL
        check = SmokeCheck(name="predictions", verdict=verdict, detail=f"{found} answers, {wanted} expected")
        return SmokeReport(endpoint=url, versions=(str(release.champion.version),), checks=(check,))

    def close(self) -> None:
        self.kill("keeper", "server")
        self._patch.undo()

    @contextmanager
    def running(self, pid: int) -> Iterator[None]:
        """What runs now is this process."""
        self._stack.append(pid)
        try:
            yield
        finally:
            self._stack.pop()

    def _set(self, module: Any, **values: Any) -> None:
        for name, value in values.items():
            self._patch.setattr(module, name, value)

    def _pid(self) -> int:
        self._next += 1
        return self._next

    def _of(self, pid: int, started: str) -> list[Any]:
        return [one for one in (*self.keepers, *self.servers) if one.pid == pid and started == f"boot/{pid}"]

    def _runs(self, pid: int, started: str) -> bool:
        return any(one.alive for one in self._of(pid, started))

    def _send(self, pid: int, started: str, number: int) -> bool:
        alive = [one for one in self._of(pid, started) if one.alive]
        for one in alive:
            one.signal(number)
        return bool(alive)

    def _handle(self, number: int, handler: Any) -> None:
        (here,) = [one for one in self.keepers if one.thread is threading.current_thread()]
        if callable(handler):
            here.handlers[number] = handler

    def _start_keeper(self, argv: list[str], **_: Any) -> Any:
        made = Keeper(self, self._pid(), argv[-1])
        self.keepers.append(made)
        return SimpleNamespace(poll=lambda: None if made.alive else 0)

    def _start_server(self, argv: list[str], *, stdout: Any, **_: Any) -> Server:
        """Run the real launcher up to the server that it becomes."""
        pid, variables = self._pid(), dict(self._variables)
        became: list[list[str]] = []
        with pytest.MonkeyPatch.context() as patch, self.running(pid):
            own = SimpleNamespace(environ=variables, execv=lambda _, words: became.append(words))
            patch.setattr(launch, "os", own)
            launch.main(*argv[3:])
        made = Server(self, pid, became[0], variables, Path(stdout.name))
        self.servers.append(made)
        return made

    def _admin(self, url: str, token: str) -> Server | None:
        found = [one for one in self.servers if one.alive and one.ready and url == f"http://admin/{one.pid}"]
        return found[0] if found and found[0].token == token else None

    def _ask(self, url: str, token: str) -> dict[str, Any] | None:
        server = self._admin(url, token)
        return None if server is None else server.status()

    def _reload(self, url: str, token: str, champion: str, challengers: list[str]) -> None:
        server = self._admin(url, token)
        if server is None:
            raise OutsideError("the server does not answer", where=url)
        if (self.broken | self.hanging) & {Path(path).name for path in (champion, *challengers)}:
            raise OutsideError("the server did not take the release: it can't be loaded", where=url)
        server.bundles = [champion, *challengers]


class _Turns:
    """A keeper's event, each wait of which is one turn."""

    def __init__(self, processes: Processes) -> None:
        self._processes, self._set = processes, False

    def is_set(self) -> bool:
        return self._set

    def set(self) -> None:
        self._set = True

    def wait(self, _: float) -> bool:
        if not self._set:
            self._processes.pause()
        return self._set
