"""The Open Inference Protocol, version 2, asked over HTTP."""

from __future__ import annotations

import json
import struct

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


def _binary(*rows: dict) -> tuple[bytes, dict[str, str]]:
    """A body as Triton's client sends it, with the header that says where its JSON ends."""
    kinds = {"age": "<q", "income": "<d", "member": "?"}
    tensors, binary = _tensors(*rows), b""
    for tensor in tensors:
        kind, values = kinds.get(tensor["name"]), tensor.pop("data")
        texts = [str(value).encode() for value in values]
        content = (
            b"".join(struct.pack(kind, value) for value in values)
            if kind
            else b"".join(struct.pack("<I", len(text)) + text for text in texts)
        )
        tensor["parameters"] = {"binary_data_size": len(content)}
        binary += content
    head = json.dumps({"inputs": tensors, "parameters": {"binary_data_output": True}}).encode()
    return head + binary, {"inference-header-content-length": str(len(head))}


def _ask_binary(server, body: bytes, headers: dict[str, str]):
    return server.ask("POST", "/v2/models/loans/infer", body, content_type="application/octet-stream", **headers)


class TestBinaryTensors:
    def test_are_read_and_written(self, shared_server, row) -> None:
        answer = _ask_binary(shared_server, *_binary(row, {**row, "age": 10, "city": "Köln"}))
        assert answer.status == 200
        length = int(answer.headers["inference-header-content-length"])
        outputs = json.loads(answer.body[:length])["outputs"]
        assert [output["parameters"]["binary_data_size"] for output in outputs] == [4 + 3 + 4 + 2, 4 * 8]
        assert all("data" not in output for output in outputs)
        rest = answer.body[length:]
        assert rest[:13] == b"\x03\0\0\0yes\x02\0\0\0no"
        assert struct.unpack("<4d", rest[13:]) == pytest.approx((0.4, 0.6, 0.9, 0.1))

    def test_are_chosen_output_by_output(self, shared_server, row) -> None:
        outputs = [{"name": "probability", "parameters": {"binary_data": True}}, {"name": "prediction"}]
        body = {"inputs": _tensors(row), "outputs": outputs}
        answer = shared_server.ask("POST", "/v2/models/loans/infer", body)
        length = int(answer.headers["inference-header-content-length"])
        first, second = json.loads(answer.body[:length])["outputs"]
        assert first["data"] == ["yes"]
        assert second["parameters"] == {"binary_data_size": 16}
        assert len(answer.body) == length + 16

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            (b"", b"more"),
            (b"hello", b"hell"),
            (b"hello", b"\xff\xfe\xff\xfe\xff"),
            (b"\x05\0\0\0hello", b"\xff\xff\xff\xffhello"),
            (b'"binary_data_size": 8', b'"binary_data_size": 4'),
            (b'"binary_data_size": 8', b'"binary_data_size":-1'),
            (b'"binary_data_size": 8', b'"binary_data_size":9e'),
            (b'"INT64"', b'"INT32"'),
            (b'"INT64"', b'"WHAT!"'),
            (b'"shape": [1]', b'"shape": [9]'),
        ],
    )
    def test_that_do_not_fit_are_refused(self, shared_server, row, old: bytes, new: bytes) -> None:
        body, headers = _binary(row)
        answer = _ask_binary(shared_server, body.replace(old, new, 1) if old else body + new, headers)
        assert answer.status in {400, 422}
        assert answer.json["error"]

    @pytest.mark.parametrize("length", ["", "x", "-1", "1_0", "9" * 30, "1000000"])
    def test_a_wrong_length_of_the_json_is_refused(self, shared_server, row, length: str) -> None:
        body, _ = _binary(row)
        assert _ask_binary(shared_server, body, {"inference-header-content-length": length}).status == 400

    def test_without_the_header_are_refused_with_the_remedy(self, shared_server, row) -> None:
        answer = _ask_binary(shared_server, _binary(row)[0], {})
        assert answer.status == 415
        assert "Inference-Header-Content-Length" in answer.json["error"]
