"""Bundles as servers open them."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from modelway.bundle import open_bundle
from modelway.errors import InputError, NoScoreError

HEAVY = ("pyarrow", "sklearn", "scipy", "lightgbm", "mlflow", "pandas", "onnx", "skops", "model_signing")


@pytest.mark.parametrize("data", ["binary", "three", "regression"])
@pytest.mark.parametrize("kind", ["linear", "neural_network", "boosted_trees"])
def test_a_bundle_says_what_the_fitted_model_says(pack, data, kind):
    packed = pack(data, kind)
    bundle = open_bundle(packed.bundle)
    assert bundle.info.format == "onnx"
    found, wanted = bundle.predict_table(packed.table), packed.scores
    assert (found.prediction == wanted.prediction).all() or data == "regression"
    np.testing.assert_allclose(found.prediction, wanted.prediction, rtol=1e-6, atol=1e-6)
    if data != "regression":
        np.testing.assert_allclose(found.probability, wanted.probability, atol=1e-6)
    if kind == "boosted_trees":
        np.testing.assert_allclose(found.prediction, wanted.prediction, rtol=1e-14)


def test_values_and_tables_are_scored_alike(pack):
    packed = pack("binary", "boosted_trees")
    bundle = open_bundle(packed.bundle)
    columns = {name: packed.table.column(name).to_pylist() for name in ("x0", "x1", "x2", "c", "d")}
    columns["x0"][3] = None
    table = packed.table.set_column(packed.table.column_names.index("x0"), "x0", [columns["x0"]])
    found = bundle.predict(columns, table.num_rows)
    assert (found.probability == bundle.predict_table(table).probability).all()


def test_a_score_that_is_not_finite_is_the_models_fault(pack, monkeypatch):
    packed = pack("binary", "boosted_trees")
    bundle = open_bundle(packed.bundle)
    output = bundle._estimator.output
    monkeypatch.setattr(type(bundle._estimator), "output", lambda _, matrix: output(matrix) * np.nan)
    with pytest.raises(NoScoreError, match="row 0"):
        bundle.predict_table(packed.table)


def test_opening_and_scoring_imports_nothing_heavy(pack):
    packed = pack("three", "boosted_trees")
    columns = {name: packed.table.column(name).to_pylist()[:2] for name in ("x0", "x1", "x2", "c", "d")}
    code = (
        "import json, sys, pathlib\n"
        "from modelway.bundle import open_bundle\n"
        f"open_bundle(pathlib.Path({str(packed.bundle)!r})).predict(json.loads({json.dumps(columns)!r}), 2)\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_score_that_is_no_number_is_refused(pack):
    bundle = open_bundle(pack("three", "linear").bundle)
    columns = {"x0": [0.0, 3e38], "x1": [0.0, -3e38], "x2": [0.0, 3e38], "c": ["low", "low"], "d": [1, 1]}
    with pytest.raises(InputError, match="row 1"):
        bundle.predict(columns, 2)
