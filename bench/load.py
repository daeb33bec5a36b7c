"""A client that asks a server on this machine as fast as it answers: the same one for every server."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from itertools import cycle

import uvloop


@dataclass
class Load:
    """What asking found.

    Attributes:
        latencies: of each request, in seconds, in the order of their ends.
        seconds: how long it was asked.
        failed: answers with another status than 200, and connections that broke.
    """

    latencies: list[float] = field(default_factory=list)
    seconds: float = 0.0
    failed: int = 0

    @property
    def rate(self) -> float:
        """Answered requests a second."""
        return len(self.latencies) / self.seconds

    def quantile_ms(self, share: float) -> float:
        """A quantile of the latencies, in milliseconds."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000


def request(path: str, body: bytes) -> bytes:
    """A whole HTTP request."""
    head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


def ask(port: int, requests: list[bytes], connections: int, seconds: float, warm_up: float = 1.0) -> Load:
    """Ask on some connections at once, each with its next request as soon as it has its answer.

    Args:
        port: the server's.
        requests: what is asked, in turn.
        connections: how many.
        seconds: how long.
        warm_up: seconds before that which do not count.
    """
    return uvloop.run(_ask(port, requests, connections, seconds, warm_up))


def ask_in_turn(ports: list[int], requests: list[bytes], pause: float, rounds: int) -> list[Load]:
    """Ask several servers in turn, one request at a time with a pause before each, so that no server is ever busy."""
    return uvloop.run(_ask_in_turn(ports, requests, pause, rounds))


async def _ask(port: int, requests: list[bytes], connections: int, seconds: float, warm_up: float) -> Load:
    load = Load()
    source = cycle(requests)
    ending = asyncio.Event()
    now = time.perf_counter()
    tasks = [asyncio.create_task(_keep_asking(port, source, load, now + warm_up, ending)) for _ in range(connections)]
    await asyncio.sleep(warm_up)
    start = time.perf_counter()
    await asyncio.sleep(seconds)
    load.seconds = time.perf_counter() - start
    ending.set()
    await asyncio.gather(*tasks)
    return load


async def _keep_asking(port: int, source: cycle[bytes], load: Load, counts_from: float, ending: asyncio.Event) -> None:
    connection = await _Connection.open(port)
    while not ending.is_set():
        begin = time.perf_counter()
        try:
            status = await connection.ask(next(source))
        except ConnectionError:
            status = 0
            connection = await _Connection.open(port)
        end = time.perf_counter()
        if begin >= counts_from and not ending.is_set():
            if status == 200:
                load.latencies.append(end - begin)
            else:
                load.failed += 1
    connection.close()


async def _ask_in_turn(ports: list[int], requests: list[bytes], pause: float, rounds: int) -> list[Load]:
    loads = [Load() for _ in ports]
    connections = [await _Connection.open(port) for port in ports]
    source = cycle(requests)
    for number in range(rounds):
        content = next(source)
        order = list(zip(connections, loads, strict=True))
        for connection, load in order if number % 2 else reversed(order):
            await asyncio.sleep(pause)
            begin = time.perf_counter()
            if await connection.ask(content) != 200:
                load.failed += 1
            load.latencies.append(time.perf_counter() - begin)
    for connection in connections:
        connection.close()
    return loads


class _Connection(asyncio.Protocol):
    """One connection; one request at a time."""

    @classmethod
    async def open(cls, port: int) -> _Connection:
        _, connection = await asyncio.get_running_loop().create_connection(cls, "127.0.0.1", port)
        return connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._found = b""
        self._waiting: asyncio.Future[int] | None = None

    def ask(self, content: bytes) -> asyncio.Future[int]:
        """Send a request; its answer's status comes."""
        if self._transport.is_closing():
            raise ConnectionResetError
        self._found = b""
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(content)
        return self._waiting

    def data_received(self, data: bytes) -> None:
        self._found += data
        if self._waiting is not None and not self._waiting.done() and _is_whole(self._found):
            self._waiting.set_result(int(self._found[9:12]))

    def connection_lost(self, _: Exception | None) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(ConnectionResetError())

    def close(self) -> None:
        self._transport.close()


def _is_whole(found: bytes) -> bool:
    end = found.find(b"\r\n\r\n")
    if end < 0:
        return False
    head = found[:end].lower()
    place = head.find(b"content-length:")
    if place < 0:
        return found.endswith(b"0\r\n\r\n")
    length = int(head[place + 15 :].split(b"\r\n", 1)[0])
    return len(found) >= end + 4 + length
