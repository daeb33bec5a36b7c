"""A request's body and its answer over ASGI (asgi.readthedocs.io), without a framework between: these are hot."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from modelway.serve.refusals import RefusedError, too_large

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    Scope = MutableMapping[str, Any]

_DISCONNECT = "http.disconnect"


class GoneError(Exception):
    """The caller went away before the request was whole."""


async def read_body(receive: Receive, length: bytes | None, limit: int, seconds: float) -> bytes:
    """The whole body.

    Args:
        receive: the server's.
        length: the Content-Length header.
        limit: bytes, at the most.
        seconds: until it has to be whole.

    Raises:
        RefusedError: it is too large (413) or too slow (408).
        GoneError: the caller went away.
    """
    if length is not None and int(length) > limit:
        raise too_large(f"the body has {int(length)} bytes; {limit} are allowed")
    try:
        async with asyncio.timeout(seconds):
            message = await receive()
            body: bytes = message.get("body", b"")
            if message.get("more_body"):
                body = await _read_on(receive, body, limit)
    except TimeoutError:
        raise RefusedError(408, "REQUEST_TIMEOUT", f"the body did not come within {seconds:g} s") from None
    if message["type"] == _DISCONNECT:
        raise GoneError
    if len(body) > limit:
        raise too_large(f"the body has more than {limit} bytes")
    return body


async def _read_on(receive: Receive, body: bytes, limit: int) -> bytes:
    parts, size = [body], len(body)
    more = True
    while more and size <= limit:
        message = await receive()
        if message["type"] == _DISCONNECT:
            raise GoneError
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        more = message.get("more_body", False)
    return b"".join(parts)


async def respond(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    """Send a whole response."""
    headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
