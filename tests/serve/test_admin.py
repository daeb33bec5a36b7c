"""The admin process without its supervisor: no request waits for an answer that can't come any more."""

from __future__ import annotations

import asyncio
import http.client
import os
import signal
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import psutil
import pytest

from modelway.serve.admin import Admin
from modelway.serve.channel import Channel

ROUTES = [("GET", "/status"), ("POST", "/reload"), ("POST", "/drain")]
SECONDS = 20


@dataclass
class Running:
    """An admin process's event loop, and the supervisor's end of its channel."""

    supervisor: Channel
    thread: threading.Thread
    address: tuple[str, int]
    token: str

    def ask(self, method: str, path: str) -> int:
        connection = http.client.HTTPConnection(*self.address, timeout=SECONDS)
        connection.request(method, path, headers={"authorization": f"Bearer {self.token}"})
        response = connection.getresponse()
        response.read()
        connection.close()
        return response.status


@pytest.fixture
def admin(token: str) -> Iterator[Running]:
    ours, theirs = Channel.pair()
    listener = socket.create_server(("127.0.0.1", 0))
    serving = threading.Thread(target=lambda: asyncio.run(Admin(theirs, token).serve(listener)), daemon=True)
    serving.start()
    yield Running(ours, serving, listener.getsockname(), token)
    ours.close()


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_request_under_way_when_the_supervisor_dies_is_answered_with_503(
    admin: Running, method: str, path: str
) -> None:
    with ThreadPoolExecutor() as pool:
        asking = pool.submit(admin.ask, method, path)
        assert admin.supervisor.receive()  # it waits for the answer
        admin.supervisor.close()
        assert asking.result() == 503
    admin.thread.join(SECONDS)
    assert not admin.thread.is_alive()


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_request_that_does_not_reach_the_supervisor_is_answered_with_503(
    admin: Running, method: str, path: str
) -> None:
    admin.supervisor.socket.shutdown(socket.SHUT_RD)
    assert admin.ask(method, path) == 503


def test_killed_server_leaves_no_process_that_a_request_holds(start, until) -> None:
    server = start("--admin-port", "0")
    children = psutil.Process(server.process.pid).children()
    os.kill(server.process.pid, signal.SIGSTOP)
    with ThreadPoolExecutor() as pool:
        asking = pool.submit(server.admin, "GET", "/status")
        (process,) = [one for one in children if any(server.admin_port == c.laddr.port for c in one.net_connections())]
        until(lambda: [one for one in process.net_connections() if one.status == psutil.CONN_ESTABLISHED])
        server.process.kill()
        assert asking.result().status == 503
    assert not psutil.wait_procs(children, SECONDS)[1]


def test_reload_that_comes_while_the_server_ends_is_answered_with_503(start, until, token: str) -> None:
    server = start("--admin-port", "0")
    with socket.create_connection(("127.0.0.1", server.admin_port), timeout=SECONDS) as connection:
        server.admin("GET", "/status")  # so the connection before was accepted, too
        server.process.terminate()
        until(lambda: server.events("log_closed"))  # by its last worker
        connection.sendall(f"POST /reload HTTP/1.0\r\nauthorization: Bearer {token}\r\n\r\n".encode())
        assert connection.recv(4096).startswith(b"HTTP/1.1 503 ")
    assert server.process.wait(SECONDS) == 0
