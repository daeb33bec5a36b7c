"""Servers on loopback that misbehave on purpose, at the level of the socket: each is a function of one connection."""

from __future__ import annotations

import gzip
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

_TICK = 0.05
_PORTAL = b"<!DOCTYPE html><html><body>Sign in to the guest network</body></html>"


@dataclass
class Misbehaving:
    """One server.

    Attributes:
        behave: what it does with a connection after it read a request's head.
        heads: the heads of the requests that arrived.
    """

    behave: Callable[[Misbehaving, socket.socket], None]
    url: str = ""
    elsewhere: str = ""
    heads: list[bytes] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)


@contextmanager
def running(
    behave: Callable[[Misbehaving, socket.socket], None],
    certificate: Path | None = None,
    host: str = "127.0.0.1",
) -> Iterator[Misbehaving]:
    """A server that behaves so; with a certificate (PEM, with its key) it speaks TLS."""
    server = Misbehaving(behave)
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as listener:
        shown = f"[{host}]" if ":" in host else host
        server.url = f"{'https' if context else 'http'}://{shown}:{listener.getsockname()[1]}"
        threading.Thread(target=_accept, args=(listener, server, context), daemon=True).start()
        yield server
        server.over.set()
        with suppress(OSError):  # a thread that waits in accept() is not woken by close()
            listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, server: Misbehaving, context: ssl.SSLContext | None) -> None:
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            threading.Thread(target=_serve, args=(client, server, context), daemon=True).start()


def _serve(client: socket.socket, server: Misbehaving, context: ssl.SSLContext | None) -> None:
    with suppress(OSError), client:
        stream = context.wrap_socket(client, server_side=True) if context else client
        with stream:
            server.heads.append(_head(stream))
            server.behave(server, stream)
            with suppress(OSError):
                stream.shutdown(socket.SHUT_WR)


def _head(client: socket.socket) -> bytes:
    """The request up to its blank line, and its body read away: a reset would hide an answer. TLS is not understood."""
    told = b""
    while b"\r\n\r\n" not in told and not told.startswith(b"\x16") and (more := client.recv(65536)):
        told += more
    head, _, body = told.partition(b"\r\n\r\n")
    length = next((int(one[15:]) for one in head.lower().split(b"\r\n") if one.startswith(b"content-length:")), 0)
    while len(body) < length and (more := client.recv(65536)):
        body += more
    return head


def _drip(server: Misbehaving, client: socket.socket, byte: bytes) -> None:
    while not server.over.wait(_TICK):
        client.sendall(byte)


def never_answers(server: Misbehaving, client: socket.socket) -> None:
    server.over.wait()


def drips_its_head(server: Misbehaving, client: socket.socket) -> None:
    client.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    _drip(server, client, b"a")


