"""Attacks by number and by time: connections, heads and bodies that take long, readers that do not read, hang-ups."""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

import psutil
from attacks import Tool, attack, read_one

if TYPE_CHECKING:
    from collections.abc import Callable

_HEAD = b"POST /predict HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"


def _hold(tool: Tool, count: int, first: bytes, drip: Callable[[int], bytes] | None = None, every: float = 1.0) -> None:
    """Open connections, send each its first bytes, then some more now and then, until the time is over."""
    with ExitStack() as stack:
        held: list[socket.socket] = []
        for _ in tool.again(count):
            one = socket.socket()
            stack.callback(one.close)
            with suppress(OSError):
                one.settimeout(0.5)
                one.connect(("127.0.0.1", tool.port))
                one.setblocking(False)
                one.sendall(first)
                held.append(one)
                tool.sent += 1
        for number in tool.again(10_000):
            time.sleep(min(every, max(0.05, tool.deadline - time.monotonic())))
            for one in held if drip is not None else ():
                with suppress(OSError):
                    one.send(drip(number))
        for one in held:
            with suppress(OSError):
                if one.recv(1 << 16):
                    tool.statuses[408] += 1


@attack("idle", "6,000 connections that say nothing", 8)
def _idle(tool: Tool) -> None:
    _hold(tool, 6_000, b"")


