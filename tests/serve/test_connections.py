"""What one client may do to a server over its connections: real sockets against the real server."""

from __future__ import annotations

import json
import resource
import select
import socket
import time

import pytest

HEAD = b"POST /predict HTTP/1.1\r\nhost: x\r\n"
HEALTH = b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n"


def _connect(server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=20)


def _answer(server, *parts: bytes) -> bytes:
    """All that the server says to these bytes until it closes, or its answer is whole."""
    with _connect(server) as connection:
        try:
            for part in parts:
                connection.sendall(part)
        except OSError:
            pass  # it reads no further; what it said is still there
        return _rest(connection)


def _rest(connection: socket.socket) -> bytes:
    found = b""
    while not found or b"connection: close" in found:
        block = connection.recv(65536)
        if not block:
            break
        found += block
    return found


def _healthy(connection: socket.socket, content: bytes = HEALTH) -> bool:
    """Whether the server answers on this connection."""
    connection.sendall(content)
    found = b""
    while found.count(b"\r\n\r\n\n") < content.count(b"GET "):
        block = connection.recv(65536)
        if not block:
            return False
        found += block
    return found.count(b"HTTP/1.1 200 ") == content.count(b"GET ")


def _is_closed(connection: socket.socket) -> bool:
    """Whether the server has closed it; what it said is thrown away."""
    connection.setblocking(False)
    try:
        while connection.recv(65536):
            pass
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


@pytest.mark.parametrize(
    ("name", "parts", "status"),
    [
        ("one header", [HEAD, b"a: ", *[b"x" * 100_000] * 50], 431),
        ("the whole head", [HEAD, b"".join(b"a%d: %s\r\n" % (n, b"x" * 1000) for n in range(70)), b"\r\n"], 431),
        ("the target", [b"GET /", *[b"x" * 10_000] * 10], 431),
        ("headers", [HEAD, *[b"a: b\r\n" * 1000] * 1000], 431),
        ("101 headers", [HEAD, b"a: b\r\n" * 100, b"\r\n"], 431),
        ("trailers", [HEAD, b"transfer-encoding: chunked\r\n\r\n0\r\n", *[b"a: b\r\n" * 1000] * 1000], 431),
        ("a chunk extension", [HEAD, b"transfer-encoding: chunked\r\n\r\n1;", *[b"x" * 10_000] * 100], 431),
        ("empty lines", [b"\r\n" * 100_000], 431),
        ("garbage", [b"\0\1\2\3\4"], 400),
        ("tiny chunks", [HEAD, b"transfer-encoding: chunked\r\n\r\n", *[b"2\r\n  \r\n" * 1000] * 100], 400),
        ("a broken chunk", [HEAD, b"transfer-encoding: chunked\r\n\r\nxyz\r\n"], 400),
        ("no host", [b"GET /health HTTP/1.1\r\n\r\n"], 400),
        ("two hosts", [b"GET /health HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n"], 400),
        ("HTTP/0.9", [b"GET /health\r\n\r\n"], 505),
    ],
)
def test_a_request_over_the_limits_is_refused_and_closes(shared_server, name: str, parts: list[bytes], status: int):
    answer = _answer(shared_server, *parts)
    assert answer.startswith(b"HTTP/1.1 %d " % status), name
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["message"]


@pytest.mark.parametrize(
    "parts",
    [
        [b"GET /health HTTP/1.0\r\n\r\n"],
        [b"GET /health HTTP/1.1\r\nhost: x\r\n", b"a: b\r\n" * 99, b"\r\n"],
        [b"GET /health HTTP/1.1\r\nhost: x\r\na: ", *[b"x" * 1000] * 60, b"\r\n\r\n"],
        [b"GET /health HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n"],
    ],
)
def test_a_request_within_the_limits_is_answered(shared_server, parts: list[bytes]) -> None:
    assert _answer(shared_server, *parts).startswith(b"HTTP/1.1 200 ")


def test_requests_after_an_offered_upgrade_are_answered(shared_server) -> None:
    upgrade = HEALTH.replace(b"\r\n\r\n", b"\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n")
    with _connect(shared_server) as connection:
        for content in (upgrade, HEALTH, upgrade + HEALTH):
            assert _healthy(connection, content)


