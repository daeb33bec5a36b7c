"""LightGBM's trees as ONNX: the same decision for each float, and the same sum of doubles."""

from __future__ import annotations

import lightgbm as lgb
import numpy as np
import pytest

from modelway.bundle.estimators import FittedEstimator, OnnxEstimator
from modelway.bundle.export import export_estimator
from modelway.records.data import Task
from modelway.records.fit import ModelInfo

CLASSES = {"binary": ("no", "yes"), "multiclass": ("a", "b", "c"), "regression": ()}
FEATURES = 5


def matrix(rows, seed):
    """Numbers, halves, whole numbers; one column has missing values, another gets them only after the fitting."""
    rng = np.random.default_rng(seed)
    found = rng.normal(size=(rows, FEATURES)).astype(np.float32)
    found[:, 1] = np.round(found[:, 1] * 2) / 2
    found[:, 2] = rng.integers(-1, 6, rows)
    found[rng.random(rows) < 0.2, 3] = np.nan
    return found


def fitted(objective, **parameters):
    x = matrix(3000, 0)
    signal = x[:, 0] - x[:, 1] + np.nan_to_num(x[:, 3], nan=2.0) + 0.3 * x[:, 2]
    y = {"binary": signal > 0.5, "multiclass": np.digitize(signal, [0, 1]), "regression": signal}[objective]
    options = {"objective": objective, "verbosity": -1, "num_threads": 1, **parameters}
    if objective == "multiclass":
        options["num_class"] = 3
    booster = lgb.train(options, lgb.Dataset(x, y.astype(float)), num_boost_round=20)
    task = Task.CLASSIFICATION if CLASSES[objective] else Task.REGRESSION
    info = ModelInfo(task=task, target="y", classes=CLASSES[objective], inputs={})
    return info, lgb.Booster(model_str=booster.model_to_string())


def at_each_threshold(booster):
    """Rows where a feature is the float nearest to a threshold, or the next one on either side."""
    splits = booster.trees_to_dataframe().dropna(subset=["threshold"])
    rows = []
    for name, threshold in zip(splits["split_feature"], splits["threshold"], strict=True):
        near = np.float32(threshold)
        for value in (near, np.nextafter(near, np.float32(-np.inf)), np.nextafter(near, np.float32(np.inf))):
            row = np.zeros(FEATURES, dtype=np.float32)
            row[int(name.removeprefix("Column_"))] = value
            rows.append(row)
    return np.array(rows)


@pytest.mark.parametrize("objective", CLASSES)
def test_trees_decide_alike_at_each_threshold_and_for_each_missing_value(objective):
    info, booster = fitted(objective)
    exported = OnnxEstimator(info, export_estimator(info, booster), "model.onnx")
    rows = np.concatenate([matrix(500, 1), at_each_threshold(booster), np.full((1, FEATURES), np.nan, np.float32)])
    gaps = np.random.default_rng(2).random(rows.shape) < 0.2
    for some in (rows, np.where(gaps, np.float32(np.nan), rows)):
        found, wanted = exported.output(some), FittedEstimator(info, booster).output(some)
        if objective == "regression":
            assert (found == wanted).all()
        else:
            np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-15)
            assert (found.argmax(axis=1) == wanted.argmax(axis=1)).all()


def test_a_tree_without_a_split_is_exported():
    info, booster = fitted("regression", min_data_in_leaf=5000)
    exported = OnnxEstimator(info, export_estimator(info, booster), "model.onnx")
    assert (exported.output(matrix(3, 1)) == booster.predict(matrix(3, 1))).all()


def test_a_deep_tree_is_exported():
    info, booster = fitted("regression", num_leaves=1500, min_data_in_leaf=1)
    exported = OnnxEstimator(info, export_estimator(info, booster), "model.onnx")
    assert (exported.output(matrix(300, 1)) == booster.predict(matrix(300, 1))).all()


@pytest.mark.parametrize("parameters", [{"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5}])
def test_what_modelway_does_not_fit_itself_is_left_as_it_is(parameters):
    info, booster = fitted("regression", **parameters)
    assert export_estimator(info, booster) is None


def test_the_same_estimator_gives_the_same_bytes():
    info, booster = fitted("binary")
    assert export_estimator(info, booster) == export_estimator(info, booster)
