"""The process that outlives a deploy: `python -m modelway.deploy.local.keeper DIR` keeps a directory's server alive.

It starts the server by a launcher that writes its own number down before it becomes the server, so that a keeper that
was killed leaves no server that the next one does not know: that one watches it as it is.
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
from typing import Any

from modelway.atomic import open_private
from modelway.deploy.local.files import KEEPER, KEEPER_LOCK, LOG, READY, SERVER, TOKEN, WANTED, WATCHED, Files

_POLL_SECONDS = 0.2
_LONGEST_REST = 10.0
_LARGEST_LOG = 50_000_000
_PATIENCE = 90.0
"""Seconds that a server gets to end by itself."""


class Keeper:
    """Keeps one server.

    Args:
        files: the directory.
    """

    def __init__(self, files: Files) -> None:
        self._files = files
        self._ending = threading.Event()
        self._child: subprocess.Popen[bytes] | None = None
        self._failures = 0

    def keep(self) -> None:
        """Keep it until SIGTERM."""
        signal.signal(signal.SIGTERM, lambda *_: self._ending.set())
        signal.signal(signal.SIGINT, lambda *_: self._ending.set())
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self._files.note_process(KEEPER)
        while not self._ending.is_set():
            if self._files.process(SERVER) is None:
                self._start()
            self._watch()
        self._end()
        self._files.remove(KEEPER)

    def _start(self) -> None:
        self._files.remove(READY)
        said = self._files.path / f".{READY}"
        with open_private(self._files.path / LOG, "ab") as errors, open_private(said, "wb") as output:
            self._child = subprocess.Popen(  # noqa: S603 - our own launcher
                [sys.executable, "-m", "modelway.deploy.local.launch", str(self._files.path)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
            )

    def _watch(self) -> None:
        """Until the server has ended."""
        while not self._ending.wait(_POLL_SECONDS):
            if self._child is not None:
                code = self._child.poll()
                gone = code is not None
            else:
                code, gone = None, self._files.process(SERVER) is None
            self._publish()
            self._rotate()
            if gone:
                self._bury(code)
                return

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
        said = self._files.read(f".{READY}")
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
        """End the server, politely at first."""
        self._files.signal(SERVER, signal.SIGTERM)
        deadline = time.monotonic() + _PATIENCE
        while self._files.process(SERVER) is not None and time.monotonic() < deadline:
            if self._child is not None:
                self._child.poll()
            time.sleep(_POLL_SECONDS)
        self._files.signal(SERVER, signal.SIGKILL)
        for name in (SERVER, READY, WATCHED):
            self._files.remove(name)


def command(files: Files) -> list[str]:
    """The server's command line, with the bundles that it serves now."""
    wanted: dict[str, Any] = files.read(WANTED)
    argv = [sys.executable, "-m", "modelway", *wanted["argv"], "--bundle", wanted["champion"]]
    for path in wanted["challengers"]:
        argv += ["--challenger", path]
    return argv


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
