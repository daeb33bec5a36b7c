"""Messages between the supervisor and its processes: one JSON object a line, over a socket pair."""

from __future__ import annotations

import socket
import threading
from typing import Any

import msgspec

_BLOCK = 65536


class Channel:
    """One end.

    Args:
        end: a connected stream socket.
    """

    def __init__(self, end: socket.socket) -> None:
        self.socket = end
        self._rest = b""
        self._lock = threading.Lock()

    @classmethod
    def pair(cls) -> tuple[Channel, Channel]:
        """Two connected ends."""
        one, other = socket.socketpair()
        return cls(one), cls(other)

    def fileno(self) -> int:
        """For selectors."""
        return self.socket.fileno()

    def send(self, message: dict[str, Any]) -> bool:
        """Send one message, from any thread; False where nobody is there any more."""
        try:
            with self._lock:
                self.socket.sendall(msgspec.json.encode(message) + b"\n")
        except OSError:
            return False
        return True

    def receive(self) -> list[dict[str, Any]] | None:
        """The messages that came; waits for some where none did. None where the other end is closed."""
        try:
            block = self.socket.recv(_BLOCK)
        except OSError:
            return None
        if not block:
            return None
        *lines, self._rest = (self._rest + block).split(b"\n")
        return [msgspec.json.decode(line) for line in lines]

    def close(self) -> None:
        """Close this end."""
        self.socket.close()
