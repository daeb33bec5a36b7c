"""MLflow's scoring protocol, asked over HTTP."""

from __future__ import annotations

import json

import pytest

BODIES = {
    "split": lambda row: {"dataframe_split": {"columns": list(row), "data": [list(row.values())]}},
    "split with index": lambda row: {
        "dataframe_split": {"index": [0], "columns": list(row), "data": [list(row.values())]}
    },
    "records": lambda row: {"dataframe_records": [row]},
    "instances of objects": lambda row: {"instances": [row]},
    "instances of arrays": lambda row: {"instances": [list(row.values())]},
    "inputs of columns": lambda row: {"inputs": {name: [value] for name, value in row.items()}},
    "inputs of columns of arrays": lambda row: {"inputs": {name: [[value]] for name, value in row.items()}},
    "inputs of single values": lambda row: {"inputs": row},
    "inputs of objects": lambda row: {"inputs": [row]},
    "empty params": lambda row: {"dataframe_records": [row], "params": {}},
}


@pytest.mark.parametrize("path", ["/predict", "/invocations"])
@pytest.mark.parametrize("form", BODIES)
def test_every_form_of_the_protocol_is_answered(shared_server, row, path: str, form: str) -> None:
    answer = shared_server.ask("POST", path, BODIES[form](row))
    assert answer.status == 200
    assert answer.json == {
        "predictions": ["yes"],
        "probabilities": [{"no": pytest.approx(0.4), "yes": pytest.approx(0.6)}],
        "model_name": "loans",
        "model_version": "3",
    }


def test_several_rows_are_answered_in_order(shared_server, row) -> None:
    rows = [{**row, "age": age} for age in (10, 90, 50, 20)]
    for body in (
        {"dataframe_records": rows},
        {"dataframe_split": {"columns": list(row), "data": [list(each.values()) for each in rows]}},
        {"inputs": {name: [each[name] for each in rows] for name in row}},
    ):
        answer = shared_server.ask("POST", "/predict", body).json
        assert answer["predictions"] == ["no", "yes", "yes", "no"]
        assert [each["yes"] for each in answer["probabilities"]] == pytest.approx([0.1, 0.9, 0.5, 0.2])


def test_many_rows_are_answered(shared_server, row) -> None:
    rows = [{**row, "age": number % 101} for number in range(5000)]
    answer = shared_server.predict(*rows).json
    assert answer["predictions"] == ["yes" if each["age"] >= 50 else "no" for each in rows]


def test_csv_is_answered(shared_server, row) -> None:
    text = ",".join(row) + '\r\n60,1e3,true,Bonn,own,2024-05-01T12:00:00Z,,"a, b"\r\n10,,,,rent,2024-05-01,NA,x\r\n'
    answer = shared_server.ask("POST", "/invocations", text.encode(), content_type="text/csv; charset=utf-8")
    assert answer.json["predictions"] == ["yes", "no"]


def test_columns_that_may_be_missing_may_be_absent(shared_server, row) -> None:
    needed = {name: row[name] for name in ("age", "home", "since", "note")}
    assert shared_server.predict(needed).status == 200
    columns = {name: [value] for name, value in needed.items()}
    assert shared_server.ask("POST", "/predict", {"inputs": columns}).status == 200


def test_nan_is_a_missing_value_where_one_may_be(shared_server, row) -> None:
    body = json.dumps({"dataframe_records": [{**row, "income": float("nan")}]}).encode()
    assert b"NaN" in body
    assert shared_server.ask("POST", "/predict", body).status == 200


def test_nan_is_refused_where_the_settings_say_so(start, row) -> None:
    server = start(input__nan="refuse")
    body = json.dumps({"dataframe_records": [{**row, "income": float("nan")}]}).encode()
    answer = server.ask("POST", "/predict", body)
    assert answer.status == 422
    assert answer.json["faults"][0]["field"] == "income"
    assert server.predict({**row, "income": None}).status == 200


def test_unknown_columns_are_ignored_where_the_settings_say_so(start, row) -> None:
    server = start(input__extra="ignore")
    assert server.predict({**row, "shoe_size": 43}).json["predictions"] == ["yes"]
    assert server.ask("POST", "/predict", {"inputs": {**row, "shoe_size": 43}}).status == 200


def test_health_and_version(shared_server) -> None:
    import modelway

    assert shared_server.ask("GET", "/ping").status == 200
    assert shared_server.ask("GET", "/version").body.decode() == modelway.__version__


def test_a_response_tells_its_ids_variant_version_and_epoch(shared_server) -> None:
    one, other = (shared_server.predict(x_request_id=name).headers for name in ("mine-1", "not\tmine"))
    assert one["x-request-id"] == "mine-1"
    assert other["x-request-id"] == other["x-prediction-id"]
    assert one["x-prediction-id"] != other["x-prediction-id"]
    assert (one["x-model-variant"], one["x-model-version"]) == ("champion", "3")
    assert one["x-share-epoch"].startswith("env-")
