"""Say in one line which dagger CLI and engine are found, and what is skipped without: `make engine-check`.

The engine is looked for as the CLI does (_EXPERIMENTAL_DAGGER_RUNNER_HOST), then at its well-known socket. When none
answers and MODELWAY_ENGINE_START or a program `dagger-engine-start` says how to start one, it is started.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

SOCKET = "unix:///run/dagger/engine.sock"
STARTER = "dagger-engine-start"
SKIPPED = "the engine tests (tests/ci/engine) and bench/dagger_train.py are skipped"
_HOST = "_EXPERIMENTAL_DAGGER_RUNNER_HOST"
_SECONDS = 5
_START_SECONDS = 900


@dataclass(frozen=True)
class Found:
    """What is there.

    Attributes:
        cli: the dagger program.
        version: what it says of itself.
        host: where the engine answers; None when none does.
    """

    cli: str | None
    version: str
    host: str | None

    @property
    def usable(self) -> bool:
        """Whether a module can be called."""
        return self.cli is not None and self.host is not None

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which the CLI finds this engine, and keeps to itself."""
        quiet = {"DO_NOT_TRACK": "1", "DAGGER_NO_NAG": "1", "DAGGER_NO_UPDATE_CHECK": "1"}
        return {**os.environ, **quiet, _HOST: self.host or ""}

    def __str__(self) -> str:
        """One line."""
        if self.cli is None:
            return f"no dagger CLI on the PATH: {SKIPPED}"
        if self.host is None:
            return f"{self.version}, but no engine answers at {os.environ.get(_HOST, SOCKET)}: {SKIPPED}"
        return f"{self.version}; an engine answers at {self.host}: nothing is skipped"


def find() -> Found:
    """Look for the CLI and an engine; start one if the machine says how."""
    cli = shutil.which("dagger")
    if cli is None:
        return Found(None, "", None)
    said = subprocess.run(  # noqa: S603 - whatever `dagger` is on the PATH
        [cli, "version"], capture_output=True, text=True, check=False, timeout=30
    )
    version = " ".join(said.stdout.split()[:2])
    host = os.environ.get(_HOST, SOCKET)
    if not _answers(host):
        _start()
    return Found(cli, version, host if _answers(host) else None)


def _answers(host: str) -> bool:
    """Whether something listens there; of other kinds of address (docker-image://) only the CLI can tell."""
    parts = urlsplit(host)
    try:
        if parts.scheme == "unix":
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(_SECONDS)
                connection.connect(parts.path)
        elif parts.scheme == "tcp":
            socket.create_connection((parts.hostname or "localhost", parts.port or 0), timeout=_SECONDS).close()
    except OSError:
        return False
    return True


def _start() -> None:
    starter = os.environ.get("MODELWAY_ENGINE_START") or shutil.which(STARTER)
    if starter and Path(starter).is_file():
        # One that does not come up in time is as good as none.
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(  # noqa: S603 - what the machine's owner put there for this
                [starter], check=False, timeout=_START_SECONDS, stdout=subprocess.DEVNULL
            )


if __name__ == "__main__":
    sys.stdout.write(f"{find()}\n")
