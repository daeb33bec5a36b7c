"""Attacks by the form of a request: smuggling, other protocols, odd heads. What RFC 9112 wants is held against answers.

Each form is sent again and again for a second, on connections of their own.
"""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from attacks import Tool, add, answers, attack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_SMUGGLED = b"GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n"
_SECONDS = 1.0
_PATIENCE = 0.4
"""Seconds without a byte after which an answer counts as whole."""
_PREDICT = b"POST /predict HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"


def _form(
    name: str,
    about: str,
    raw: Callable[[Tool], bytes] | bytes,
    wanted: str,
    most: int = 200,
    patience: float = _PATIENCE,
) -> None:
    """Register a form.

    Args:
        name: of the attack.
        about: what is sent.
        raw: its bytes.
        wanted: `refused`: no answer, or one, of 4xx or 5xx. `single`: one answer at most. `fine`: a 200 comes first.
            `any`: whatever does not end the server.
        most: how often at most.
        patience: how long to wait for more of an answer.
    """

    def does(tool: Tool) -> None:
        sent = raw if isinstance(raw, bytes) else tool.made
        for _ in tool.again(most):
            statuses = talk(tool, sent, patience)
            good = {
                "refused": len(statuses) <= 1 and all(status >= 400 for status in statuses),
                "single": len(statuses) <= 1,
                "fine": statuses[:1] == [200],
                "any": True,
            }[wanted]
            if not good:
                tool.fault(f"answers {statuses}, wanted {wanted}", sent)

    add(name, about, does, _SECONDS, None if isinstance(raw, bytes) else raw)


def talk(tool: Tool, raw: bytes, patience: float = _PATIENCE, first: float = 5.0) -> list[int]:
    """Send bytes and leave the connection open; the statuses of what comes back until nothing comes.

    Args:
        tool: the attack's.
        raw: what is sent.
        patience: seconds to wait for more of an answer.
        first: seconds to wait for its beginning.
    """
    tool.sent += 1
    answer = b""
    with suppress(OSError), tool.connection(5) as one:
        with suppress(OSError):
            one.sendall(raw)
        one.settimeout(first)
        with suppress(OSError):
            while part := one.recv(1 << 16):
                answer += part
                one.settimeout(patience)
    return tool.noted(answer, raw)


def _get(path: str, *more: str, version: str = "HTTP/1.1", method: str = "GET") -> bytes:
    return "\r\n".join([f"{method} {path} {version}", "host: 127.0.0.1", *more, "", ""]).encode("latin-1", "replace")


def _post(fields: Iterable[str], body: bytes) -> bytes:
    return _PREDICT + "".join(f"{field}\r\n" for field in fields).encode("latin-1") + b"\r\n" + body


_CHUNKED = b"0\r\n\r\n" + _SMUGGLED
_form(
    "smuggle-cl-te",
    "content-length and transfer-encoding",
    _post([f"content-length: {len(_CHUNKED)}", "transfer-encoding: chunked"], _CHUNKED),
    "single",
)
_form(
    "smuggle-te-cl",
    "the other way round",
    _post(["transfer-encoding: chunked", "content-length: 4"], b"5c\r\n" + _SMUGGLED + b"\r\n0\r\n\r\n"),
    "single",
)
for _number, _coding in enumerate(
    (
        "xchunked",
        "chunked, identity",
        "identity",
        "chunked\x0b",
        "\x0bchunked",
        '"chunked"',
        "chunked;a=b",
        "gzip, chunked",
        "",
    )
):
    _form(
        f"smuggle-te-{_number}",
        f"transfer-encoding: {_coding!r}",
        _post([f"transfer-encoding: {_coding}", f"content-length: {len(_CHUNKED)}"], _CHUNKED),
        "single",
    )
_form(
    "smuggle-te-space",
    "a space before the colon",
    _post(["transfer-encoding : chunked", f"content-length: {len(_CHUNKED)}"], _CHUNKED),
    "refused",
)
_form(
    "smuggle-te-twice",
    "two transfer-encodings",
    _post(["transfer-encoding: chunked", "transfer-encoding: identity"], _CHUNKED),
    "single",
)
_form(
    "smuggle-te-10",
    "transfer-encoding in HTTP/1.0",
    _post(["transfer-encoding: chunked"], _CHUNKED).replace(b"1.1", b"1.0", 1),
    "single",
)
_form(
    "smuggle-cl-two",
    "two lengths that differ",
    _post(["content-length: 2", "content-length: 0"], b"{}" + _SMUGGLED),
    "refused",
)
for _number, _length in enumerate(
    ("+2", "-2", "0x2", "2, 3", "2 2", "2_0", "\xb2", "1e1", "", "9" * 40, "18446744073709551618")
):
    _form(
        f"smuggle-cl-{_number}",
        f"content-length: {_length!r}",
        _post([f"content-length: {_length}"], b"{}" + _SMUGGLED),
        "refused",
    )
