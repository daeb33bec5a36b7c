"""Becomes a server of a directory, after it has written its own number down."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from modelway.deploy.local.files import SERVER, WANTED, Files
from modelway.processes import hand_listener


def command(wanted: dict[str, Any]) -> list[str]:
    """Return a server's command line, with the bundles that it serves."""
    argv = [sys.executable, "-m", "modelway", *wanted["argv"], "--bundle", wanted["champion"]]
    for path in wanted["challengers"]:
        argv += ["--challenger", path]
    return argv


def main(directory: str, wanted: str = WANTED, process: str = SERVER, listener: str = "") -> None:
    """Write down which process this is, and become the server.

    Args:
        directory: where its files are.
        wanted: the file that says what to run.
        process: the file that gets this process's number.
        listener: the file descriptor of the socket that it is to serve; empty if it opens its own.
    """
    files = Files(Path(directory))
    found = files.read(wanted)
    files.note_process(process)
    if listener:
        hand_listener(int(listener))
    os.environ |= found.get("variables", {})
    argv = command(found)
    os.execv(argv[0], argv)  # noqa: S606 - our own server


if __name__ == "__main__":
    main(*sys.argv[1:])