@attack("idle-kept", "6,000 connections that asked once", 8)
def _idle_kept(tool: Tool) -> None:
    _hold(tool, 6_000, b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n")


@attack("half-heads", "3,000 heads that never end, a line a second", 8)
def _half_heads(tool: Tool) -> None:
    _hold(tool, 3_000, _HEAD, lambda number: b"x-%d: y\r\n" % number)


@attack("slow-bodies", "1,500 bodies, a byte a second", 8)
def _slow_bodies(tool: Tool) -> None:
    _hold(tool, 1_500, _HEAD + b"content-length: 5000\r\n\r\n{", lambda _: b" ")


@attack("slow-chunks", "1,000 bodies in chunks, one a second", 8)
def _slow_chunks(tool: Tool) -> None:
    _hold(tool, 1_000, _HEAD + b"transfer-encoding: chunked\r\n\r\n", lambda _: b"1\r\n \r\n")


@attack("bodies-held", "40 bodies of 9.9 of their 10 MB, and then nothing", 8)
def _bodies_held(tool: Tool) -> None:
    with ExitStack() as stack:
        for _ in tool.again(40):
            with suppress(OSError):
                one = stack.enter_context(tool.connection(2))
                one.sendall(_HEAD + b"content-length: 9999999\r\n\r\n" + b" " * 9_900_000)
                tool.sent += 1
        time.sleep(max(0.1, tool.deadline - time.monotonic()))


def _large(tool: Tool) -> bytes:
    row = json.dumps([{**tool.row, "note": ""}[name] for name in tool.names])
    names = json.dumps(tool.names)
    return f'{{"dataframe_split": {{"columns": {names}, "data": [{",".join([row] * 40_000)}]}}}}'.encode()


@attack("bodies-at-once", "eight good bodies of 5 MB at once, again and again", 8, _large)
def _bodies_at_once(tool: Tool) -> None:
    tool.at_once(8, lambda: tool.post_again(tool.made, 3))


@attack("slow-readers", "60 answers of megabytes that nobody reads", 8)
def _slow_readers(tool: Tool) -> None:
    body = tool.records(*[{"note": ""}] * 5_000)
    with ExitStack() as stack:
        for _ in tool.again(60):
            one = stack.enter_context(socket.socket())
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            one.settimeout(3)
            with suppress(OSError):
                one.connect(("127.0.0.1", tool.port))
                one.sendall(tool.head(body) + body)
                tool.sent += 1
        time.sleep(max(0.1, tool.deadline - time.monotonic()))


@attack("header-huge", "one header of 20 MB", 4)
def _header_huge(tool: Tool) -> None:
    for _ in tool.again(5):
        tool.exchange(b"GET /health HTTP/1.1\r\nhost: x\r\nx: " + b"a" * 20_000_000 + b"\r\n\r\n", 2)


@attack("header-endless", "20 headers that grow by 8 MB each, and never end", 6)
def _header_endless(tool: Tool) -> None:
    with ExitStack() as stack:
        for _ in tool.again(20):
            with suppress(OSError):
                one = stack.enter_context(tool.connection(1))
                tool.sent += 1
                one.sendall(b"GET /health HTTP/1.1\r\nhost: x\r\nx: " + b"a" * 8_000_000)
        time.sleep(max(0.1, tool.deadline - time.monotonic()))


@attack("headers-many", "1,000,000 headers", 5)
def _headers_many(tool: Tool) -> None:
    for _ in tool.again(4):
        tool.exchange(b"GET /health HTTP/1.1\r\nhost: x\r\n" + b"a: b\r\n" * 1_000_000 + b"\r\n", 3)


def _headers(_: Tool) -> bytes:
    return b"".join(b"x-%d: y\r\n" % number for number in range(300_000))


@attack("headers-different", "300,000 different headers", 5, _headers)
def _headers_different(tool: Tool) -> None:
    for _ in tool.again(4):
        tool.exchange(b"GET /health HTTP/1.1\r\nhost: x\r\n" + tool.made + b"\r\n", 3)


def _pipeline(tool: Tool, raw: bytes, most: int) -> None:
    """Send the same on one connection without reading, as long as the server takes it."""
    with suppress(OSError), tool.connection(1) as one:
        for _ in tool.again(most):
            one.sendall(raw * 100)
            tool.sent += 100
        time.sleep(max(0, min(1, tool.deadline - time.monotonic())))


@attack("pipeline-gets", "100,000 requests in a pipe, and nobody reads", 4)
def _pipeline_gets(tool: Tool) -> None:
    _pipeline(tool, b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n", 1000)


@attack("pipeline-metrics", "20,000 times /metrics in a pipe, and nobody reads", 4)
def _pipeline_metrics(tool: Tool) -> None:
    _pipeline(tool, b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n", 200)


@attack("pipeline-predictions", "50,000 predictions in a pipe, and nobody reads", 4)
def _pipeline_predictions(tool: Tool) -> None:
    body = tool.records()
    _pipeline(tool, tool.head(body) + body, 500)


@attack("garbage", "random bytes as fast as they are taken", 4)
def _garbage(tool: Tool) -> None:
    raw = [os.urandom(2_000) for _ in range(50)]
    for number in tool.again(20_000):
        with suppress(OSError), tool.connection(1) as one:
            tool.sent += 1
            one.sendall(raw[number % 50])


@attack("garbage-long", "one connection with 200 MB of random bytes", 4)
def _garbage_long(tool: Tool) -> None:
    raw = os.urandom(1 << 20)
    for number in tool.again(200):
        with suppress(OSError), tool.connection(1) as one:
            for _ in tool.again(200 - number):
                one.sendall(raw)


@attack("connects", "connections that close at once", 4)
def _connects(tool: Tool) -> None:
    for _ in tool.again(30_000):
        with suppress(OSError), tool.connection(1) as one:
            tool.sent += 1
            # With a reset, so that no address stays in use.
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


@attack("hang-ups", "a client that asks for 300 rows and hangs up, again and again", 4)
def _hang_ups(tool: Tool) -> None:
    body = tool.records(*[{}] * 300)
    for number in tool.again(3_000):
        with suppress(OSError), tool.connection(1) as one:
            tool.sent += 1
            one.sendall(tool.head(body) + body[: len(body) if number % 3 else 20_000])
            if number % 2:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def _rate(tool: Tool, raw: Callable[[int], bytes], most: int = 50_000) -> None:
    """One request after the other on kept connections, as fast as four of them are answered."""

    def does() -> None:
        one: socket.socket | None = None
        for number in tool.again(most // 4):
            with suppress(OSError):
                if one is None:
                    one = socket.create_connection(("127.0.0.1", tool.port), timeout=5)
                one.sendall(raw(number))
                tool.sent += 1
                if answer := read_one(one):
                    tool.noted(answer)
                    continue
            if one is not None:
                one.close()
            one = None

    tool.at_once(4, does)


@attack("rate-refused", "bodies that are refused, as fast as they are", 5)
def _rate_refused(tool: Tool) -> None:
    _rate(tool, lambda _: tool.head(b"{}") + b"{}")


@attack("rate-faults", "bodies with 1,000 faulty rows, as fast as they are refused", 5)
def _rate_faults(tool: Tool) -> None:
    body = tool.records(*[dict.fromkeys(tool.names, "?")] * 1_000)
    _rate(tool, lambda _: tool.head(body) + body)


@attack("rate-paths", "paths that there are not, each another", 5)
def _rate_paths(tool: Tool) -> None:
    _rate(tool, lambda number: b"GET /nothing/%d HTTP/1.1\r\nhost: x\r\n\r\n" % number)


@attack("rate-keys", "good requests, each with another routing key and id of 2 kB", 5)
def _rate_keys(tool: Tool) -> None:
    body = tool.records()
    _rate(
        tool,
        lambda n: tool.head(body, more=[f"x-routing-key: {'k' * 2000}{n}", f"x-request-id: {'i' * 2000}{n}"]) + body,
    )


@attack("rate-metrics", "/metrics and /openapi.json, as fast as they come", 5)
def _rate_metrics(tool: Tool) -> None:
    paths = (b"/metrics", b"/openapi.json", b"/docs")
    _rate(tool, lambda number: b"GET %s HTTP/1.1\r\nhost: x\r\n\r\n" % paths[number % 3])


@attack("worker-stopped", "a worker that hangs (SIGSTOP) for three seconds", 4)
def _worker_stopped(tool: Tool) -> None:
    worker = psutil.Process(tool.pid).children()[0]
    worker.send_signal(signal.SIGSTOP)
    tool.sent += 1
    try:
        time.sleep(3)
    finally:
        with suppress(psutil.NoSuchProcess):
            worker.send_signal(signal.SIGCONT)


@attack("reads-a-byte", "large answers, read a byte at a time", 6)
def _reads_a_byte(tool: Tool) -> None:
    body = tool.records(*[{"note": ""}] * 2_000)
    with ExitStack() as stack, selectors.DefaultSelector() as ready:
        for _ in tool.again(30):
            with suppress(OSError):
                one = stack.enter_context(tool.connection(2))
                one.sendall(tool.head(body) + body)
                ready.register(one, selectors.EVENT_READ)
                tool.sent += 1
        for _ in tool.again(100_000):
            for key, _events in ready.select(0.2):
                with suppress(OSError):
                    key.fileobj.recv(1)  # type: ignore[union-attr]
            time.sleep(0.05)
