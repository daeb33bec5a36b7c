"""Models of the user's own, served end to end: estimator, export and feature function lie beside the settings."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

pytestmark = pytest.mark.slow

SETTINGS = """\
name: loans
prepare:
  task: classification
  target: defaulted
  positive: "yes"
  data: {uri: data/loans.csv}
  columns:
    age: {type: integer}
    income: {type: number}
    amount: {type: number}
    purpose: {type: category}
    defaulted: {type: category}
  ignore: [applied_on, term_months, employment, home, credit_history_years, late_payments, note, group]
fit:
  features:
    custom:
      - {function: "mine:share_of_income", columns: [amount, income]}
  estimator: {kind: custom, function: "mine:make", trusted: [mine.Network]}
evaluate:
  gates:
    minimum: {roc_auc: 0.5}
"""
MODULE = '''
"""A network of layers, as one of PyTorch's would be: the export writes them down as ONNX by hand."""

import numpy as np


def share_of_income(table):
    amount, income = (table.column(name).to_numpy().astype(float) for name in ("amount", "income"))
    return (amount / (1 + income))[:, None]


class Network:
    def fit(self, matrix, labels, sample_weight=None):
        rng = np.random.default_rng(0)
        self.classes_ = np.unique(labels)
        self.scale_ = 1 / (1 + np.abs(matrix).max(axis=0))
        self.hidden_ = rng.normal(size=(matrix.shape[1], 8)).astype(np.float32)
        seen = np.hstack([self._hidden(matrix), np.ones((len(matrix), 1))])
        self.weights_ = np.linalg.lstsq(seen, labels * 4.0 - 2.0, rcond=None)[0].astype(np.float32)
        return self

    def _hidden(self, matrix):
        return np.maximum(matrix * self.scale_ @ self.hidden_, 0)

    def predict_proba(self, matrix):
        logit = self._hidden(matrix) @ self.weights_[:-1] + self.weights_[-1]
        yes = 1 / (1 + np.exp(-logit))
        return np.column_stack([1 - yes, yes])

    def predict(self, matrix):
        return (self.predict_proba(matrix)[:, 1] >= 0.5).astype(int)


def make(**params):
    return Network()


def export(estimator, features):
    from onnx import TensorProto, helper, numpy_helper

    values = {
        "scale": estimator.scale_, "hidden": estimator.hidden_, "weights": estimator.weights_[:-1, None],
        "bias": estimator.weights_[-1:],
    }
    nodes = [
        helper.make_node("Mul", ["x", "scale"], ["scaled"]),
        helper.make_node("MatMul", ["scaled", "hidden"], ["sum"]),
        helper.make_node("Relu", ["sum"], ["seen"]),
        helper.make_node("MatMul", ["seen", "weights"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["positive"]),
    ]
    graph = helper.make_graph(
        nodes, "network",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, features])],
        [helper.make_tensor_value_info("positive", TensorProto.FLOAT, [None, 1])],
        [numpy_helper.from_array(np.asarray(value, np.float32), name) for name, value in values.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
'''


def _run(root: Path, *argv: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "modelway", *argv], check=False, cwd=root, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _write(root: Path) -> Path:
    (root / "modelway.yaml").write_text(SETTINGS)
    (root / "mine.py").write_text(MODULE)
    return root


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one registered version."""
    root = _write(tmp_path_factory.mktemp("users"))
    _run(root, "sample", "--output", "data", "--rows", "2000")
    _run(root, "train", "--output-dir", "trained")
    return root


@pytest.fixture(scope="module")
def bundles(project: Path) -> dict[str, Path]:
    """The version's bundle without an export and with it, by format."""
    _run(project, "package", "--version", "champion", "--output", "skops")
    _run(project, "package", "--version", "champion", "--output", "onnx", "--set", "package.export=mine:export")
    return {name: project / name for name in ("skops", "onnx")}


def test_a_version_is_packaged_by_number_alias_and_run(project: Path, bundles: dict[str, Path]) -> None:
    run = json.loads((bundles["skops"] / "bundle.json").read_text())["run_id"]
    digests = set()
    for number, name in enumerate(("1", run, "champion")):
        told = json.loads(_run(project, "--json", "package", "--version", name, "--output", f"again{number}"))
        digests.add(told["digest"])
        assert (told["bundle"]["version"], told["bundle"]["run_id"]) == (1, run)
    assert len(digests) == 1


@pytest.mark.parametrize("form", ["skops", "onnx"])
def test_it_is_served_as_it_was_fitted(start, bundles: dict[str, Path], tmp_path: Path, form: str) -> None:
    assert json.loads((bundles[form] / "bundle.json").read_text())["format"] == form
    _write(tmp_path)
    server = start(champion=bundles[form], real=True)
    rows = pq.read_table(bundles[form] / "reference.parquet").slice(0, 50).to_pylist()
    asked = [{name: row[name] for name in ("age", "income", "amount", "purpose")} for row in rows]
    expected = [row["output.probability_yes"] for row in rows]
    together = server.predict(*asked)
    assert together.status == 200, together.body
    np.testing.assert_allclose([row["yes"] for row in together.json["probabilities"]], expected, atol=1e-5)
    alone = server.predict(asked[0])
    np.testing.assert_allclose(alone.json["probabilities"][0]["yes"], expected[0], atol=1e-5)
    assert server.predict({**asked[0], "age": "old"}).status == 422


def test_without_the_users_module_it_is_refused_at_the_start(start, bundles: dict[str, Path]) -> None:
    for directory in bundles.values():
        server = start(champion=directory, real=True)
        assert server.process.wait(60) in {2, 3}
        assert "mine" in server.record["error"]["what"]
