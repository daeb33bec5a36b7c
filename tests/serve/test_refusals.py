"""Bad input: a status, the fields at fault, and never a traceback."""

from __future__ import annotations

import json
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest


@pytest.mark.parametrize(
    ("column", "value", "expected", "found"),
    [
        ("age", "60", "an integer from 0 to 100", "text '60'"),
        ("age", 60.5, "an integer from 0 to 100", "number 60.5"),
        ("age", True, "an integer from 0 to 100", "boolean true"),
        ("age", None, "an integer from 0 to 100", "null"),
        ("age", 101, "an integer from 0 to 100", "integer 101"),
        ("age", -1, "an integer from 0 to 100", "integer -1"),
        ("age", 10**200, "an integer from 0 to 100", "integer of more than 80 digits"),
        ("income", "much", "a finite number, or null", "text 'much'"),
        ("income", [1], "a finite number, or null", "array of 1"),
        ("income", {"a": 1}, "a finite number, or null", "object of 1"),
        ("member", 1, "true or false, or null", "integer 1"),
        ("city", 7, "text, or null", "integer 7"),
        ("home", "tent", "one of 'own', 'rent'", "text 'tent'"),
        ("since", "yesterday", "a date (ISO 8601)", "text 'yesterday'"),
        ("since", 0, "a date (ISO 8601)", "integer 0"),
        ("birthday", "1999-12-31", "a date written %d.%m.%Y, or null", "text '1999-12-31'"),
        ("note", None, "text", "null"),
    ],
)
def test_a_wrong_value_is_told_with_field_expected_and_found(
    shared_server, row, column: str, value: object, expected: str, found: str
) -> None:
    answer = shared_server.predict(row, {**row, column: value})
    assert answer.status == 422
    assert answer.json["faults"] == [{"field": column, "expected": expected, "found": found, "row": 1}]
    assert answer.json["more_faults"] == 0
    assert answer.json["message"] == f"{column}, row 1: expected {expected}, found {found}"
    assert answer.json["request_id"] == answer.headers["x-request-id"]


def test_an_unseen_category_is_fine_where_it_is_not_refused(shared_server, row) -> None:
    assert shared_server.predict({**row, "city": "Atlantis"}).status == 200


def test_a_missing_column_is_told(shared_server, row) -> None:
    lacking = {name: value for name, value in row.items() if name != "home"}
    for body, number in (
        ({"dataframe_records": [lacking]}, 0),
        ({"inputs": {k: [v] for k, v in lacking.items()}}, None),
    ):
        (fault,) = shared_server.ask("POST", "/predict", body).json["faults"]
        assert fault["field"] == "home"
        assert fault["found"] == "nothing"
        assert fault.get("row") == number


def test_an_unknown_column_is_told(shared_server, row) -> None:
    for body in (
        {"dataframe_records": [{**row, "shoe": 43}]},
        {"inputs": {k: [v] for k, v in {**row, "shoe": 43}.items()}},
    ):
        (fault,) = shared_server.ask("POST", "/predict", body).json["faults"]
        assert (fault["field"], fault["expected"]) == ("shoe", "no column of this name")


def test_all_faults_are_told_up_to_a_bound(shared_server) -> None:
    answer = shared_server.predict(*[{"age": "x"}] * 100).json
    assert len(answer["faults"]) == 20
    assert answer["more_faults"] == 100 * 4 - 20


@pytest.mark.parametrize(
    "body",
    [
        lambda row: {},
        lambda row: [],
        lambda row: None,
        lambda row: 7,
        lambda row: {"dataframe_records": []},
        lambda row: {"dataframe_records": {}},
        lambda row: {"dataframe_records": [7]},
        lambda row: {"dataframe_records": [row], "instances": [row]},
        lambda row: {"dataframe_records": [row], "params": {"temperature": 1}},
        lambda row: {"data": [row]},
        lambda row: {"dataframe_split": {"columns": list(row), "data": []}},
        lambda row: {"dataframe_split": {"columns": list(row), "data": [[1]]}},
        lambda row: {"dataframe_split": {"columns": ["age", "age"], "data": [[1, 2]]}},
        lambda row: {"dataframe_split": {"data": [[1]]}},
        lambda row: {"instances": []},
        lambda row: {"instances": [[1, 2]]},
        lambda row: {"instances": [row, list(row.values())]},
        lambda row: {"instances": 3},
        lambda row: {"inputs": {}},
        lambda row: {"inputs": []},
        lambda row: {"inputs": {"age": [1, 2], "note": ["a"]}},
        lambda row: {"inputs": {"age": [1], "note": "a"}},
    ],
)
def test_a_body_of_another_form_is_refused(shared_server, row, body) -> None:
    answer = shared_server.ask("POST", "/predict", json.dumps(body(row)).encode())
    assert answer.status == 422
    assert answer.json["faults"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b'{"inputs": 01}',
        b'{"inputs": ' + b"[" * 100_000,
        b"nothing",
        b'{"inputs": {"age": NaN}',
    ],
)
def test_a_body_that_is_no_json_is_refused(shared_server, body: bytes) -> None:
    answer = shared_server.ask("POST", "/predict", body)
    assert (answer.status, answer.json["error_code"]) == (400, "BAD_REQUEST")


