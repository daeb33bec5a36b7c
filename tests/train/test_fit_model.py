from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from modelway.errors import InputError, SettingsError
from modelway.features import apply_features
from modelway.records.fit import (
    BoostedTreesOptions,
    FeatureOptions,
    FitOptions,
    LinearOptions,
    NeuralNetworkOptions,
    SearchOptions,
)
from modelway.train import fit_model

_KINDS = [
    BoostedTreesOptions(epochs=60, num_leaves=8),
    LinearOptions(kind="linear", epochs=60, learning_rate=0.02),
    NeuralNetworkOptions(kind="neural_network", epochs=60, hidden=(8,), learning_rate=0.01),
]


def _name(options) -> str:
    return options.kind


@pytest.mark.parametrize("estimator", _KINDS, ids=_name)
@pytest.mark.parametrize("data", ["binary", "three", "regression"])
def test_each_estimator_stops_early_and_is_refitted_for_the_best_epochs(request, data, estimator) -> None:
    known = request.getfixturevalue(data)
    steps = []
    patient = estimator.model_copy(update={"patience": 3})
    fitted = fit_model(
        FitOptions(estimator=patient),
        *known.parts(),
        progress=lambda step, done, total, note="": steps.append((step, done)),
    )
    losses = [epoch.validation_loss for epoch in fitted.fit.history]
    best = int(np.argmin(losses)) + 1
    assert fitted.fit.epochs == best
    assert len(losses) == best + 3 or len(losses) == 60
    assert [done for step, done in steps if step == "fit"] == list(range(1, len(losses) + 1))
    assert [done for step, done in steps if step == "refit"] == list(range(1, best + 1))
    assert fitted.fit.loss == ("squared_error" if data == "regression" else "log_loss")
    assert losses[best - 1] < (0.3 if data == "regression" else 0.6)


@pytest.mark.parametrize("estimator", _KINDS, ids=_name)
def test_without_refit_the_model_is_that_of_the_best_epoch(binary, estimator) -> None:
    options = FitOptions(estimator=estimator.model_copy(update={"patience": 3, "epochs": 60}), refit=False)
    dataset, train, validation, y_train, y_validation = binary.parts()
    fitted = fit_model(options, dataset, train, validation, y_train, y_validation)
    matrix = apply_features(fitted.spec, validation)
    if estimator.kind == "boosted_trees":
        assert fitted.estimator.num_trees() == fitted.fit.epochs
        positive = fitted.estimator.predict(matrix)
    else:
        positive = fitted.estimator.predict_proba(matrix)[:, 1]
    loss = -np.log(np.where(y_validation == 1, positive, 1 - positive)).mean()
    assert loss == pytest.approx(min(epoch.validation_loss for epoch in fitted.fit.history), rel=1e-5)


def test_a_refit_learns_from_the_validation_rows_too(binary) -> None:
    dataset, train, validation, *targets = binary.parts()
    new = pa.array(["only here"] * validation.num_rows)
    validation = validation.set_column(validation.schema.get_field_index("c"), "c", new)
    estimator = BoostedTreesOptions(epochs=5)
    refitted = fit_model(FitOptions(estimator=estimator), dataset, train, validation, *targets)
    kept = fit_model(FitOptions(estimator=estimator, refit=False), dataset, train, validation, *targets)
    assert "c=only here" in refitted.spec.names
    assert "c=only here" not in kept.spec.names


@pytest.mark.parametrize("estimator", _KINDS, ids=_name)
def test_without_validation_rows_all_epochs_are_fitted_once(binary, estimator) -> None:
    steps = []
    options = FitOptions(estimator=estimator.model_copy(update={"epochs": 4, "patience": 1}))
    fitted = fit_model(
        options, *binary.parts(0), progress=lambda step, done, total, note="": steps.append((step, done))
    )
    assert fitted.fit.epochs == 4
    assert steps == [("fit", epoch) for epoch in range(1, 5)]


def test_without_patience_there_is_one_fit_on_all_rows(binary) -> None:
    steps = []
    options = FitOptions(estimator=BoostedTreesOptions(epochs=4, patience=None))
    fitted = fit_model(options, *binary.parts(), progress=lambda step, done, total, note="": steps.append(step))
    whole = fit_model(options, *binary.parts(0))
    assert steps == ["fit"] * 4
    assert fitted.estimator.model_to_string() == whole.estimator.model_to_string()


def test_options_of_the_trees_reach_lightgbm(binary) -> None:
    estimator = BoostedTreesOptions(
        epochs=2, learning_rate=0.25, num_leaves=5, min_child_samples=7, subsample=0.5, colsample=0.75, l1=0.5, l2=2.0
    )
    model = fit_model(FitOptions(estimator=estimator, seed=5), *binary.parts(0)).estimator
    given = {name: model.params[name] for name in ("learning_rate", "num_leaves", "min_data_in_leaf", "seed")}
    assert given == {"learning_rate": 0.25, "num_leaves": 5, "min_data_in_leaf": 7, "seed": 5}
    given = {name: model.params[name] for name in ("bagging_fraction", "feature_fraction", "lambda_l1", "lambda_l2")}
    assert given == {"bagging_fraction": 0.5, "feature_fraction": 0.75, "lambda_l1": 0.5, "lambda_l2": 2.0}


@pytest.mark.parametrize("estimator", _KINDS, ids=_name)
def test_the_columns_that_matter_carry_the_importance(binary, estimator) -> None:
    fitted = fit_model(FitOptions(estimator=estimator), *binary.parts())
    shares = fitted.fit.importance
    assert sum(shares.values()) == pytest.approx(1)
    assert set(shares) == {"x0", "x1", "x2", "c", "d"} == set(fitted.info.inputs)
    if estimator.kind != "neural_network":
        assert next(iter(shares)) == "x0"


def test_the_seed_decides_the_model(binary) -> None:
    estimator = LinearOptions(kind="linear", epochs=2)
    first, second, other = (
        fit_model(FitOptions(estimator=estimator, seed=seed), *binary.parts()).estimator.coefs_[0] for seed in (1, 1, 2)
    )
    assert first.tobytes() == second.tobytes() != other.tobytes()


def test_a_logarithm_of_a_negative_target_is_refused(regression) -> None:
    with pytest.raises(InputError, match="negative value"):
        fit_model(FitOptions(target_transform="log1p"), *regression.parts())


@pytest.mark.parametrize(
    ("options", "validation", "where"),
    [
        (FitOptions(target_transform="log1p"), 300, "fit.target_transform"),
        (FitOptions(search=SearchOptions(trials=2)), 0, "fit.search.trials"),
        (FitOptions(features=FeatureOptions(drop=("nope",))), 300, "fit.features.drop"),
    ],
)
def test_contradictions_are_refused(binary, options, validation, where) -> None:
    with pytest.raises(SettingsError) as refused:
        fit_model(options, *binary.parts(validation))
    assert refused.value.where == where


def test_the_fit_tells_kernel_and_versions(binary) -> None:
    fit = fit_model(FitOptions(estimator=LinearOptions(kind="linear", epochs=1)), *binary.parts()).fit
    assert fit.kernel["machine"]
    assert len(fit.kernel) > 1
    assert {"python", "numpy", "scikit-learn", "lightgbm"} <= set(fit.versions)
