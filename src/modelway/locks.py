"""One process at a time."""

from __future__ import annotations

import os
import socket
import time
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING

from modelway.atomic import make_directories, open_private
from modelway.errors import OutsideError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENCE = 120.0
"""Seconds to wait for a lock unless told otherwise."""
_POLL_SECONDS = 0.05


@contextmanager
def locked(path: Path, what: str, seconds: float = PATIENCE) -> Iterator[None]:
    """Hold an advisory lock on a file. The system lets go of it when the process ends, however it ends.

    Args:
        path: the lock file; made if absent, and left there.
        what: what the lock guards, for the message.
        seconds: how long to wait for whoever holds it.

    Raises:
        OutsideError: it is held for longer than that, or the file can't be written.
    """
    import fcntl

    try:
        make_directories(path.parent)
        file = open_private(path, "a+")
    except OSError as error:
        raise OutsideError(f"can't write: {error.strerror}", where=str(path)) from error
    deadline = time.monotonic() + seconds
    with file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise OutsideError(
                        f"another process has held {what} for more than {seconds:g} s{_holder(file)}",
                        where=str(path),
                        remedy="Wait for it, or end it if it hangs: the lock goes with the process. The file may stay.",
                    ) from None
                time.sleep(_POLL_SECONDS)
            except OSError as error:
                raise OutsideError(f"can't lock: {error.strerror}", where=str(path)) from error
        with suppress(OSError):  # a full disk takes nobody's lock
            file.truncate(0)
            file.write(f"process {os.getpid()} on {socket.gethostname()}")
            file.flush()
        yield


def _holder(file: IO[str]) -> str:
    """Who wrote itself down in a lock file, in brackets; empty where nobody did."""
    with suppress(OSError, UnicodeDecodeError):
        file.seek(0)
        told = file.read(300)
        return f" ({told})" if told.startswith("process ") else ""
    return ""
