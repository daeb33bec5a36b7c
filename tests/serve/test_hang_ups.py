"""Callers that hang up: counted, recorded with a status of their own, and no traceback in the server's log."""

from __future__ import annotations

import json
import socket
import struct
import time
from collections import Counter

import pytest

OUTCOMES = {"logged", "sampled_out", "dropped", "failed", "hung_up", "smoke"}


def _request(row: dict, rows: int = 1, **headers: str) -> bytes:
    body = json.dumps({"dataframe_records": [row] * rows}).encode()
    named = {"host": "x", "content-type": "application/json", "content-length": str(len(body)), **headers}
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in named.items())
    return b"POST /predict HTTP/1.1\r\n" + head.encode() + b"\r\n" + body


def _connect(server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=30)


def _reset(connection: socket.socket) -> None:
    """Close so that the other end gets a reset instead of an end."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def outcomes(server) -> dict[str, float]:
    return {name: server.metric("modelway_request_outcomes_total", outcome=name) for name in OUTCOMES}


def _hang_ups(server) -> dict[str, float]:
    return {name: server.metric("modelway_hang_ups_total", during=name) for name in ("body", "scoring", "response")}


def _check_no_traceback(server) -> None:
    text = (server.root / "stderr").read_text()
    assert "Traceback" not in text
    assert [event for event in server.events("library") if "Cancel" not in event["message"]] == []


@pytest.mark.parametrize("close", [socket.socket.close, _reset], ids=["end", "reset"])
@pytest.mark.parametrize("rows", [1, 100])
def test_caller_that_hangs_up_during_scoring_is_counted_and_logged(start, bundle, row, until, close, rows) -> None:
    server = start(champion=bundle(3, seconds=0.3))
    connection = _connect(server)
    connection.sendall(_request(row, rows, x_request_id="gone"))
    time.sleep(0.1)
    close(connection)
    until(lambda: server.metric("modelway_request_outcomes_total", outcome="hung_up") == 1)
    assert server.predict(row, x_request_id="here").status == 200
    assert _hang_ups(server) == {"body": 0, "scoring": 1, "response": 0}
    assert server.metric("modelway_requests_total", status="499") == 1
    server.stop()
    lines = server.lines()
    assert Counter((line["request"], line["status"]) for line in lines) == {("gone", 499): rows, ("here", 200): 1}
    assert {line["prediction"] for line in lines} == {"yes"}
    assert [line["row"] for line in lines if line["request"] == "gone"] == list(range(rows))
    counts = _sum(server)
    assert (counts["requests"], counts["hung_up"], counts["errors"], counts["refused"]) == (2, 1, 0, 0)
    assert counts["rows"] == rows + 1
    assert sum(counts["latency"]) == 2
    _check_no_traceback(server)


def _sum(server) -> dict:
    lines = server.lines("statistics")
    total = {
        name: sum(line[name] for line in lines)
        for name in ("requests", "hung_up", "errors", "refused", "rows", "smoke")
    }
    return total | {"latency": [sum(buckets) for buckets in zip(*(line["latency"] for line in lines), strict=True)]}


@pytest.mark.parametrize("close", [socket.socket.close, _reset], ids=["end", "reset"])
def test_caller_that_hangs_up_in_its_body_is_a_request_without_rows(start, row, until, close) -> None:
    server = start()
    connection = _connect(server)
    connection.sendall(_request(row, x_routing_key="k")[:-5])
    time.sleep(0.1)
    close(connection)
    until(lambda: outcomes(server)["hung_up"] == 1)
    assert _hang_ups(server) == {"body": 1, "scoring": 0, "response": 0}
    assert server.metric("modelway_request_seconds_count") == 0
    server.stop()
    (line,) = server.lines()
    assert (line["status"], line["rows"], line["features"], line["prediction"]) == (499, 0, None, None)
    assert line["key"] is not None
    counts = _sum(server)
    assert (counts["requests"], counts["hung_up"], counts["rows"], sum(counts["latency"])) == (1, 1, 0, 0)
    _check_no_traceback(server)


@pytest.mark.parametrize("close", [socket.socket.close, _reset], ids=["end", "reset"])
def test_caller_that_hangs_up_within_a_long_response_is_counted(start, row, until, close) -> None:
    rows = 250_000  # an answer of more megabytes than the kernel keeps for a caller that does not read
    server = start(log__sample=0, input__max_rows=rows)
    body = b"age,home,since,note\n" + b"60,own,2024-05-01,x\n" * rows
    head = f"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: text/csv\r\ncontent-length: {len(body)}\r\n\r\n"
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect(("127.0.0.1", server.port))
    connection.sendall(head.encode() + body)
    assert connection.recv(100).startswith(b"HTTP/1.1 200")
    close(connection)
    until(lambda: outcomes(server)["hung_up"] == 1)
    assert _hang_ups(server) == {"body": 0, "scoring": 0, "response": 1}
    server.stop()
    counts = _sum(server)
    assert (counts["requests"], counts["hung_up"], counts["rows"], sum(counts["latency"])) == (1, 1, rows, 1)
    _check_no_traceback(server)


def test_long_response_is_whole_for_a_caller_that_reads(start, row) -> None:
    server = start(log__enabled=False, input__max_bytes=50_000_000)
    for rows in (2000, 20_000):
        answer = server.predict(*[{**row, "age": number % 101} for number in range(rows)])
        assert answer.json["predictions"] == ["yes" if number % 101 >= 50 else "no" for number in range(rows)]


def test_caller_that_hangs_up_after_a_refusal_or_between_requests_is_none(start, row, until) -> None:
    server = start()
    connection = _connect(server)
    connection.sendall(_request({"age": "x"}))
    assert connection.recv(100).startswith(b"HTTP/1.1 422")
    _reset(connection)
    connection = _connect(server)
    connection.sendall(_request(row))
    assert connection.recv(100).startswith(b"HTTP/1.1 200")
    time.sleep(0.1)
    _reset(connection)
    _reset(_connect(server))
    until(lambda: outcomes(server)["logged"] == 2)
    server.predict(row)
    assert outcomes(server) == dict.fromkeys(OUTCOMES, 0) | {"logged": 3}
    server.stop()
    assert sorted(line["status"] for line in server.lines()) == [200, 200, 422]
    _check_no_traceback(server)


def test_request_that_outlasts_the_drain_is_told_and_recorded(start, bundle, row, until) -> None:
    server = start(champion=bundle(3, seconds=3), workers__drain_seconds=1)
    scoring, coming, slow = _connect(server), _connect(server), _connect(server)
    scoring.sendall(_request(row, 100, x_request_id="scoring"))
    coming.sendall(_request(row, x_request_id="coming")[:-5])
    slow.sendall(_request(row, 100, x_request_id="waiting"))
    until(lambda: server.metric("modelway_queue") == 2)
    assert server.stop() == 0
    for connection in (scoring, coming, slow):
        assert connection.recv(4096).startswith(b"HTTP/1.1 503"), "the server says that it ends"
    lines = {line["request"]: line for line in server.lines()}
    assert {name: line["status"] for name, line in lines.items()} == {"scoring": 503, "coming": 503, "waiting": 503}
    assert (lines["scoring"]["rows"], lines["coming"]["rows"]) == (100, 0)
    assert _sum(server)["requests"] == 3
    _check_no_traceback(server)


def test_every_request_has_one_outcome(start, bundle, row, until) -> None:
    """Answered, sampled out, refused, failed, hung up and smoke tests at once, with a challenger that sees some."""
    server = start(
        "--challenger",
        str(bundle(4)),
        env={"SHADOW_MODEL_ENABLED": "true", "MODELWAY_SMOKE_TOKEN": "t" * 20},
        log__sample=0.5,
        log__queue_bytes=40_000,
        log__flush_seconds=60,
    )
    asked = Counter()
    for number in range(60):
        if number % 6 == 5:
            connection = _connect(server)
            connection.sendall(_request(row)[:-3])
            connection.close()
            asked["hung_up"] += 1
        elif number % 6 == 4:
            asked["smoke"] += server.predict(row, x_modelway_smoke="t" * 20).status == 200
        elif number % 6 == 3:
            server.predict({"age": "x"})
        else:
            server.predict(*[row] * (1 if number % 2 else 70))
    until(lambda: server.metric("modelway_request_outcomes_total") == 60)
    found = outcomes(server)
    assert (found["hung_up"], found["smoke"], found["failed"]) == (asked["hung_up"], asked["smoke"], 0)
    assert found["sampled_out"] > 0
    assert found["dropped"] > 0
    assert found["logged"] + found["sampled_out"] + found["dropped"] == 40
    assert server.metric("modelway_requests_total") == 50
    assert server.metric("modelway_hang_ups_total") == asked["hung_up"]
    records, dropped = (server.metric(f"modelway_log_{name}_total") for name in ("records", "dropped_records"))
    server.stop()
    assert len(server.lines()) == records - dropped
    counts = _sum(server)
    assert (counts["requests"], counts["hung_up"], counts["smoke"]) == (50, asked["hung_up"], asked["smoke"])