def test_pipelined_requests_are_answered_in_order_up_to_a_bound(shared_server) -> None:
    with _connect(shared_server) as connection:
        connection.sendall(HEALTH * 10_000)
        found = b""
        try:
            while block := connection.recv(65536):
                found += block
        except ConnectionResetError:
            pass
    assert 1 <= found.count(b"HTTP/1.1 200 ") <= 100


def test_bytes_behind_a_whole_request_do_not_cost_its_answer(shared_server) -> None:
    answer = _answer(shared_server, HEALTH + b"\0garbage")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close" in answer


def test_a_refused_upload_may_end_and_reads_its_refusal(start) -> None:
    """A reset would break the client's sending, and could take the refusal from it."""
    server = start(input__max_bytes=1000)
    with _connect(server) as connection:
        connection.sendall(HEAD + b"content-length: 5000000\r\n\r\n")
        for _ in range(50):
            connection.sendall(b" " * 100_000)
        assert _rest(connection).startswith(b"HTTP/1.1 413 ")


@pytest.fixture
def many_files():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 5000:
        pytest.skip("this system allows too few open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 5000), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize(
    "content",
    [b"", HEAD, HEAD + b"content-length: 9\r\n\r\nabc", HEALTH, b"\r\n"],
    ids=["idle", "half a head", "half a body", "kept alive", "an empty line"],
)
@pytest.mark.usefixtures("many_files")
def test_3000_connections_of_one_client_take_nothing_from_others(start, content: bytes) -> None:
    server = start()
    connections = []
    try:
        for _ in range(3000):
            connections.append(_connect(server))
            if content:
                connections[-1].sendall(content)
        for path in ("/health", "/ping", "/v2/health/live", "/v2/health/ready"):
            assert server.ask("GET", path).status == 200
        assert server.predict().status == 200
        assert sum(not _is_closed(connection) for connection in connections) <= 2048
    finally:
        for connection in connections:
            connection.close()


