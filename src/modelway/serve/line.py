"""The line between a worker and its shadow's process: frames of MessagePack over a local socket."""

from __future__ import annotations

import atexit
import os
import shutil
import socket
import struct
import tempfile
from pathlib import Path
from typing import Any

import msgspec

_LENGTH = struct.Struct(">I")
_CREDENTIALS = struct.Struct("3i")
_BACKLOG = 16
_BLOCK = 1 << 20
_ABSTRACT = hasattr(socket, "SO_PEERCRED")
"""Whether this is Linux: names that lie in no directory, and callers who are known. macOS has neither."""

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder()


def frame(message: Any) -> bytes:
    """A message as it goes over the line; raises `OverflowError` where a number has more than 64 bits."""
    packed = _encoder.encode(message)
    return _LENGTH.pack(len(packed)) + packed


class Frames:
    """Bytes in, messages out."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def take(self, block: bytes) -> list[Any]:
        """The messages that are whole with these bytes."""
        self._rest += block
        found = []
        start = 0
        while len(self._rest) >= start + _LENGTH.size:
            end = start + _LENGTH.size + _LENGTH.unpack_from(self._rest, start)[0]
            if len(self._rest) < end:
                break
            found.append(_decoder.decode(self._rest[start + _LENGTH.size : end]))
            start = end
        del self._rest[:start]
        return found


class Connection:
    """The shadow's end of one line.

    Args:
        end: a connected socket.
    """

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(True)
        self._socket = end
        self._frames = Frames()

    def fileno(self) -> int:
        """For selectors."""
        return self._socket.fileno()

    def receive(self) -> list[Any] | None:
        """The messages that came; None where the worker is gone."""
        try:
            block = self._socket.recv(_BLOCK)
        except OSError:
            return None
        return self._frames.take(block) if block else None

    def send(self, message: Any) -> None:
        """Send one message; whether anybody is there is seen when receiving."""
        try:
            self._socket.sendall(frame(message))
        except OSError:
            return

    def close(self) -> None:
        """Close this end."""
        self._socket.close()


def listen() -> socket.socket:
    """A socket at a name of the system's choice that lies in no directory, so that nothing has to be writable.

    Where there are no such names it lies in a directory that none but us may enter, which goes when the process ends.
    """
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(b"" if _ABSTRACT else _private_path())
    listener.listen(_BACKLOG)
    return listener


def _private_path() -> bytes:
    folder = tempfile.mkdtemp(prefix="modelway.")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return os.fsencode(Path(folder) / "line")


def accept(listener: socket.socket) -> Connection | None:
    """A worker's connection; None for a caller of another user, who may use an abstract name as well as we."""
    end, _ = listener.accept()
    if not _ABSTRACT:
        return Connection(end)
    content = end.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    if _CREDENTIALS.unpack(content)[1] != os.getuid():
        end.close()
        return None
    return Connection(end)


def connect(address: bytes | str) -> socket.socket:
    """A connection to a listener; raises `OSError`."""
    end = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        end.connect(address)
    except OSError:
        end.close()
        raise
    end.setblocking(False)
    return end
