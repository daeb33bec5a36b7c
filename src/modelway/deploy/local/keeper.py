"""The process that outlives a deploy: `python -m modelway.deploy.local.keeper DIR` keeps a directory's server alive.

It starts the server by a launcher that writes its own number down before it becomes the server, so that a keeper that
was killed leaves no server that the next one does not know: that one watches it as it is. The keeper holds the socket
that the server listens on. So another server, with other settings, begins to answer before the one before it ends, and
no connection is refused.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelway.atomic import open_private
from modelway.deploy.local.files import (
    KEEPER,
    KEEPER_LOCK,
    LOG,
    NEXT,
    NEXT_SERVER,
    OLD_SERVER,
    READY,
    REFUSED,
    SERVER,
    TOKEN,
    WANTED,
    WATCHED,
    Files,
    last_words,
)
from modelway.processes import open_listener

if TYPE_CHECKING:
    import socket

_POLL_SECONDS = 0.2
_LONGEST_REST = 10.0
_LARGEST_LOG = 50_000_000
_PATIENCE = 90.0
"""Seconds that a server gets to end by itself."""
_SAID, _NEXT_SAID = f".{READY}", f".next-{READY}"
"""What the server, and the one that is to take over, print."""

_Child = subprocess.Popen[bytes]


class Keeper:
    """Keeps one server.

    Args:
        files: the directory.
    """

    def __init__(self, files: Files) -> None:
        self._files = files
        self._ending = threading.Event()
        self._child: _Child | None = None
        self._next: _Child | None = None
        self._next_wanted: dict[str, Any] = {}
        self._old: list[_Child] = []
        self._failures = 0
        self._listener: socket.socket | None = None

    def keep(self) -> None:
        """Keep it until SIGTERM."""
        signal.signal(signal.SIGTERM, lambda *_: self._ending.set())
        signal.signal(signal.SIGINT, lambda *_: self._ending.set())
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self._files.signal(NEXT_SERVER, signal.SIGTERM)  # of a keeper that was killed meanwhile
        self._note()
        while not self._ending.is_set():
            if self._files.process(SERVER) is None:
                self._start()
            self._watch()
        self._end()
        self._files.remove(KEEPER)

    def _note(self) -> None:
        """Write down who keeps the server, and whether another one can take over from it."""
        self._files.note_process(KEEPER, listens=self._listener is not None)

    def _start(self) -> None:
        self._files.remove(READY)
        self._listen()
        self._child = self._launch(WANTED, SERVER, _SAID)

    def _listen(self) -> None:
        """Open the socket once; where that fails the server tries for itself, and says what is wrong."""
        wanted = self._files.read(WANTED)
        if self._listener is None and "host" in wanted:
            with suppress(OSError, OverflowError):
                self._listener = open_listener(wanted["host"], wanted["port"])
            self._note()

    def _launch(self, wanted: str, process: str, said: str) -> _Child:
        number = "" if self._listener is None else str(self._listener.fileno())
        with (
            open_private(self._files.path / LOG, "ab") as errors,
            open_private(self._files.path / said, "wb") as output,
        ):
            return subprocess.Popen(  # noqa: S603 - our own launcher
                [sys.executable, "-m", "modelway.deploy.local.launch", str(self._files.path), wanted, process, number],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                pass_fds=() if self._listener is None else (self._listener.fileno(),),
            )

    def _watch(self) -> None:
        """Until the server has ended."""
        while not self._ending.wait(_POLL_SECONDS):
            if self._child is not None:
                code = self._child.poll()
                gone = code is not None
            else:
                code, gone = None, self._files.process(SERVER) is None
            self._old = [one for one in self._old if one.poll() is None]
            self._publish()
            self._rotate()
            if not self._replace() and gone:
                self._bury(code)
                return

    def _replace(self) -> bool:
        """Let another server take over, where one is wanted and answers; return whether it has.

        Until then the one before goes on, and is restarted if it crashes.
        """
        files, wanted, child = self._files, self._files.read(NEXT), self._next
        if child is None:
            if wanted and wanted != files.read(WANTED):
                self._next, self._next_wanted = self._launch(NEXT, NEXT_SERVER, _NEXT_SAID), wanted
                return False
        else:
            code, said = child.poll(), files.read(_NEXT_SAID)
            if not wanted or wanted != self._next_wanted:
                # No process waits for it any more, or one wants yet another server.
                self._next_wanted = {}
                if code is None:
                    child.terminate()
                else:
                    self._next = None
                return False
            if code is not None or said.get("exit_code", 0) != 0:
                files.write(REFUSED, {"exit_code": child.wait(), "words": last_words(files.path / LOG)})
            elif said and not self._starts():
                self._hand_over(child, wanted)
            else:
                return False
            self._next = None
        if wanted and files.read(NEXT) == wanted:
            files.remove(NEXT)
        return child is not None and self._child is child

    def _starts(self) -> bool:
        """Whether the server has been launched, and has not written its number down yet."""
        child = self._child
        return child is not None and child.poll() is None and self._files.process(SERVER) != child.pid

    def _hand_over(self, child: _Child, wanted: dict[str, Any]) -> None:
        """The other server answers: it is the one that is kept, and the one before finishes what it has begun."""
        files = self._files
        files.write(OLD_SERVER, files.read(SERVER))
        files.rename(NEXT_SERVER, SERVER)
        files.rename(_NEXT_SAID, _SAID)
        self._publish()
        files.write(WANTED, wanted)
        self._old += [self._child] if self._child is not None else []
        self._child = child
        files.signal(OLD_SERVER, signal.SIGTERM)

    def _rotate(self) -> None:
        """Bound the log while the server runs, which has the file open: its content is moved, and the file stays."""
        log = self._files.path / LOG
        with suppress(OSError):  # a full disk, or a log that was removed, is no reason to keep the server no longer
            if log.stat().st_size > _LARGEST_LOG:
                open_private(log.with_suffix(".1.log"), "wb").close()
                shutil.copyfile(log, log.with_suffix(".1.log"))
                os.truncate(log, 0)

    def _publish(self) -> None:
        """What the server says, once all of it is there."""
        said = self._files.read(_SAID)
        if said and said != self._files.read(READY):
            self._files.write(READY, said)

    def _bury(self, code: int | None) -> None:
        self._child = None
        answered = self._files.read(READY).get("exit_code") == 0
        self._failures = 0 if answered else self._failures + 1
        self._files.write(WATCHED, {"exit_code": code, "failures": self._failures})
        self._files.remove(READY)
        if not answered:
            self._ending.wait(min(0.5 * 2**self._failures, _LONGEST_REST))

    def _end(self) -> None:
        """End the server, politely at first, and those before and after it."""
        servers = (SERVER, OLD_SERVER, NEXT_SERVER)
        for name in servers:
            self._files.signal(name, signal.SIGTERM)
        if self._listener is not None:
            self._listener.close()
        deadline = time.monotonic() + _PATIENCE
        while any(self._files.process(name) is not None for name in servers) and time.monotonic() < deadline:
            for child in (self._child, self._next, *self._old):
                if child is not None:
                    child.poll()
            time.sleep(_POLL_SECONDS)
        for name in servers:
            self._files.signal(name, signal.SIGKILL)
        for name in (*servers, READY, WATCHED, NEXT):
            self._files.remove(name)


def main(directory: str) -> int:
    """Keep the server of a directory, unless another keeper does."""
    files = Files(Path(directory))
    with open_private(files.path / KEEPER_LOCK, "a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return 0
        os.environ["MODELWAY_ADMIN_TOKEN"] = (files.path / TOKEN).read_text(encoding="ascii")
        Keeper(files).keep()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