def test_health_is_answered_while_every_connection_is_at_work(start, bundle, row, until) -> None:
    server = start(champion=bundle(3, seconds=3), workers__connections=1)
    body = json.dumps({"dataframe_records": [row] * 100}).encode()
    with _connect(server) as busy:
        busy.sendall(HEAD + b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        until(lambda: server.ask("GET", "/predict").status == 503)
        assert server.ask("GET", "/v2/health/ready").status == 200
        assert busy.recv(12) == b"HTTP/1.1 200"
    until(lambda: server.ask("GET", "/predict").status == 405)


@pytest.mark.parametrize("drip", [False, True])
def test_a_head_that_does_not_come_is_refused(start, drip: bool) -> None:
    server = start(workers__head_seconds=1)
    with _connect(server) as fresh, _connect(server) as kept:
        assert _healthy(kept)
        readable = select.poll()
        readable.register(fresh, select.POLLIN)
        for connection in (fresh, kept):
            connection.sendall(b"GET /health HTTP/1.1\r\nhost: x\r\n")
        for _ in range(200 if drip else 0):
            if readable.poll(100):
                break
            for connection in (fresh, kept):
                connection.sendall(b"a")
        for connection in (fresh, kept):
            assert connection.recv(65536).startswith(b"HTTP/1.1 408 ")


def test_a_connection_that_says_nothing_is_closed_and_one_that_is_kept_is_not(start, until) -> None:
    server = start(workers__head_seconds=0.5, workers__keep_alive_seconds=600)
    with _connect(server) as silent, _connect(server) as kept:
        assert _healthy(kept)
        assert silent.recv(10) == b""
        assert _healthy(kept)


def test_a_connection_without_a_further_request_is_closed(start) -> None:
    server = start(workers__keep_alive_seconds=0.5)
    with _connect(server) as kept:
        assert _healthy(kept)
        assert kept.recv(10) == b""


def test_a_connection_answered_before_its_body_was_whole_is_closed_as_well(start) -> None:
    server = start(workers__keep_alive_seconds=1)
    with _connect(server) as connection:
        connection.sendall(HEAD.replace(b"predict", b"nothing") + b"content-length: 9\r\n\r\nabc")
        assert connection.recv(65536).startswith(b"HTTP/1.1 404 ")
        connection.sendall(b"def")
        while connection.recv(65536):
            pass


def test_a_client_that_does_not_read_its_responses_is_cut_off(start, row, until) -> None:
    server = start(workers__body_seconds=1, workers__keep_alive_seconds=600)
    body = json.dumps({"inputs": {name: [value] * 20_000 for name, value in row.items()}}).encode()
    whole = HEAD + b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", server.port))
        for _ in range(8):
            connection.sendall(whole)
        until(lambda: server.metric("modelway_connections_closed_total") == 1)
        assert server.predict().status == 200


def test_uploads_that_stall_take_no_memory_from_others(start, row) -> None:
    server = start(input__max_bytes=2_000_000, workers__upload_bytes=4_000_000)
    stalled = [_connect(server) for _ in range(5)]
    for connection in stalled:
        connection.sendall(HEAD + b"content-length: 1900000\r\n\r\n" + b" " * 1_000_000)
    body = json.dumps({"dataframe_records": [row]}).encode()
    chunks = b"".join(b"%x\r\n" % 500_000 + b" " * 500_000 + b"\r\n" for _ in range(5))
    for _ in range(5):
        assert server.ask("POST", "/predict", body + b" " * 1_500_000).status == 200
        assert _answer(server, HEAD + b"transfer-encoding: chunked\r\n\r\n", chunks).startswith(b"HTTP/1.1 413 ")
    assert stalled[0].recv(65536).startswith(b"HTTP/1.1 408 ")
    for connection in stalled:
        connection.close()


def test_body_in_a_chunk_a_line_is_read(start, row) -> None:
    server = start()
    body = json.dumps({"dataframe_records": [row]}).encode()
    head = HEAD + b"content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    chunks = (b"8\r\n" + b" " * 8 + b"\r\n") * 12_000 + b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n"
    assert _answer(server, head, chunks).startswith(b"HTTP/1.1 200 ")


def test_a_clients_connections_are_bounded_where_that_is_set(start, until) -> None:
    server = start(workers__client_connections=3)
    connections = [_connect(server) for _ in range(3)]
    for connection in connections:
        assert _healthy(connection)
    assert _answer(server, b"").startswith(b"HTTP/1.1 429 ")
    connections.pop().close()
    until(lambda: _answer(server, HEALTH).startswith(b"HTTP/1.1 200 "))
    for connection in connections:
        connection.close()


def test_a_trusted_proxys_connections_are_not(start) -> None:
    server = start(workers__client_connections=1, workers__proxies=["10.0.0.1", "127.0.0.0/8"])
    connections = [_connect(server) for _ in range(5)]
    for connection in connections:
        assert _healthy(connection)
        connection.close()


def test_garbage_does_not_fill_the_servers_log(start, until) -> None:
    server = start()
    for _ in range(300):
        _answer(server, b"\0\1\2\3\4")
    assert len(server.events("connection_refused")) < 60
    assert server.metric("modelway_connections_closed_total") == 300
    time.sleep(1)
    _answer(server, b"\0\1\2\3\4")
    lines = until(lambda: [line for line in server.events("connection_refused") if "suppressed" in line])
    assert sum(line["suppressed"] for line in lines) + len(server.events("connection_refused")) == 301


@pytest.mark.parametrize("host", ["::", "::1", "0.0.0.0"])
def test_all_addresses_are_served_by_both_families(start, host: str) -> None:
    if not socket.has_dualstack_ipv6():
        pytest.skip("this system has no IPv6")
    server = start("--host", host)
    families = {"::": ("127.0.0.1", "::1"), "::1": ("::1",), "0.0.0.0": ("127.0.0.1",)}[host]
    for address in families:
        with socket.create_connection((address, server.port), timeout=10) as connection:
            assert _healthy(connection)


def test_connection_made_just_before_the_server_ends_is_answered(start, until) -> None:
    server = start(workers__notice_seconds=0)
    with _connect(server) as silent, _connect(server) as begun, _connect(server) as kept:
        begun.sendall(b"GET /health HTTP/1.1\r\n")
        assert _healthy(kept)
        # Each worker accepts in order: the kept connection was the last, so the others are accepted as well.
        server.process.terminate()
        assert kept.recv(100) == b""  # so the server no longer accepts, and has looked at each connection
        silent.sendall(HEALTH)
        begun.sendall(b"host: x\r\n\r\n")
        for connection in (silent, begun):
            answer = _rest(connection)
            assert answer.startswith(b"HTTP/1.1 ")
            assert b"connection: close" in answer
    assert server.process.wait(30) == 0