@pytest.mark.parametrize("body", [b"", b"\xff", b"age,age\n1,2\n", b"age\n1,2\n", b'age\n"1\n'])
def test_a_body_that_is_no_csv_is_refused(shared_server, body: bytes) -> None:
    assert shared_server.ask("POST", "/predict", body, content_type="text/csv").status in {400, 422}


def test_a_row_that_can_not_be_scored_is_the_callers_fault(shared_server, row) -> None:
    assert shared_server.predict({**row, "income": 1e300}).status == 422


def test_another_media_type_is_refused(shared_server) -> None:
    assert shared_server.ask("POST", "/predict", b"{}", content_type="application/xml").status == 415


def test_a_body_over_the_limit_is_refused(start, row) -> None:
    server = start(input__max_bytes=1000, input__max_rows=3)
    assert server.predict({**row, "note": "x" * 2000}).status == 413
    assert server.ask("POST", "/predict", b" " * 2000).status == 413
    short = {**row, "note": ""}
    assert (
        server.ask("POST", "/predict", {"inputs": {name: [value] * 4 for name, value in short.items()}}).status == 413
    )
    assert server.predict(short).status == 200


def test_a_chunked_body_over_the_limit_is_refused(start) -> None:
    server = start(input__max_bytes=1000)
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        head = (
            b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        connection.sendall(head + b"".join(b"258\r\n" + b" " * 600 + b"\r\n" for _ in range(3)))
        assert b" 413 " in connection.recv(4096)


def test_a_body_that_does_not_come_is_refused(start) -> None:
    server = start(workers__body_seconds=0.2)
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc")
        assert b" 408 " in connection.recv(4096)


def test_a_failing_model_is_the_servers_fault_and_tells_nothing(start, bundle) -> None:
    server = start(champion=bundle(3, fails=True))
    answer = server.predict()
    assert answer.status == 500
    assert b"secret" not in answer.body
    assert b"Traceback" not in answer.body
    (event,) = server.events("model_failed")
    assert "a secret of the model's" in event["traceback"]
    assert event["request"] == answer.headers["x-request-id"]


def test_full_queue_refuses_each_request_beyond_it_and_then_takes_as_many_again(start, until, row, bundle) -> None:
    server = start(champion=bundle(3, seconds=1.0), workers__queue=2)
    many = [row] * 100  # enough rows to be scored next to the event loop
    for rounds in (1, 2):
        with ThreadPoolExecutor(2) as pool:
            taken = [pool.submit(server.predict, *many) for _ in range(2)]
            until(lambda: server.metric("modelway_queue") == 2)
            refused = [server.predict() for _ in range(3)]
        assert [answer.status for answer in refused] == [429] * 3
        assert all(answer.headers["retry-after"] for answer in refused)
        assert [one.result().status for one in taken] == [200] * 2
        until(lambda: server.metric("modelway_queue") == 0)
        assert server.metric("modelway_requests_total", status="429") == 3 * rounds


def test_large_requests_leave_half_of_the_queue_to_small_ones(start, row) -> None:
    server = start(workers__count=1, workers__queue=4)
    text = {**row, "note": "a word " * 200_000}
    with ThreadPoolExecutor(8) as clients:
        large = [clients.submit(server.predict, text) for _ in range(24)]
        small = []
        while not all(one.done() for one in large):
            small.append(server.predict(row).status)
    assert {one.result().status for one in large} == {200, 429}
    assert set(small) == {200}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/predict", 405), ("GET", "/nothing", 404), ("POST", "/", 404), ("DELETE", "/v2", 405)],
)
def test_other_paths_and_methods_are_refused(shared_server, method: str, path: str, status: int) -> None:
    answer = shared_server.ask(method, path)
    assert answer.status == status
    assert answer.json["message"]


def test_a_path_with_a_slash_too_many_is_not_redirected(shared_server) -> None:
    """A redirect would believe the Host header, and lead an https client to http."""
    answer = shared_server.ask("POST", "/predict/", b"{}", host="elsewhere.example")
    assert answer.status == 404
    assert "location" not in answer.headers


def test_a_model_without_a_finite_score_is_the_servers_fault(start, bundle) -> None:
    answer = start(champion=bundle(3, nan=True)).predict()
    assert (answer.status, answer.json["error_code"]) == (500, "INTERNAL_ERROR")


def test_the_admin_routes_are_not_on_the_prediction_port(shared_server, token) -> None:
    for path in ("/status", "/reload", "/drain"):
        assert shared_server.ask("POST", path, authorization=f"Bearer {token}").status == 404
