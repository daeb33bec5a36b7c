"""The admin routes: a process of their own on a port of their own, so that no prediction port ever has them."""

from __future__ import annotations

import asyncio
import hmac
import signal
from itertools import count
from typing import TYPE_CHECKING, Any

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from modelway.serve.answers import to_json
from modelway.serve.bodies import GoneError, Uploads, read_body
from modelway.serve.connections import Connections
from modelway.serve.events import capture_library_logs
from modelway.serve.refusals import RefusedError

if TYPE_CHECKING:
    import socket

    from starlette.requests import Request

    from modelway.serve.channel import Channel

_PATIENCE = 300.0
"""Seconds that a reload may take."""
_MOST_CONNECTIONS = 128
_MOST_BYTES = 64 * 1024
_CLIENT_SECONDS = 10.0
"""How long a client may take for a head, for a body, and to read a response."""
_ENDED: dict[str, Any] = {"status": 503, "answer": {"message": "the server has ended"}}
"""The answer to what the supervisor can't answer any more."""
_REMEDIES = {
    "reload": 'Send {"champion": DIRECTORY, "challengers": [DIRECTORY, ...]}, or nothing to read the same again.'
}


class _Reload(msgspec.Struct, forbid_unknown_fields=True):
    champion: str | None = None
    challengers: list[str] = msgspec.field(default_factory=list)


class Admin:
    """Passes requests on to the supervisor.

    Args:
        channel: to the supervisor.
        token: what every request has to bring, as `Authorization: Bearer TOKEN`.
    """

    def __init__(self, channel: Channel, token: str) -> None:
        self._channel = channel
        self._expected = f"Bearer {token}".encode()
        self._numbers = count()
        self._uploads = Uploads(_MOST_CONNECTIONS * _MOST_BYTES)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._server: uvicorn.Server | None = None

    async def serve(self, listener: socket.socket) -> None:
        """Serve until the supervisor is gone or ends this process."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self._channel.fileno(), self._receive)
        routes = [
            Route("/status", self._status, methods=["GET"]),
            Route("/reload", self._reload, methods=["POST"]),
            Route("/drain", self._end, methods=["POST"]),
        ]
        pages = Starlette(routes=routes)
        pages.router.redirect_slashes = False
        connections = Connections(_MOST_CONNECTIONS, _CLIENT_SECONDS, _CLIENT_SECONDS, _CLIENT_SECONDS)
        config = uvicorn.Config(
            pages, http=connections.protocol(), lifespan="off", ws="none",
            log_config=None, access_log=False, server_header=False,
        )  # fmt: skip
        self._server = uvicorn.Server(config)
        sweeping = asyncio.create_task(connections.sweep_often())
        await self._server.serve(sockets=[listener])
        sweeping.cancel()

    def _receive(self) -> None:
        messages = self._channel.receive()
        if messages is None:
            asyncio.get_running_loop().remove_reader(self._channel.fileno())
            if self._server is not None:
                self._server.should_exit = True
            messages = [{"id": number, **_ENDED} for number in self._waiting]  # uvicorn waits for these requests
        for message in messages:
            future = self._waiting.pop(message.pop("id"), None)
            if future is not None and not future.done():
                future.set_result(message)

    async def _status(self, request: Request) -> Response:
        return await self._pass_on(request, {"do": "status"})

    async def _end(self, request: Request) -> Response:
        return await self._pass_on(request, {"do": "end"})

    async def _reload(self, request: Request) -> Response:
        if not self._allows(request):
            return _denied()
        length = dict(request.headers.raw).get(b"content-length")
        try:
            body = await read_body(request.receive, length, _MOST_BYTES, _CLIENT_SECONDS, self._uploads)
            wanted = msgspec.json.decode(body or b"{}", type=_Reload)
        except RefusedError as refusal:
            return _json({"message": refusal.message}, refusal.status)
        except GoneError:
            return Response(status_code=400)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            wanted = None
        if wanted is None or (wanted.champion is None and wanted.challengers):
            return _json({"message": "the body can't be used", "remedy": _REMEDIES["reload"]}, 422)
        message = {"do": "reload", "champion": wanted.champion, "challengers": wanted.challengers}
        return await self._pass_on(request, message)

    async def _pass_on(self, request: Request, message: dict[str, Any]) -> Response:
        if not self._allows(request):
            return _denied()
        number = next(self._numbers)
        future = self._waiting[number] = asyncio.get_running_loop().create_future()
        if not self._channel.send({**message, "id": number}):
            self._waiting.pop(number)
            return _json(_ENDED["answer"], _ENDED["status"])
        try:
            async with asyncio.timeout(_PATIENCE):
                answer = await future
        except TimeoutError:
            return _json({"message": "the workers did not answer in time"}, 504)
        return _json(answer["answer"], answer["status"])

    def _allows(self, request: Request) -> bool:
        """Compared in constant time: how long a refusal takes tells nothing about the token."""
        given = request.headers.get("authorization", "").encode("latin-1")
        return hmac.compare_digest(given, self._expected)


def _denied() -> Response:
    return _json({"message": "a token is wanted"}, 401, {"www-authenticate": "Bearer"})


def _json(body: dict[str, Any], status: int, headers: dict[str, str] | None = None) -> Response:
    return Response(to_json(body), status, headers, media_type="application/json")


def administrate(channel: Channel, listener: socket.socket, token: str) -> int:
    """Be the admin process; its exit code."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    capture_library_logs()
    asyncio.run(Admin(channel, token).serve(listener))
    return 0
