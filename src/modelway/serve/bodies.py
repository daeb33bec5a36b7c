"""A request's body and its answer over ASGI (asgi.readthedocs.io), without a framework between: these are hot."""

from __future__ import annotations

import asyncio
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from modelway.serve.refusals import RefusedError, too_large, unreadable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    Scope = MutableMapping[str, Any]

_WINDOW_BITS = {b"gzip": 31, b"x-gzip": 31, b"deflate": 15}
RETRY = ((b"retry-after", b"1"),)
_DISCONNECT = "http.disconnect"
_CHUNK = 1 << 16
"""Bytes of a response that are sent at once: a caller who hangs up within a longer one is noticed."""
_TURNS = 3
"""Turns of the event loop from bytes on a socket to what the server is told of them: read, closed, told."""
_PATIENCE = 1.0
"""Seconds within which the server is told of a connection that it could not write to."""


class GoneError(Exception):
    """The caller went away before the request was whole."""


class Uploads:
    """The memory that bodies of more than one block may take, all together.

    Args:
        most: bytes. Where bodies would take more, the one that has grown least recently is given up.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._total = 0
        self._growing: dict[asyncio.Timeout, int] = {}
        self._whole: dict[int, int] = {}

    def grow(self, upload: asyncio.Timeout, size: int) -> None:
        """A body that is being read has grown; raises `RefusedError` (429) where no other can be given up for it."""
        self._growing[upload] = self._growing.pop(upload, 0) + size
        self._total += size
        while self._total > self._most:
            oldest = next(iter(self._growing))
            if oldest is upload:
                raise RefusedError(
                    429, "RESOURCE_EXHAUSTED", "too many large requests are under way; try again", headers=RETRY
                )
            self.give_up(oldest)
            oldest.reschedule(asyncio.get_running_loop().time())

    def give_up(self, upload: asyncio.Timeout) -> None:
        """It is read no further."""
        self._total -= self._growing.pop(upload, 0)

    def finish(self, upload: asyncio.Timeout, body: bytes) -> None:
        """It is whole, and is kept until `release`."""
        self._whole[id(body)] = self._growing.pop(upload, 0)

    def release(self, body: bytes) -> None:
        """A body is needed no longer."""
        self._total -= self._whole.pop(id(body), 0)


async def read_body(receive: Receive, length: bytes | None, limit: int, seconds: float, uploads: Uploads) -> bytes:
    """The whole body; to be released of `uploads` when it was answered.

    Args:
        receive: the server's.
        length: the Content-Length header.
        limit: bytes, at the most.
        seconds: until it has to be whole.
        uploads: all that are being read.

    Raises:
        RefusedError: it is too large (413), too slow (408), or one too many (429).
        GoneError: the caller went away.
    """
    if length is not None and int(length) > limit:
        raise too_large(f"the body has {int(length)} bytes; {limit} are allowed")
    try:
        async with asyncio.timeout(seconds) as upload:
            message = await receive()
            body: bytes = message.get("body", b"")
            if message.get("more_body"):
                body = await _read_on(receive, body, limit, upload, uploads)
    except TimeoutError:
        raise RefusedError(408, "REQUEST_TIMEOUT", "the body took too long to arrive") from None
    if message["type"] == _DISCONNECT:
        raise GoneError
    if len(body) > limit:
        raise too_large(f"the body has more than {limit} bytes")
    return body


async def _read_on(receive: Receive, body: bytes, limit: int, upload: asyncio.Timeout, uploads: Uploads) -> bytes:
    parts, size = [body], len(body)
    more = True
    try:
        uploads.grow(upload, size)
        while more and size <= limit:
            message = await receive()
            if message["type"] == _DISCONNECT:
                raise GoneError
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            uploads.grow(upload, len(parts[-1]))
            more = message.get("more_body", False)
        if size > limit:
            raise too_large(f"the body has more than {limit} bytes")
        body = b"".join(parts)
        uploads.finish(upload, body)
    finally:
        uploads.give_up(upload)
    return body


def is_gone(receive: Receive) -> bool:
    """Whether the caller has hung up; to be asked when the body is whole and the response is not.

    A coroutine's first step is all it takes: `receive` has nothing to wait for where the connection is lost.
    """
    waiting = receive().__await__()
    try:
        next(waiting)
    except StopIteration as stop:
        return bool(stop.value["type"] == _DISCONNECT)
    waiting.close()
    return False


async def has_hung_up(receive: Receive) -> bool:
    """The same, after a look at the connection, which takes some turns of the event loop."""
    for _ in range(_TURNS):
        await asyncio.sleep(0)
    return is_gone(receive)


def decompress(body: bytes, encoding: bytes, limit: int) -> bytes:
    """A body without its `Content-Encoding`: gzip or deflate, of at most `limit` bytes.

    Raises:
        RefusedError: another encoding (415), too large (413), or not what the encoding says (400).
    """
    bits = _WINDOW_BITS.get(encoding.strip().lower())
    if bits is None:
        accepted = ((b"accept-encoding", b"gzip, deflate"),)
        message = "the content encoding has to be gzip or deflate"
        raise RefusedError(415, "UNSUPPORTED_MEDIA_TYPE", message, headers=accepted)
    decoder = zlib.decompressobj(bits)
    try:
        found = decoder.decompress(body, limit + 1)
    except zlib.error as error:
        raise unreadable(f"the body is not {encoding.decode('latin-1')}: {error}") from error
    if len(found) > limit:
        raise too_large(f"the body has more than {limit} bytes")
    if not decoder.eof or decoder.unused_data:
        raise unreadable("the compressed body is truncated, or followed by something else")
    return found


async def respond(receive: Receive, send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    """Send a whole response.

    Raises:
        GoneError: the caller hung up before all of it was on its way.
    """
    headers.append((b"content-length", b"%d" % len(body)))
    try:
        await send({"type": "http.response.start", "status": status, "headers": headers})
        if len(body) > _CHUNK:
            await _send_chunks(receive, send, body)
            body = b""
        await send({"type": "http.response.body", "body": body})
    except RuntimeError:
        # uvloop refuses to write to a connection that it has closed, and the server is told a moment later.
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                if (await receive())["type"] == _DISCONNECT:
                    raise GoneError from None
        raise


async def _send_chunks(receive: Receive, send: Send, body: bytes) -> None:
    """Send all of a body; each message waits for room, the last one, of no bytes, for the bytes before it."""
    for start in range(0, len(body) + _CHUNK, _CHUNK):
        await send({"type": "http.response.body", "body": body[start : start + _CHUNK], "more_body": True})
        if await has_hung_up(receive):
            raise GoneError
