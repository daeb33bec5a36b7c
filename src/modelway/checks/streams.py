"""What a process prints: read as it comes, and bounded."""

from __future__ import annotations

import os
import threading
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

LIMIT = 16 * 2**20
"""Bytes kept of each stream; the rest is read and dropped, so that the process is not held up."""
_CHUNK = 65536


def last_line(text: str) -> str:
    """The last line of a text that says something."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


class Stream:
    """One stream of a process, read by a thread of its own that somebody has to start.

    Args:
        pipe: the end to read from.
        watch: sees what comes as it comes.
    """

    def __init__(self, pipe: IO[bytes] | None, watch: Callable[[bytes], None] | None) -> None:
        self._kept = bytearray()
        self._cut = False
        self.thread = threading.Thread(target=self._read, args=(pipe, watch), daemon=True)

    def _read(self, pipe: IO[bytes] | None, watch: Callable[[bytes], None] | None) -> None:
        if pipe is None:
            return
        with pipe:
            while chunk := os.read(pipe.fileno(), _CHUNK):
                room = LIMIT - len(self._kept)
                self._kept += chunk[:room]
                self._cut = self._cut or len(chunk) > room
                if watch is not None:
                    watch(chunk)

    def text(self) -> str:
        """What was read, as text; bytes that are no UTF-8 are replaced."""
        kept = bytes(self._kept).decode(errors="replace")
        return f"{kept}\n[cut after {LIMIT // 2**20} MiB]\n" if self._cut else kept
