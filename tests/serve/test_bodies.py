"""Bodies that cost much to read, or are written in another way than most: what is refused, and what is understood."""

from __future__ import annotations

import gzip
import json
import threading
import zlib

import pytest


def _post(server, body: bytes, kind: str = "application/json", path: str = "/predict", **headers: str):
    return server.ask("POST", path, body, content_type=kind, **headers)


def _list(form: str, item: bytes, times: int) -> bytes:
    return b'{"%s":[%s]}' % (form.encode(), b",".join([item] * times))


INFER = "/v2/models/loans/infer"
TENSOR = {"name": "age", "shape": [1], "datatype": "INT64", "data": [1]}


@pytest.mark.parametrize(
    ("kind", "body", "statuses"),
    [
        ("text/csv", b"age\n" + b"\n" * 9_000_000, {413}),
        ("text/csv", b"age\n" + b"\r" * 9_000_000, {413}),
        ("text/csv", b"age\n" + b'""\n' * 900_000, {413}),
        ("text/csv", b"a," * 4_000_000 + b"\n1", {413}),
        ("text/csv", b'age\n"' + b"\n" * 9_000_000 + b'"', {413}),
        ("application/json", _list("instances", b"1", 4_000_000), {413}),
        ("application/json", _list("instances", b"1", 900_000), {413}),
        ("application/json", _list("instances", b'"a,\\"b"', 900_000), {413}),
        ("application/json", b'{"inputs":[{},' + b",".join([b"1"] * 200_000) + b"]}", {413}),
        ("application/json", _list("instances", b"{}", 900_000), {413}),
        ("application/json", _list("dataframe_records", b"[]", 900_000), {413}),
        ("application/json", _list("inputs", b"NaN", 900_000), {413}),
        ("application/json", b'{"inputs":{"age":[' + b",".join([b"1"] * 900_000) + b"]}}", {413}),
        ("application/json", b'{"inputs":{' + b",".join(b'"%d" :1' % n for n in range(500_000)) + b"}}", {413}),
        ("application/json", b'{"dataframe_records":[{' + b'"a":1,' * 500_000 + b'"a":1}]}', {413}),
        ("application/json", b'{"params":{' + b'"a":1,' * 900_000 + b'"a":1}}', {413}),
        ("application/json", b'{"instances":' + b"[" * 4_000_000, {400, 413}),
        ("application/json", b'{"instances":[' + b"[" * 100_000 + b"]" * 100_000 + b"]}", {400}),
        ("application/json", b'{"instances":[[' + b"9" * 9_000_000 + b"]]}", {422}),
    ],
)
def test_a_body_of_too_many_values_is_refused(shared_server, kind: str, body: bytes, statuses: set[int]) -> None:
    assert _post(shared_server, body, kind).status in statuses


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"inputs": [{**TENSOR, "shape": [1] + [10**18] * 100_000}]}, 422),
        ({"inputs": [{**TENSOR, "shape": [10**18]}]}, 413),
        ({"inputs": [{**TENSOR, "shape": [1] + [10**18] * 1_000}]}, 422),
        ({"inputs": [TENSOR] * 5_000}, 413),
        ({"inputs": [{**TENSOR, "data": [1] * 900_000}]}, 413),
        ({"inputs": [TENSOR], "outputs": [{"name": "prediction"}] * 200_000}, 413),
        ({"inputs": [{**TENSOR, "parameters": dict.fromkeys(map(str, range(200_000)))}]}, 413),
    ],
)
def test_a_tensor_out_of_bounds_is_refused(shared_server, change: dict, status: int) -> None:
    assert _post(shared_server, json.dumps(change).encode(), path=INFER).status == status


