"""A bundle is an MLflow model: mlflow's own loader gives what `open_bundle` gives."""

from __future__ import annotations

import json

import numpy as np
import pytest

from modelway.bundle import open_bundle
from modelway.bundle.mlmodel import _input
from modelway.records.bundle import SignatureColumn
from modelway.records.data import ColumnType


@pytest.mark.parametrize(("data", "kind"), [("binary", "boosted_trees"), ("regression", "linear")])
def test_mlflow_loads_a_bundle_and_predicts_the_same(pack, data, kind):
    pyfunc = pytest.importorskip("mlflow.pyfunc")
    packed = pack(data, kind)
    frame = packed.table.select(["x0", "x1", "x2", "c", "d"]).to_pandas()
    found = pyfunc.load_model(str(packed.bundle)).predict(frame)
    wanted = open_bundle(packed.bundle).predict_table(packed.table)
    if data == "regression":
        np.testing.assert_array_equal(found["prediction"], wanted.prediction)
    else:
        np.testing.assert_array_equal(found["probability_yes"], wanted.probability[:, 1])
        assert found["prediction"].tolist() == [("no", "yes")[number] for number in wanted.prediction]


@pytest.mark.parametrize("nullable", [True, False])
@pytest.mark.parametrize("kind", ColumnType)
def test_mlflow_demands_just_the_columns_that_may_not_be_missing(kind, nullable):
    schema = pytest.importorskip("mlflow.types").Schema
    column = SignatureColumn(name="x", type=kind, nullable=nullable)
    (found,) = schema.from_json(json.dumps([_input(column)])).inputs
    assert (found.name, found.required) == ("x", not nullable)
