"""Connections of urllib3 that heed deadlines: of botocore's clients, and of what else in this process uses urllib3.

urllib3's read timeout is per read of the socket, so a server that sends a byte a second is waited for without end. Here
every read and write has what is left of the call's deadline; a call without one has a deadline of its own.
"""

from __future__ import annotations

import io
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from modelway.waiting import LEAST, OverdueError, Wait, current, default_seconds, moved_elsewhere

if TYPE_CHECKING:
    from collections.abc import Buffer  # type: ignore[attr-defined,unused-ignore]

_PIECE = 64 << 10
"""Bytes that are sent at once, so that those that went count."""


@lru_cache(maxsize=1)
def bound_botocore() -> None:
    """Let all clients of botocore in this process heed deadlines, also those that look for credentials."""
    from botocore import awsrequest

    for pool in (awsrequest.AWSHTTPConnectionPool, awsrequest.AWSHTTPSConnectionPool):
        pool.ConnectionCls = _bounded(pool.ConnectionCls)


@lru_cache(maxsize=1)
def bound_urllib3() -> None:
    """Let all other users of urllib3 in this process heed deadlines, such as requests."""
    from urllib3 import HTTPConnectionPool, HTTPSConnectionPool

    for pool in (HTTPConnectionPool, HTTPSConnectionPool):
        pool.ConnectionCls = _bounded(pool.ConnectionCls)


@lru_cache(maxsize=1)
def bound_sqlalchemy() -> None:
    """Count each statement of a database that ends as enough: migrations are many short ones."""
    from sqlalchemy import Engine, event

    def ended(*_: Any) -> None:
        if (bound := current()) is not None:
            bound.moved(LEAST)

    event.listen(Engine, "after_cursor_execute", ended)


def _bounded(kind: Any) -> Any:
    return type(f"Bounded{kind.__name__}", (_Bounded, kind), {})


class _Bounded:
    """Mixed into a connection of urllib3."""

    host: str
    port: int
    sock: Any
    own: Wait | None = None

    def request(self, *args: Any, **kwargs: Any) -> Any:
        """Send a request; its own deadline begins, for where the thread works for no call."""
        self._begin()
        return super().request(*args, **kwargs)  # type: ignore[misc]

    def connect(self) -> None:
        """Connect, then hand out a socket that heeds the deadline."""
        self._begin()
        super().connect()  # type: ignore[misc]
        self.sock = _Socket(self.sock, self)

    def deadline(self) -> Wait:
        return current() or self.own or self._begin()

    def _begin(self) -> Wait:
        peer = f"{self.host}:{self.port}"
        self.own = Wait(peer, default_seconds(), peer, renewed=True)
        if (bounding := current()) is not None and bounding.renewed:
            bounding.peer = peer
        return self.own

    def _new_conn(self) -> Any:
        """Resolve the name and try its addresses, all within the deadline: each of them alone has the timeout."""
        from urllib3.exceptions import ConnectTimeoutError

        deadline = self.deadline()
        made = super()._new_conn  # type: ignore[misc]

        def connect() -> Any:
            found = made()
            if not deadline.left:
                found.close()  # nobody takes it any more
            return found

        try:
            found = deadline.run(connect)
        except OverdueError as error:
            raise ConnectTimeoutError(self, str(error.what)) from error
        found.settimeout(_least(found.gettimeout(), deadline))  # bounds the TLS handshake
        return found

    def _tunnel(self) -> None:
        plain = self.sock
        self.sock = _Socket(plain, self)
        super()._tunnel()  # type: ignore[misc]
        if self.sock is not None:
            self.sock = plain


class _Socket:
    """A socket, of which http.client uses `makefile` and `sendall`; the rest is the socket's own."""

    def __init__(self, plain: Any, connection: _Bounded) -> None:
        self._plain = plain
        self._connection = connection
        self._timeout: float | None = plain.gettimeout()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._plain, name)

    def settimeout(self, seconds: float | None) -> None:
        self._timeout = seconds
        self._plain.settimeout(seconds)

    def sendall(self, data: Any) -> None:
        with memoryview(data).cast("B") as view:
            sent = 0
            while sent < len(view):
                self._prepare()
                count = self._plain.send(view[sent : sent + _PIECE])
                self._moved(count)
                sent += count

    def makefile(self, mode: str, buffering: int | None = None) -> Any:
        raw = _Reader(self._plain.makefile(mode, 0), self)
        return raw if buffering == 0 else io.BufferedReader(raw)

    def receive(self, raw: Any, buffer: Buffer) -> int | None:
        self._prepare()
        count: int | None = raw.readinto(buffer)
        self._moved(count or 0)
        return count

    def _prepare(self) -> None:
        deadline = self._connection.deadline()
        if not deadline.left:
            raise TimeoutError(deadline.error().what)
        self._plain.settimeout(_least(self._timeout, deadline))

    def _moved(self, count: int) -> None:
        if current() is None:
            moved_elsewhere(count)
        self._connection.deadline().moved(count)


class _Reader(io.RawIOBase):
    def __init__(self, raw: Any, socket: _Socket) -> None:
        self._raw = raw
        self._socket = socket

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int | None:
        return self._socket.receive(self._raw, buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


def _least(timeout: float | None, deadline: Wait) -> float:
    """A timeout that is never 0, which would mean not to wait at all."""
    return max(0.001, min(deadline.left, deadline.seconds if timeout is None else timeout))
