from __future__ import annotations

import sys

import numpy as np
import pytest

from modelway.errors import SettingsError
from modelway.features import apply_features
from modelway.records.fit import CustomEstimatorOptions, FitOptions, IntRange, SearchOptions
from modelway.train import fit_model

_MODULE = """
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

def logistic(C=1.0): return make_pipeline(StandardScaler(), LogisticRegression(C=C, solver="saga", max_iter=5000))
def ridge(): return Ridge()
def tree(max_depth=None): return DecisionTreeClassifier(max_depth=max_depth, max_features=1)
def nothing(): return object()
class Flat(Ridge):
    def predict(self, X): return super().predict(X)[:, None]
"""


@pytest.fixture(autouse=True)
def module(tmp_path, monkeypatch):
    (tmp_path / "my_models.py").write_text(_MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "my_models", raising=False)


def _options(function: str, **params: object) -> CustomEstimatorOptions:
    return CustomEstimatorOptions(kind="custom", function=f"my_models:{function}", params=params, trusted=("a.B",))


def test_a_users_estimator_is_fitted_with_its_parameters_and_the_seed(binary) -> None:
    fitted = fit_model(FitOptions(estimator=_options("tree", max_depth=3), seed=7), *binary.parts())
    assert fitted.estimator.max_depth == 3
    assert fitted.estimator.random_state == 7
    assert fitted.fit.epochs is None
    assert fitted.info.trusted == ("a.B",)
    assert sum(fitted.fit.importance.values()) == pytest.approx(1)


def test_seeds_inside_a_pipeline_are_set_too(binary) -> None:
    fitted = fit_model(FitOptions(estimator=_options("logistic", C=0.5), seed=7), *binary.parts())
    assert fitted.estimator[-1].random_state == 7
    assert fitted.estimator[-1].C == 0.5
    rows = apply_features(fitted.spec, binary.table)
    assert np.mean(fitted.estimator.predict(rows) == binary.y) > 0.7
    assert fitted.fit.importance == {}


def test_a_users_regressor_is_fitted(regression) -> None:
    fitted = fit_model(FitOptions(estimator=_options("ridge")), *regression.parts())
    assert (
        np.square(fitted.estimator.predict(apply_features(fitted.spec, regression.table)) - regression.y).mean() < 0.2
    )


def test_a_users_estimator_is_searched_over_the_named_space(binary) -> None:
    search = SearchOptions(trials=4, space={"max_depth": IntRange(low=1, high=4)})
    fitted = fit_model(FitOptions(estimator=_options("tree"), search=search), *binary.parts())
    best = fitted.fit.search.trials[fitted.fit.search.best]
    assert fitted.estimator.max_depth == best.params["max_depth"] == fitted.fit.estimator.params["max_depth"]
    assert best.value == min(trial.value for trial in fitted.fit.search.trials)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (_options("nope"), "no function 'nope'"),
        (_options("tree", depth=3), "unexpected keyword"),
        (_options("nothing"), "no method 'fit'"),
        (_options("ridge"), "no method 'predict_proba'"),
        (CustomEstimatorOptions(kind="custom", function="no_such_module:f"), "can't be imported"),
    ],
)
def test_what_is_no_estimator_is_refused(binary, options, said) -> None:
    with pytest.raises(SettingsError, match=said):
        fit_model(FitOptions(estimator=options), *binary.parts())


def test_predictions_of_a_wrong_shape_are_refused(regression) -> None:
    with pytest.raises(SettingsError, match=r"shape \(2, 1\); \(2,\) is wanted"):
        fit_model(FitOptions(estimator=_options("Flat")), *regression.parts())


def test_a_search_without_a_space_is_refused(binary) -> None:
    with pytest.raises(SettingsError, match="no space of its own"):
        fit_model(FitOptions(estimator=_options("tree"), search=SearchOptions(trials=2)), *binary.parts())
