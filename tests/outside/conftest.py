"""Servers on the loopback that misbehave, each in one way, and a way to see that a call ends."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from modelway.storage.s3 import s3_client
from modelway.waiting import VARIABLE

SECONDS = 2.0
LONGEST = 40.0
"""How long a test waits before it says that a call never ends; a busy machine is far from it."""
HTML = b"<!DOCTYPE html><html><head><title>Log in</title></head><body>Welcome to the airport</body></html>"
OTHER = b'<?xml version="1.0"?><EnumerationResults ContainerName="x"><Blobs/></EnumerationResults>'


def answer(body: bytes, status: str = "200 OK", kind: str = "application/xml", length: int | None = None) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body) if length is None else length}\r\n"
    if length is not None:  # what is cut short begins as an object does
        head += 'ETag: "00000000000000000000000000000000"\r\n'
    return f"{head}Connection: close\r\n\r\n".encode() + body


@dataclass
class Server:
    """A server whose connections are all treated alike."""

    treat: Callable[[socket.socket], None]
    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0), backlog=64))
    ending: threading.Event = field(default_factory=threading.Event)
    accepted: int = 0

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.listener.getsockname()[1]}"

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    def run(self) -> None:
        while not self.ending.is_set():
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.accepted += 1
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            self.treat(client)

    def close(self) -> None:
        self.ending.set()
        self.listener.close()


def read_head(client: socket.socket) -> bytes:
    """The head of a request, and whatever else came with it."""
    client.settimeout(LONGEST)
    head = b""
    while b"\r\n\r\n" not in head and (block := client.recv(65536)):
        head += block
    if b"100-continue" in head.lower():
        client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    return head


def wait_for_end(client: socket.socket) -> None:
    """Hold a connection until the other side closes it."""
    client.settimeout(LONGEST)
    while client.recv(65536):
        pass


def hang(client: socket.socket) -> None:
    read_head(client)
    wait_for_end(client)


def silent(client: socket.socket) -> None:
    """Read nothing and answer nothing."""
    time.sleep(LONGEST)


def dribble(content: bytes, first: bytes = b"") -> Callable[[socket.socket], None]:
    def treat(client: socket.socket) -> None:
        read_head(client)
        client.sendall(first)
        for place in range(len(content)):
            client.sendall(content[place : place + 1])
            time.sleep(0.2)

    return treat


def say(content: bytes) -> Callable[[socket.socket], None]:
    def treat(client: socket.socket) -> None:
        read_head(client)
        client.sendall(content)
        client.shutdown(socket.SHUT_WR)
        wait_for_end(client)

    return treat


def reset(content: bytes) -> Callable[[socket.socket], None]:
    def treat(client: socket.socket) -> None:
        read_head(client)
        client.sendall(content)
        time.sleep(0.05)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")

    return treat


def to_itself(status: str) -> Callable[[socket.socket], None]:
    def treat(client: socket.socket) -> None:
        path = (read_head(client) or b" / ").split(b" ")[1].decode()
        host = "{}:{}".format(*client.getsockname())
        client.sendall(answer(b"", f"{status}\r\nLocation: http://{host}{path}"))
        wait_for_end(client)

    return treat


LISTING = b"""<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>bucket</Name>\
<IsTruncated>false</IsTruncated></ListBucketResult>"""
WAYS: dict[str, Callable[[socket.socket], None]] = {
    "hangs": hang,
    "reads nothing": silent,
    "dribbles its head": dribble(b"HTTP/1.1 200 OK\r\n" + b"X-Filler: y\r\n" * 99999),
    "dribbles its body": dribble(b" " * 9999, first=answer(b"", length=9999)),
    "truncates": say(answer(LISTING[:60], length=len(LISTING))),
    "resets": reset(answer(LISTING[:60], length=len(LISTING))),
    "closes": say(b""),
    "shows a portal": say(answer(HTML, kind="text/html")),
    "shows a portal as an error": say(answer(HTML, "404 Not Found", "text/html")),
    "redirects to a portal": say(answer(b"", "302 Found\r\nLocation: http://portal.example.org/", "text/html")),
    "redirects to itself for good": to_itself("301 Moved Permanently"),
    "redirects to itself": to_itself("307 Temporary Redirect"),
    "sends garbage": say(answer(b"<<<>>&&&\x00")),
    "sends another listing": say(answer(OTHER)),
    "sends no content": say(answer(b"")),
    "sends no HTTP": say(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "fails": say(answer(b"", "503 Service Unavailable")),
}
"""Ways to misbehave that are no S3, whatever was asked."""


@pytest.fixture
def start() -> Iterator[Callable[[Callable[[socket.socket], None]], Server]]:
    servers = []

    def begin(treat: Callable[[socket.socket], None]) -> Server:
        server = Server(treat)
        servers.append(server)
        threading.Thread(target=server.run, daemon=True).start()
        return server

    yield begin
    for server in servers:
        server.close()


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch, aws_keys: None) -> None:
    """No proxies, and clients of this test's own."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    s3_client.cache_clear()


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Shortens deadlines from then on: making a client takes long on a busy machine."""
    return lambda: monkeypatch.setenv(VARIABLE, str(SECONDS))


def outcome(call: Callable[[], Any]) -> Any:
    """What a call gives or raises; fails the test where it does not end."""
    results: list[Any] = []

    def work() -> None:
        try:
            results.append(call())
        except BaseException as error:  # noqa: BLE001 - it is the result
            results.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(LONGEST)
    assert results, "the call does not end"
    return results[0]
