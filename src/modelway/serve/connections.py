"""HTTP/1.1 within limits: uvicorn's protocol on httptools, and the connections of one process.

uvicorn bounds neither a head nor how long a client may take (docs/adr/0019). The limits here follow RFC 9112; what is
over them is refused with 400, 408, 429, 431 or 505, and the connection closes.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from modelway.serve.events import say

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_HEAD_BYTES = 64 * 1024
"""Bytes of a request's line, headers and trailers; 431 beyond."""
MOST_HEADERS = 100
"""Headers and trailers of a request; 431 beyond."""
SPARE_CONNECTIONS = 64
"""Connections over the limit that may still ask for health and readiness."""
_SWEEP_SECONDS = 0.5
"""How often connections are checked for a deadline that has passed."""
_MOST_PIPELINED = 16
"""Requests that wait on one connection for the one before."""
_MOST_PARTS, _LEAST_PART_BYTES = 10_000, 8
"""Chunks of a body after which they have to hold so many bytes on average: each costs more than its bytes; 400 else."""
_LINGER_SECONDS = 2.0
"""How long a refused request is still read, so that the refusal is not lost to a reset, and a first one is awaited."""
_ALWAYS = frozenset({b"/ping", b"/health", b"/v2/health/live", b"/v2/health/ready"})


class Connections:
    """The connections of one process, and which of them wait for their client.

    Attributes:
        closed: connections that were refused, or closed before their client was done.

    Args:
        most: connections at most; beyond, the one whose client has been silent longest is closed for a new one.
        head_seconds: how long a head may take to come.
        keep_alive_seconds: how long a connection is kept without a request.
        write_seconds: how long a client may take no byte of a response.
        most_of_client: connections of one address (of IPv6, one /64) at most; None for no such limit.
        proxies: addresses and networks that `most_of_client` does not hold for.
    """

    def __init__(
        self,
        most: int,
        head_seconds: float,
        keep_alive_seconds: float,
        write_seconds: float,
        *,
        most_of_client: int | None = None,
        proxies: Sequence[str] = (),
    ) -> None:
        self.closed = 0
        self._most = most
        self._head_seconds = head_seconds
        self._keep_alive_seconds = keep_alive_seconds
        self._write_seconds = write_seconds
        self._most_of_client = most_of_client
        self._proxies = [ip_network(proxy, strict=False) for proxy in proxies]
        self._open: dict[LimitedProtocol, str | None] = {}
        self._of_client: Counter[str | None] = Counter()
        # Both have the longest wait first, since whoever begins to wait goes to the end.
        self._waiting: dict[LimitedProtocol, tuple[float, float]] = {}
        self._stalled: dict[LimitedProtocol, tuple[float, int]] = {}

    @property
    def full(self) -> bool:
        """Whether there are more than the limit, so that only health is answered."""
        return len(self._open) > self._most

    def protocol(self) -> type[asyncio.Protocol]:
        """The protocol of these connections, for uvicorn."""
        return type("BoundProtocol", (LimitedProtocol,), {"limits": self})

    def enter(self, protocol: LimitedProtocol) -> None:
        """Take a new connection; one that is over a limit is closed at once."""
        client = self._client(protocol)
        self._open[protocol] = client
        if client is not None:
            self._of_client[client] += 1
            if self._of_client[client] > (self._most_of_client or 0):
                self.closed += 1
                self.leave(protocol)
                protocol.turn_away()
                return
        self.await_head(protocol)
        if self.full:
            self._evict(protocol)

    def leave(self, protocol: LimitedProtocol) -> None:
        """Forget a connection that has ended."""
        client = self._open.pop(protocol, None)
        if client is not None:
            self._of_client[client] -= 1
            if not self._of_client[client]:
                del self._of_client[client]
        self._waiting.pop(protocol, None)
        self._stalled.pop(protocol, None)

    def await_head(self, protocol: LimitedProtocol) -> None:
        """A head has begun, or the connection has."""
        self._wait(protocol, self._head_seconds)

    def await_body(self, protocol: LimitedProtocol) -> None:
        """A part of a body has come, and more is to; `read_body` has the time limit."""
        self._wait(protocol, float("inf"))

    def await_request(self, protocol: LimitedProtocol) -> None:
        """A response was sent."""
        self._wait(protocol, self._keep_alive_seconds)

    def await_end(self, protocol: LimitedProtocol) -> None:
        """The client has not read the last response yet, or not sent its first request."""
        self._wait(protocol, _LINGER_SECONDS)

    def work(self, protocol: LimitedProtocol) -> None:
        """A request is whole: the client waits for us."""
        self._waiting.pop(protocol, None)

    def stall(self, protocol: LimitedProtocol) -> None:
        """The client does not take what is sent."""
        self._stalled[protocol] = (time.monotonic(), protocol.unsent)

    def flow(self, protocol: LimitedProtocol) -> None:
        """It does again."""
        self._stalled.pop(protocol, None)

    def sweep(self) -> None:
        """Close what is over its time."""
        now = time.monotonic()
        for protocol, (since, seconds) in list(self._waiting.items()):
            if now - since > seconds:
                protocol.expire()
        for protocol, (since, unsent) in list(self._stalled.items()):
            if protocol.unsent < unsent:
                self._stalled[protocol] = (now, protocol.unsent)
            elif now - since > self._write_seconds:
                self._close(protocol)

    async def sweep_often(self) -> None:
        """Do so until cancelled."""
        while True:
            self.sweep()
            await asyncio.sleep(_SWEEP_SECONDS)

    def _wait(self, protocol: LimitedProtocol, seconds: float) -> None:
        self._waiting.pop(protocol, None)
        if protocol in self._open:
            self._waiting[protocol] = (time.monotonic(), seconds)

    def _evict(self, newest: LimitedProtocol) -> None:
        """Close the connection whose client has been silent longest; the newest where no other can be spared."""
        oldest = next(iter(self._waiting), newest)
        if oldest is newest:
            oldest = next(iter(self._stalled), newest)
        if oldest is not newest or len(self._open) > self._most + SPARE_CONNECTIONS:
            self._close(oldest)

    def _close(self, protocol: LimitedProtocol) -> None:
        self.closed += 1
        self.leave(protocol)
        protocol.transport.abort()

    def _client(self, protocol: LimitedProtocol) -> str | None:
        """What a connection counts for; None where it is not counted."""
        if self._most_of_client is None or protocol.client is None:
            return None
        address = ip_address(protocol.client[0].partition("%")[0])
        address = getattr(address, "ipv4_mapped", None) or address
        if any(address in proxy for proxy in self._proxies):
            return None
        return str(ip_network((address, 64), strict=False)) if address.version == 6 else str(address)