def test_large_bodies_say_the_same_as_small_ones(shared_server, row) -> None:
    """They are decoded in parts, which no answer shows."""
    others = {**row, "age": 10}
    for rows in ([row, others], [row, others] * 2_000):
        columns = {name: [one[name] for one in rows] for name in row}
        tensors = [
            {"name": name, "shape": [len(rows)], "datatype": kind, "data": columns[name]}
            for name, kind in zip(row, ["INT64", "FP64", "BOOL", *["BYTES"] * 5], strict=True)
        ]
        csv = "\n".join([",".join(row), *(",".join(map(str, one.values())) for one in rows)]).lower()
        for body in (
            {"dataframe_records": rows},
            {"instances": rows},
            {"instances": [list(one.values()) for one in rows]},
            {"inputs": columns},
            {"inputs": rows},
            {"dataframe_split": {"columns": list(row), "data": [list(one.values()) for one in rows]}},
        ):
            answer = _post(shared_server, json.dumps(body).encode())
            assert answer.json["predictions"] == ["yes", "no"] * (len(rows) // 2)
        assert _post(shared_server, csv.encode(), "text/csv").json["predictions"] == ["yes", "no"] * (len(rows) // 2)
        found = _post(shared_server, json.dumps({"inputs": tensors}).encode(), path=INFER).json["outputs"][0]["data"]
        assert found == ["yes", "no"] * (len(rows) // 2)


def test_as_many_rows_as_allowed_are_answered_and_one_more_is_not(start, row) -> None:
    server = start(input__max_rows=9_000)
    texts = {**row, "note": 'a, "b" [c] {d}, \\'}
    for rows, status in ((9_000, 200), (9_001, 413)):
        columns = {name: [value] * rows for name, value in texts.items()}
        for body in (
            {"inputs": columns},
            {"instances": [list(texts.values())] * rows},
            {"dataframe_records": [texts] * rows},
            {"dataframe_split": {"columns": list(texts), "data": [list(texts.values())] * rows}},
        ):
            assert _post(server, json.dumps(body).encode()).status == status


def test_a_fault_in_a_large_body_is_told_by_its_row(shared_server, row) -> None:
    rows = [row] * 2_000
    wrong = _post(shared_server, json.dumps({"dataframe_records": [*rows, {**row, "age": "x"}]}).encode())
    assert (wrong.status, wrong.json["faults"][0]["row"]) == (422, 2_000)
    other = _post(shared_server, json.dumps({"dataframe_records": [*rows, 7]}).encode())
    assert (other.status, other.json["faults"][0]["field"]) == (422, "dataframe_records[2000]")
    torn = json.dumps({"dataframe_records": rows}).encode().replace(b'"hello"', b'"\xff"')
    assert _post(shared_server, torn).status == 400


def test_small_requests_are_answered_while_a_large_one_is_read(start, row) -> None:
    server = start()
    body = json.dumps({"dataframe_records": [row] * 60_000}, separators=(",", ":")).encode()
    answers = []
    thread = threading.Thread(target=lambda: answers.append(_post(server, body)))
    thread.start()
    meanwhile = 0
    while thread.is_alive():
        assert server.predict().status == 200
        meanwhile += 1
    thread.join()
    assert [answer.status for answer in answers] == [200]
    assert meanwhile >= 10


def test_a_compressed_body_is_read_within_the_limit(shared_server, row) -> None:
    body = json.dumps({"dataframe_records": [row]}).encode()
    for encoding, content in (("gzip", gzip.compress(body)), ("deflate", zlib.compress(body)), ("identity", body)):
        answer = _post(shared_server, content, content_encoding=encoding)
        assert (answer.status, answer.json["predictions"]) == (200, ["yes"])
    bomb = gzip.compress(b" " * 50_000_000)
    assert _post(shared_server, bomb, content_encoding="gzip").status == 413
    for torn in (b"", body, gzip.compress(body)[:-9], gzip.compress(body) * 2):
        assert _post(shared_server, torn, content_encoding="gzip").status == 400
    other = _post(shared_server, body, content_encoding="br")
    assert (other.status, other.headers["accept-encoding"]) == (415, "gzip, deflate")


@pytest.mark.parametrize("times", [1, 2_000])
def test_nan_is_read_and_texts_that_name_it_are_kept(start, row, times: int) -> None:
    server = start()
    note = "NaN, Infinity: -Infinity [NaN]"
    rows = [{**row, "income": float("nan"), "note": note}] * times
    for body in (
        {"dataframe_records": rows},
        {"inputs": {name: [one[name] for one in rows] for name in row}},
        {"dataframe_split": {"columns": list(row), "data": [list(one.values()) for one in rows]}},
    ):
        assert _post(server, json.dumps(body).encode()).status == 200
    found = _post(server, json.dumps({"dataframe_records": [*rows, {**row, "income": float("-inf")}]}).encode())
    assert found.json["faults"] == [
        {"field": "income", "expected": "a finite number, or null", "found": "number -inf", "row": times}
    ]
    for wrong in (b"-NaN", b"1NaN", b"NaN1", b"nan"):
        whole = json.dumps({"dataframe_records": rows}).encode()
        assert _post(server, whole.replace(b": NaN", b": " + wrong)).status == 400
    server.stop()
    assert {
        (line["features"]["note"], line["features"]["income"]) for line in server.lines() if line["status"] == 200
    } == {(note, None)}


def test_a_byte_order_mark_is_no_fault(shared_server, row) -> None:
    body = b"\xef\xbb\xbf" + json.dumps({"dataframe_records": [row]}).encode()
    assert _post(shared_server, body).status == 200


@pytest.mark.parametrize("kind", ["application/json", "text/csv"])
def test_another_charset_is_refused_as_that(shared_server, row, kind: str) -> None:
    body = json.dumps({"dataframe_records": [row]}).encode("utf-16")
    for charset in ("utf-16", '"UTF-16"', "latin-1"):
        answer = _post(shared_server, body, f"{kind}; charset={charset}")
        assert answer.status == 415
        assert "UTF-8" in answer.json["message"]
    good = json.dumps({"dataframe_records": [row]}).encode()
    assert _post(shared_server, good, "Application/JSON; Charset=UTF-8").status == 200


@pytest.mark.parametrize("age", ["6_0", "\uff16\uff10", "\u0666\u0660", "0x3c", "6e1_0"])
def test_csv_takes_only_plain_digits_for_numbers(shared_server, row, age: str) -> None:
    names, values = list(row), [str(value).lower() for value in {**row, "age": age, "income": 1}.values()]
    answer = _post(shared_server, f"{','.join(names)}\n{','.join(values)}".encode(), "text/csv")
    assert answer.status == 422
    assert answer.json["faults"][0]["field"] == "age"
