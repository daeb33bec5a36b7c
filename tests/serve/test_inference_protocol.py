"""The Open Inference Protocol, version 2, asked over HTTP."""

from __future__ import annotations

import pytest

TYPES = {"age": "INT64", "income": "FP64", "member": "BOOL"}


def _tensors(*rows: dict) -> list[dict]:
    return [
        {"name": name, "shape": [len(rows)], "datatype": TYPES.get(name, "BYTES"), "data": [row[name] for row in rows]}
        for name in rows[0]
    ]


def test_health_and_metadata(shared_server) -> None:
    assert shared_server.ask("GET", "/v2/health/live").json == {"live": True}
    assert shared_server.ask("GET", "/v2/health/ready").json == {"ready": True}
    assert shared_server.ask("GET", "/v2/models/loans/ready").json == {"name": "loans", "ready": True}
    assert shared_server.ask("GET", "/v2/models/loans/versions/3/ready").status == 200
    server = shared_server.ask("GET", "/v2").json
    assert (server["name"], server["extensions"]) == ("modelway", ["binary_tensor_data"])
    model = shared_server.ask("GET", "/v2/models/loans").json
    assert model["name"] == "loans"
    assert model["versions"] == ["3"]
    assert model["inputs"][0] == {"name": "age", "datatype": "INT64", "shape": [-1]}
    assert model["outputs"][1] == {"name": "probability", "datatype": "FP64", "shape": [-1, 2]}


@pytest.mark.parametrize("path", ["/v2/models/loans/infer", "/v2/models/loans/versions/3/infer"])
def test_a_question_is_answered(shared_server, row, path: str) -> None:
    answer = shared_server.ask("POST", path, {"id": "mine", "inputs": _tensors(row, {**row, "age": 10})})
    assert answer.status == 200
    assert answer.json == {
        "id": "mine",
        "model_name": "loans",
        "model_version": "3",
        "outputs": [
            {"name": "prediction", "shape": [2], "datatype": "BYTES", "data": ["yes", "no"]},
            {
                "name": "probability",
                "shape": [2, 2],
                "datatype": "FP64",
                "data": pytest.approx([0.4, 0.6, 0.9, 0.1]),
            },
        ],
    }


def test_a_column_of_shape_rows_by_one_is_fine(shared_server, row) -> None:
    tensors = _tensors(row, row)
    tensors[0] |= {"shape": [2, 1], "data": [[60], [10]]}
    outputs = shared_server.ask("POST", "/v2/models/loans/infer", {"inputs": tensors}).json["outputs"]
    assert outputs[0]["data"] == ["yes", "no"]


def test_only_the_outputs_asked_for_are_given(shared_server, row) -> None:
    body = {"inputs": _tensors(row), "outputs": [{"name": "prediction"}]}
    answer = shared_server.ask("POST", "/v2/models/loans/infer", body).json
    assert [output["name"] for output in answer["outputs"]] == ["prediction"]
    assert "id" not in answer


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda body: body.pop("inputs"), "body"),
        (lambda body: body["inputs"].clear(), "rows"),
        (lambda body: body["inputs"].append(body["inputs"][0]), "age"),
        (lambda body: body["inputs"][0].update(shape=[2]), "age"),
        (lambda body: body["inputs"][0].update(shape=[]), "age"),
        (lambda body: body["inputs"][0].update(shape=[-1, -1]), "age"),
        (lambda body: body["inputs"][0].update(datatype="BYTES"), "age"),
        (lambda body: body["inputs"][0].update(data=[1, 2]), "age"),
        (lambda body: body["inputs"][0].update(data=["x"]), "age"),
        (lambda body: body["inputs"][0].update(name="shoe"), "shoe"),
        (lambda body: body["inputs"][0].pop("data"), "age"),
        (lambda body: body.update(outputs=[{"name": "other"}]), "outputs"),
    ],
)
def test_a_question_that_does_not_fit_is_refused(shared_server, row, change, field: str) -> None:
    body = {"inputs": _tensors(row)}
    change(body)
    answer = shared_server.ask("POST", "/v2/models/loans/infer", body)
    assert answer.status == 422
    assert isinstance(answer.json["error"], str)
    assert field in [fault["field"] for fault in answer.json["faults"]]


@pytest.mark.parametrize("path", ["/v2/models/other/infer", "/v2/models/loans/versions/9/infer"])
def test_an_unknown_model_or_version_is_not_found(shared_server, row, path: str) -> None:
    answer = shared_server.ask("POST", path, {"inputs": _tensors(row)})
    assert answer.status == 404
    assert isinstance(answer.json["error"], str)


def test_unknown_models_have_no_metadata(shared_server) -> None:
    assert shared_server.ask("GET", "/v2/models/other").status == 404
    assert shared_server.ask("GET", "/v2/models/loans/versions/9").status == 404
