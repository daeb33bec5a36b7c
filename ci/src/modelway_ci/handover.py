"""Takes a login from a step that may not print it: the engine keeps what steps print and write, not what they send.

A step of this session reaches the function's own process over the engine's network. It sends the key that it was given
as a secret, a line feed, and the login; the first that knows the key is heard, and is answered with `OK`.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
import socket
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

_MOST_BYTES = 64 * 1024
_SECONDS = 30.0
_ANYWHERE = ("192.0.2.1", 9)
"""An address of nobody (RFC 5737): to connect a datagram socket sends nothing, and tells our own address."""


class Handover:
    """Listens while it is entered.

    Attributes:
        text: what was handed over; None until then.
    """

    def __init__(self) -> None:
        self.text: str | None = None
        self._key = secrets.token_urlsafe(32)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._take, _own_address(), 0, limit=_MOST_BYTES)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.close()

    @property
    def address(self) -> str:
        """Where to send it, with the key: host, port and key, parted by colons; itself a secret."""
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"{host}:{port}:{self._key}"

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_SECONDS):
                content = await reader.read(_MOST_BYTES)
                while not reader.at_eof() and len(content) < _MOST_BYTES:
                    content += await reader.read(_MOST_BYTES)
                key, _, text = content.partition(b"\n")
                if self.text is None and hmac.compare_digest(key, self._key.encode()):
                    self.text = text.decode()
                    writer.write(b"OK")
                    await writer.drain()
        except (OSError, TimeoutError, UnicodeDecodeError):
            pass  # the step tells that it was not heard
        finally:
            writer.close()


def _own_address() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(_ANYWHERE)
        return str(probe.getsockname()[0])
