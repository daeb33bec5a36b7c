"""Becomes the server of a directory, after it has written its own number down."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from modelway.deploy.local.files import SERVER, Files
from modelway.deploy.local.keeper import command


def main(directory: str) -> None:
    """Write down which process this is, and become the server."""
    files = Files(Path(directory))
    files.note_process(SERVER)
    argv = command(files)
    os.execv(argv[0], argv)  # noqa: S606 - our own server


if __name__ == "__main__":
    main(sys.argv[1])