class _OverError(Exception):
    """A request that is over a limit or not HTTP/1; ends the parser's work."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class LimitedProtocol(HttpToolsProtocol):
    """One connection; made by uvicorn."""

    limits: Connections
    """All of the process."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has connected."""
        super().connection_made(transport)
        self._head_bytes = self._hosts = self._unparsed = self._parts = self._body_bytes = 0
        self._in_head = self._parsed = self._deaf = self._lingering = self._ends = False
        self.limits.enter(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has ended."""
        self.limits.leave(self)
        super().connection_lost(exc)

    @property
    def unsent(self) -> int:
        """Bytes that the client has not taken."""
        return self.transport.get_write_buffer_size()

    def data_received(self, data: bytes) -> None:
        """Read on; what is refused is read no further."""
        if self._deaf:
            return
        in_head, self._parsed = self._in_head, False
        rest = data
        try:
            while rest:
                try:
                    self.parser.feed_data(rest)
                    break
                except httptools.HttpParserUpgrade as upgrade:
                    rest = rest[upgrade.args[0] :]  # no upgrade is offered: what follows is a request again
        except httptools.HttpParserError as error:
            cause = error.__context__
            if isinstance(cause, _OverError):
                self.refuse(cause.status, str(cause))
            else:
                self.refuse(400, "this is not HTTP/1.1")
            return
        self._unparsed = 0 if self._parsed else self._unparsed + len(data)
        if self._unparsed > MOST_HEAD_BYTES:
            self.refuse(431, "the request's head is too large")
        elif self._in_head and (self._parsed or not in_head):
            self.limits.await_head(self)
        cycle = self.cycle
        if cycle is not None and cycle.more_body and not cycle.response_complete and not self._deaf:
            self.limits.await_body(self)
            if cycle.transport is self.transport:
                cycle.transport = _LingeringTransport(self, cycle)  # type: ignore[assignment]

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._head_bytes = self._hosts = self._parts = self._body_bytes = 0
        self._in_head = True

    def on_url(self, url: bytes) -> None:
        """A part of the request's target."""
        self.url += url
        self._head_bytes += len(url)
        if self._head_bytes > MOST_HEAD_BYTES:
            raise _OverError(431, "the request's head is too large")

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header or a trailer; as uvicorn's, whose own method every request would pay another call for."""
        name = name.lower()
        if name == b"host":
            self._hosts += 1
        elif name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > MOST_HEAD_BYTES:
            raise _OverError(431, "the request's head is too large")
        if len(self.headers) > MOST_HEADERS:
            raise _OverError(431, f"the request has more than {MOST_HEADERS} headers")

    def on_headers_complete(self) -> None:
        """A head is whole: begin to answer."""
        self._in_head, self._parsed = False, True
        version = self.parser.get_http_version()
        if version not in {"1.0", "1.1"}:
            raise _OverError(505, "HTTP/1.0 and HTTP/1.1 are spoken here")
        if self._hosts != 1 and (self._hosts or version == "1.1"):
            raise _OverError(400, "the request needs one Host header")
        if len(self.pipeline) >= _MOST_PIPELINED:
            raise _OverError(429, "too many requests wait on this connection")
        # uvicorn refuses by this number; which requests it is to refuse is known here.
        self.limit_concurrency = 0 if self.limits.full and self.url.partition(b"?")[0] not in _ALWAYS else None
        super().on_headers_complete()
        if self._ends:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self._parsed = True
        self._parts += 1
        self._body_bytes += len(body)
        if self._parts > _MOST_PARTS and self._body_bytes < self._parts * _LEAST_PART_BYTES:
            raise _OverError(400, "the request's body comes in chunks of a few bytes")
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._parsed = True
        super().on_message_complete()
        if not self.cycle.response_complete:
            self.limits.work(self)

    def on_response_complete(self) -> None:
        """The response was handed over; what is not sent of it yet is seen by `expire`."""
        self.server_state.total_requests += 1
        if self._lingering:
            return
        if self.transport.is_closing():
            self.limits.await_end(self)
            return
        self.flow.resume_reading()
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
        else:
            self.limits.await_request(self)

    def shutdown(self) -> None:
        """The server ends: answer what has begun, and a first request that may be on its way."""
        self._ends = True
        begun = self.cycle is not None or self._deaf
        super().shutdown() if begun else self.limits.await_end(self)

    def pause_writing(self) -> None:
        """The client does not take what is sent."""
        super().pause_writing()
        self.limits.stall(self)

    def resume_writing(self) -> None:
        """It does again."""
        super().resume_writing()
        self.limits.flow(self)

    def expire(self) -> None:
        """The client took too long."""
        if self._in_head and not self._deaf:
            self.refuse(408, "the request's head did not come in time")
            return
        self.limits.closed += 1
        self.limits.leave(self)
        if self.unsent or self._lingering:
            self.transport.abort()
        else:
            self.transport.close()

    def refuse(self, status: int, message: str) -> None:
        """Read no further; answer with a refusal, unless answers to earlier requests come first."""
        self.limits.closed += 1
        say("connection_refused", "warning", status=status, reason=message, client=self.client and self.client[0])
        self._deaf = True
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete and not cycle.more_body:
            cycle.keep_alive = False
            return
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()
            if cycle.response_started or self.pipeline:
                self.transport.abort()
                return
        body = b'{"error_code":"BAD_REQUEST","message":"%s"}' % message.encode()
        head = b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(body)
        self.transport.write(STATUS_LINE[status] + head + body)
        self.linger()

    def linger(self) -> None:
        """Close for writing, and for reading a little later: a reset would take the response from the client."""
        if not self._lingering and not self.transport.is_closing():
            self._deaf = self._lingering = True
            self.transport.write_eof()
            self.flow.resume_reading()
            self.limits.await_end(self)

    def turn_away(self) -> None:
        """Close a connection that was only just made."""
        self._deaf = True
        self.transport.write(STATUS_LINE[429] + b"content-length: 0\r\nconnection: close\r\n\r\n")
        self.transport.close()


class _LingeringTransport:
    """A response's transport: closes so that a client that still sends its body reads the answer."""

    def __init__(self, protocol: LimitedProtocol, cycle: Any) -> None:
        self._protocol = protocol
        self._cycle = cycle
        self.write = protocol.transport.write
        self.is_closing = protocol.transport.is_closing

    def close(self) -> None:
        """End the connection."""
        if self._cycle.more_body:
            self._protocol.linger()
        else:
            self._protocol.transport.close()
