"""What is served is what was trained: a bundle of the sample's model answers as the fitted one, asked in every form."""

from __future__ import annotations

import csv
import io
import json
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from modelway.bundle import load_model
from modelway.bundle.reference import read_reference

TENSORS = {"int64": "INT64", "double": "FP64", "string": "BYTES", "timestamp[us, tz=UTC]": "BYTES"}


@pytest.fixture(scope="session")
def model(trained):
    return load_model(trained.training / "model")


@pytest.fixture(scope="session")
def table(trained, model) -> pa.Table:
    """Held-out rows, and some that are awkward: missing, unseen, extreme, empty."""
    reference = read_reference(trained.bundle / "reference.parquet", model.info).table
    rows = reference.select(list(model.info.inputs)).slice(0, 300)
    awkward = rows.slice(0, 5).to_pylist()
    for row, change in zip(
        awkward,
        ({"employment": None}, {"employment": "astronaut"}, {"income": 1e12}, {"note": ""}, {"amount": 0.0}),
        strict=True,
    ):
        row.update(change)
    return pa.concat_tables([rows, pa.Table.from_pylist(awkward, schema=rows.schema)])


def _rows(table: pa.Table) -> list[dict]:
    return [
        {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in row.items()}
        for row in table.to_pylist()
    ]


def _csv(rows: list[dict]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _expected(model, table: pa.Table) -> np.ndarray:
    return model.predict(table).probability[:, 1]


def test_every_form_answers_as_the_fitted_model(real_server, model, table) -> None:
    # An empty text can't be told from a missing one in CSV, and the note is not nullable; its row is left out there.
    rows, names = _rows(table), table.column_names
    told = [number for number, row in enumerate(rows) if row["note"] != ""]
    bodies = {
        "records": {"dataframe_records": rows},
        "split": {"dataframe_split": {"columns": names, "data": [list(row.values()) for row in rows]}},
        "inputs": {"inputs": {name: [row[name] for row in rows] for name in names}},
    }
    expected = _expected(model, table)
    answers = {name: real_server.ask("POST", "/invocations", body) for name, body in bodies.items()}
    for name, answer in answers.items():
        assert answer.status == 200, (name, answer.body[:500])
        found = [row["yes"] for row in answer.json["probabilities"]]
        np.testing.assert_allclose(found, expected, atol=1e-6, err_msg=name)
        assert answer.json["predictions"] == ["yes" if value >= 0.5 else "no" for value in expected]
    answer = real_server.ask("POST", "/invocations", _csv([rows[number] for number in told]), content_type="text/csv")
    assert answer.status == 200, answer.body[:500]
    np.testing.assert_allclose([row["yes"] for row in answer.json["probabilities"]], expected[told], atol=1e-6)


def test_the_inference_protocol_answers_as_the_fitted_model(real_server, model, table) -> None:
    rows = _rows(table)
    inputs = [
        {
            "name": field.name,
            "shape": [len(rows)],
            "datatype": TENSORS[str(field.type)],
            "data": [row[field.name] for row in rows],
        }
        for field in table.schema
    ]
    answer = real_server.ask("POST", "/v2/models/loans/infer", {"inputs": inputs})
    assert answer.status == 200, answer.body[:500]
    found = np.array(answer.json["outputs"][1]["data"]).reshape(-1, 2)[:, 1]
    np.testing.assert_allclose(found, _expected(model, table), atol=1e-6)


def test_one_row_at_a_time_answers_the_same(real_server, model, table) -> None:
    some = table.slice(table.num_rows - 20)
    found = [real_server.predict(row).json["probabilities"][0]["yes"] for row in _rows(some)]
    np.testing.assert_allclose(found, _expected(model, some), atol=1e-6)


def test_the_bundles_own_example_is_answered(real_server, trained) -> None:
    body = json.loads((trained.bundle / "serving_input_example.json").read_bytes())
    assert real_server.ask("POST", "/invocations", body).status == 200
    assert "dataframe_records" in real_server.ask("GET", "/docs").body.decode()


def test_a_bundle_with_a_flipped_bit_is_not_served(start, trained, tmp_path) -> None:
    shutil.copytree(trained.bundle, tmp_path / "bundle")
    path = tmp_path / "bundle" / "model.onnx"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    server = start(champion=tmp_path / "bundle", real=True)
    assert server.process.wait(60) == 3
    assert "model.onnx" in json.dumps(server.record)


def test_a_bundle_without_a_signature_is_not_served_where_one_is_required(start, trained) -> None:
    server = start(champion=trained.bundle, real=True, require_signature=True)
    assert server.process.wait(60) == 3
    assert "signature" in json.dumps(server.record)


def test_a_server_of_an_exported_model_imports_nothing_of_training(real_server) -> None:
    import psutil

    (worker,) = psutil.Process(real_server.process.pid).children()
    mapped = {entry.path for entry in worker.memory_maps()}
    heavy = ("pyarrow", "sklearn", "lightgbm", "pandas", "mlflow", "scipy")
    assert not [path for path in mapped if any(f"/{name}/" in path for name in heavy)]


def test_a_server_tells_nobody_of_its_models(start, trained, tmp_path) -> None:
    # onnxruntime's telemetry keeps what it sends in the home directory.
    home = tmp_path / "home"
    home.mkdir()
    server = start(champion=trained.bundle, real=True, env={"HOME": str(home)})
    example = (trained.bundle / "serving_input_example.json").read_bytes()
    assert server.ask("POST", "/predict", example).status == 200
    server.stop()
    assert not list(home.rglob("*"))


def test_the_reference_rows_say_what_the_fitted_model_says(trained, model) -> None:
    # What the other tests compare with is what training wrote, too.
    reference = read_reference(trained.bundle / "reference.parquet", model.info)
    assert pq.read_metadata(trained.bundle / "reference.parquet").num_rows == reference.table.num_rows
    np.testing.assert_array_equal(model.predict(reference.table).probability, reference.scores.probability)