for _number, _size in enumerate(("g", "-1", "0x5", "F" * 17, "+5", "5 5", "", "1" + "0" * 300, "\xb2")):
    _form(
        f"chunk-size-{_number}",
        f"a chunk of size {_size[:20]!r}",
        _post(["transfer-encoding: chunked"], _size.encode("latin-1") + b'\r\n{"a"}\r\n0\r\n\r\n'),
        "refused",
    )
_form(
    "chunk-overrun",
    "a chunk longer than its size",
    _post(["transfer-encoding: chunked"], b"1\r\n{}}}}\r\n0\r\n\r\n"),
    "refused",
)
_form(
    "chunk-extension",
    "an extension of 2 MB",
    _post(["transfer-encoding: chunked"], b"1;" + b"a" * 2_000_000 + b"\r\n{\r\n0\r\n\r\n"),
    "single",
    5,
)
_form(
    "chunk-trailers",
    "200,000 trailers",
    _post(["transfer-encoding: chunked"], b"0\r\n" + b"a: b\r\n" * 200_000 + b"\r\n"),
    "single",
    5,
)
_form(
    "chunks-tiny",
    "a body in 1,000,000 chunks of a byte",
    lambda _: _post(["transfer-encoding: chunked"], b"1\r\n{\r\n" * 1_000_000 + b"0\r\n\r\n"),
    "single",
    3,
)
_form("line-feeds", "lines that end with a line feed alone", b"GET /health HTTP/1.1\nhost: x\n\n", "single")
_form(
    "returns", "lines that end with a carriage return alone", b"GET /health HTTP/1.1\rhost: x\r\r" + _SMUGGLED, "single"
)
_form("folded", "a header over several lines", _get("/health", "x: a\r\n b\r\n\tc"), "single")
_form("header-nul", "NUL in a header", _get("/health", "x: a\0b"), "refused")
_form(
    "header-return",
    "a lone carriage return in a header",
    _get("/health", "x: a\rtransfer-encoding: chunked"),
    "refused",
)
_form("header-no-colon", "a header without a colon", _get("/health", "garbage"), "refused")
_form("header-no-name", "a header without a name", _get("/health", ": x"), "refused")
_form("header-bytes", "headers that are no ASCII", _get("/health", "x-request-id: \xff\xfe\xe9"), "any")
_form("host-none", "no host", b"GET /health HTTP/1.1\r\n\r\n", "refused")
_form("host-two", "two hosts", _get("/health", "host: other"), "refused")
_form("host-odd", "hosts that are none", b"GET /health HTTP/1.1\r\nhost: a b@c/\\:99999999\r\n\r\n", "any")
_form("http-0.9", "HTTP/0.9", b"GET /health\r\n\r\n", "refused")
_form("http-1.0", "HTTP/1.0", b"GET /health HTTP/1.0\r\n\r\n", "fine")
_form("http-9.9", "HTTP/9.9", _get("/health", version="HTTP/9.9"), "refused")
_form("http-lower", "http/1.1", _get("/health", version="http/1.1"), "refused")
_form("http-2-preface", "HTTP/2's preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0" * 10, "refused")
_form(
    "http-2-upgrade",
    "an upgrade to h2c",
    _get("/health", "connection: upgrade, http2-settings", "upgrade: h2c", "http2-settings: AAMAAABk"),
    "single",
)
_form(
    "tls-hello",
    "a TLS hello to the plain port",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\xab" * 507,
    "refused",
)
_form(
    "websocket",
    "an upgrade to websockets",
    _get(
        "/predict",
        "connection: upgrade",
        "upgrade: websocket",
        "sec-websocket-version: 13",
        "sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==",
    ),
    "single",
)
_form("absolute-form", "http://host/path as the target", _get("http://127.0.0.1/health"), "fine")
_form("authority-form", "a host as the target", _get("127.0.0.1:80"), "refused")
_form("asterisk-form", "OPTIONS *", _get("*", method="OPTIONS"), "any")
_form("head", "HEAD of a path with an answer", _get("/health", method="HEAD"), "any")
_form("method-long", "a method of 100 kB", _get("/health", method="A" * 100_000), "refused", 50)
_form("path-long", "a path of 1 MB", _get("/v2/models/" + "a" * 1_000_000), "refused", 20)
_form("query-long", "a query of 60 kB", _get("/health?" + "a=b&" * 15_000), "any", 50)
_form("name-long", "metadata of a model with a name of 50 kB", _get("/v2/models/" + "%41" * 16_000), "refused", 50)
_form("path-encoded", "a model's name in percent-encoding", _get("/v2/models/%6c%6f%61%6e%73"), "any")
_form("path-climbs", "paths that climb", _get("/v2/models/..%2f..%2f..%2fetc%2fpasswd"), "refused")
_form("path-bytes", "paths with NUL, invalid UTF-8 and escapes", _get("/v2/models/%00%ff%c0%80%1b[2J\xff"), "refused")
_form(
    "expect",
    "expect: 100-continue",
    lambda t: _post([f"content-length: {len(t.records())}", "expect: 100-continue"], t.records()),
    "fine",
)
_form(
    "expect-odd",
    "expect: a miracle",
    lambda t: _post([f"content-length: {len(t.records())}", "expect: miracle"], t.records()),
    "any",
)
_form(
    "id-long",
    "a request id of 60 kB",
    lambda t: _post([f"content-length: {len(t.records())}", "x-request-id: " + "i" * 60_000], t.records()),
    "any",
)
_form(
    "id-odd",
    "a request id with terminal escapes",
    lambda t: _post([f"content-length: {len(t.records())}", "x-request-id: \x1b[2J\x9b31m\xff"], t.records()),
    "any",
)
_form(
    "key-long",
    "a routing key of 60 kB",
    lambda t: _post([f"content-length: {len(t.records())}", "x-routing-key: " + "k" * 60_000], t.records()),
    "any",
)
_form(
    "length-short",
    "a body shorter than its length, and then the end",
    lambda t: _post([f"content-length: {len(t.records()) + 50}"], t.records()),
    "refused",
    2,
)
_form(
    "length-long",
    "a body longer than its length",
    lambda t: _post([f"content-length: {len(t.records()) - 5}"], t.records() + _SMUGGLED),
    "any",
)


