"""A proxy before an API server, a stand-in or a real one, that lets requests fail as networks and servers let them."""

from __future__ import annotations

import http.client
import json
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import ssl

SLOW_SECONDS = 0.1


@dataclass
class Fault:
    """What happens to some requests.

    Attributes:
        kind: `failed` (500), `conflict` (409), `expired` (401), which the server never sees; `lost`, which it does, but
            its answer is not received; `slow`, whose answer comes late.
        methods: the HTTP methods that it happens to; all when empty.
        after: requests of these methods that are spared.
        times: how many it happens to; None for all that follow.
    """

    kind: str
    methods: tuple[str, ...] = ()
    after: int = 0
    times: int | None = 1


STATUSES = {"failed": (500, "InternalError"), "conflict": (409, "Conflict"), "expired": (401, "Unauthorized")}


class FaultyApi:
    """A context manager; `url` is where it listens.

    Args:
        upstream: the API server's address.
        context: how its certificate is verified, for https.
    """

    def __init__(self, upstream: str, context: ssl.SSLContext | None = None) -> None:
        self.faults: list[Fault] = []
        self.struck = 0
        """Requests that a fault happened to."""
        self._upstream, self._context = urlsplit(upstream), context
        self._lock = threading.Lock()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            def handle_any(self) -> None:
                proxy._handle(self)

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            setattr(Handler, f"do_{method}", Handler.handle_any)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        serve = {"poll_interval": 0.02}
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs=serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handle(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        kind = self._strikes(request.command)
        if kind in STATUSES:
            status, reason = STATUSES[kind]
            told = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": status}
            self._answer(request, status, json.dumps({**told, "message": f"{reason}, by the drill"}).encode())
            return
        if kind == "slow":
            time.sleep(SLOW_SECONDS)
        status, content = self._forward(request, body)
        if kind == "lost":
            request.close_connection = True
            return
        self._answer(request, status, content)

    def _strikes(self, method: str) -> str:
        """Which fault happens to this request; empty where none does."""
        with self._lock:
            for fault in self.faults:
                if fault.methods and method not in fault.methods:
                    continue
                if fault.after:
                    fault.after -= 1
                elif fault.times is None or fault.times:
                    fault.times = None if fault.times is None else fault.times - 1
                    self.struck += 1
                    return fault.kind
        return ""

    def _forward(self, request: BaseHTTPRequestHandler, body: bytes) -> tuple[int, bytes]:
        kind: Any = http.client.HTTPSConnection if self._upstream.scheme == "https" else http.client.HTTPConnection
        more = {"context": self._context} if self._upstream.scheme == "https" else {}
        connection = kind(self._upstream.hostname, self._upstream.port, timeout=60, **more)
        dropped = {"host", "connection", "content-length", "accept-encoding"}
        headers = {name: value for name, value in request.headers.items() if name.lower() not in dropped}
        try:
            connection.request(request.command, request.path, body or None, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def _answer(self, request: BaseHTTPRequestHandler, status: int, content: bytes) -> None:
        request.send_response(status)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)