def drips_its_body(server: Misbehaving, client: socket.socket) -> None:
    client.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n[")
    _drip(server, client, b" ")


def drips_its_last_body(server: Misbehaving, client: socket.socket) -> None:
    """As above; but the client's own end of the connection goes to the response, as no other one follows."""
    client.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n[")
    _drip(server, client, b" ")


def drips_an_error(server: Misbehaving, client: socket.socket) -> None:
    client.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 1000000\r\n\r\n")
    _drip(server, client, b" ")


def says_continue_for_ever(server: Misbehaving, client: socket.socket) -> None:
    _drip(server, client, b"HTTP/1.1 100 Continue\r\n\r\n")


def closes(server: Misbehaving, client: socket.socket) -> None:
    pass


def sends_too_much(server: Misbehaving, client: socket.socket) -> None:
    client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n")
    while not server.over.is_set():
        client.sendall(b" " * 65536)


def sends_without_end(server: Misbehaving, client: socket.socket) -> None:
    client.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while not server.over.is_set():
        client.sendall(b"10000\r\n" + b" " * 65536 + b"\r\n")


@cache
def _bomb() -> bytes:
    return gzip.compress(b" " * 100_000_000, 1)


def sends_a_bomb(server: Misbehaving, client: socket.socket) -> None:
    bomb = _bomb()
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n"
    client.sendall(head.encode() + bomb)


def stops_early(server: Misbehaving, client: socket.socket) -> None:
    client.sendall(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"a": 1}')


def tears_a_chunk(server: Misbehaving, client: socket.socket) -> None:
    client.sendall(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n{"a": 1}\r\n10\r\nab')


def is_no_http(server: Misbehaving, client: socket.socket) -> None:
    client.sendall(b"SSH-2.0-OpenSSH_9.6\r\n")


def has_a_line_too_long(server: Misbehaving, client: socket.socket) -> None:
    client.sendall(b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 200_000 + b"\r\n\r\n")


def _answers(name: str, status: str, content: bytes, *headers: str) -> Callable[[Misbehaving, socket.socket], None]:
    def behave(server: Misbehaving, client: socket.socket) -> None:
        lines = (f"HTTP/1.1 {status}", f"Content-Length: {len(content)}", *headers)
        client.sendall("".join(f"{line}\r\n" for line in lines).encode() + b"\r\n" + content)

    behave.__name__ = name
    return behave


is_a_login_page = _answers("is_a_login_page", "200 OK", _PORTAL, "Content-Type: text/html")
is_a_login_page_unlabelled = _answers("is_a_login_page_unlabelled", "200 OK", _PORTAL, "Content-Type: application/json")
nests_deeply = _answers("nests_deeply", "200 OK", b"[" * 100_000, "Content-Type: application/json")
is_empty = _answers("is_empty", "200 OK", b"", "Content-Type: application/json")
is_an_empty_list = _answers("is_an_empty_list", "200 OK", b"[]", "Content-Type: application/json")
is_a_text = _answers("is_a_text", "200 OK", b'"text"', "Content-Type: application/json")
is_no_text = _answers("is_no_text", "200 OK", b"\xff\xfe\x00", "Content-Type: application/json")
refuses = _answers("refuses", "401 Unauthorized", b'{"message": "no"}')
forbids = _answers("forbids", "403 Forbidden", b'{"message": "no"}')
holds_back = _answers("holds_back", "429 Too Many Requests", b'{"message": "later"}', "Retry-After: 3600")
is_down_for_a_second = _answers("is_down_for_a_second", "503 Service Unavailable", b"", "Retry-After: 1")
is_large = _answers("is_large", "200 OK", b" " * 2_000_000, "Content-Type: application/json")
is_down = _answers("is_down", "503 Service Unavailable", b"<html>down</html>", "Retry-After: 3600")


def redirects_to_itself(server: Misbehaving, client: socket.socket) -> None:
    _answers("", "302 Found", b"", f"Location: {server.url}/again?token=in-a-link")(server, client)


def redirects_elsewhere(server: Misbehaving, client: socket.socket) -> None:
    _answers("", "307 Temporary Redirect", b"", f"Location: {server.elsewhere}/stolen?token=in-a-link")(server, client)


def recovers(server: Misbehaving, client: socket.socket) -> None:
    """503 at first, then an empty object."""
    first = len(server.heads) == 1
    answer = _answers("", "503 Service Unavailable", b"") if first else _answers("", "200 OK", b"{}")
    answer(server, client)


NEVER_ENDING = (
    never_answers,
    drips_its_head,
    drips_its_body,
    drips_its_last_body,
    drips_an_error,
    says_continue_for_ever,
    sends_too_much,
    sends_without_end,
)
BROKEN = (closes, sends_a_bomb, stops_early, tears_a_chunk, is_no_http, has_a_line_too_long)
WRONG = (is_a_login_page, is_a_login_page_unlabelled, nests_deeply, is_empty, is_an_empty_list, is_a_text, is_no_text)
REFUSING = (refuses, forbids, holds_back, is_down, redirects_to_itself, redirects_elsewhere)


def ends(work: Callable[[], object], seconds: float = 25.0) -> object:
    """What the work gave or raised; `NeverEndedError` where it did not end within a generous time."""
    outcome: list[object] = []

    def perform() -> None:
        try:
            outcome.append(work())
        except BaseException as error:  # noqa: BLE001 - handed on
            outcome.append(error)

    thread = threading.Thread(target=perform, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        return NeverEndedError()
    return outcome[0]


class NeverEndedError(Exception):
    """What is asked goes on and on."""


def wait_until(true: Callable[[], bool], seconds: float = 20.0) -> bool:
    """Whether it comes true in time."""
    until = time.monotonic() + seconds
    while not true():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True