@attack("expect-waits", "expect: 100-continue, from clients that wait for it", 2)
def _expect_waits(tool: Tool) -> None:
    body = tool.records()
    for _ in tool.again(100):
        with suppress(OSError), tool.connection(5) as one:
            tool.sent += 1
            one.sendall(tool.head(body, more=["expect: 100-continue"]))
            begin, interim = time.monotonic(), one.recv(1000)
            if not interim.startswith(b"HTTP/1.1 100") or time.monotonic() - begin > 1:
                tool.fault(
                    f"{interim[:30]!r} after {time.monotonic() - begin:.1f} s, wanted 100", b"expect: 100-continue"
                )
                return
            one.sendall(body)
            tool.noted(one.recv(1 << 16))


@attack("methods", "CONNECT, TRACE, PUT and others on every path", 3)
def _methods(tool: Tool) -> None:
    paths = (
        "/",
        "/predict",
        "/invocations",
        "/v2",
        "/v2/models/loans",
        "/v2/models/loans/infer",
        "/health",
        "/metrics",
        "/docs",
        "/openapi.json",
        "*",
    )
    for method in ("CONNECT", "TRACE", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "PROPFIND", "get", "BREW"):
        for path in paths:
            if tool.over:
                return
            raw = _get(path, "content-length: 2", "connection: close", method=method) + b"{}"
            statuses = tool.exchange(raw, 2)
            if method in {"CONNECT", "TRACE", "PUT", "DELETE", "PATCH"} and any(status < 400 for status in statuses):
                tool.fault(f"answers {statuses} to {method}", raw)


@attack("half-closed", "clients that close their side and read", 2)
def _half_closed(tool: Tool) -> None:
    body = tool.records()
    for _ in tool.again(300):
        with suppress(OSError), tool.connection(5) as one:
            tool.sent += 1
            one.sendall(tool.head(body) + body)
            one.shutdown(socket.SHUT_WR)
            found = b""
            while part := one.recv(1 << 16):
                found += part
            if not list(answers(found)):
                tool.statuses[0] += 1
            else:
                tool.noted(found)
