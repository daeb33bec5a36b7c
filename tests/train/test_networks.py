from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.neural_network import _stochastic_optimizers as optimizers

from modelway.errors import SettingsError
from modelway.records.data import Task
from modelway.records.fit import FeatureOptions, FitOptions, LinearOptions, NeuralNetworkOptions
from modelway.train import fit_model
from modelway.train.networks import train_network
from modelway.train.problem import Problem, Sample, Watch


def _nothing(epoch: int, loss: float | None) -> None:
    pass


def _truth(rows: int = 20_000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    matrix = rng.normal(size=(rows, 4)).astype(np.float32)
    weights = np.array([1.0, -2.0, 0.5, 0.0])
    return matrix, weights, rng.random(rows)


def test_the_linear_model_finds_the_coefficients_of_a_logistic() -> None:
    matrix, weights, chance = _truth()
    target = (chance < 1 / (1 + np.exp(-(matrix @ weights + 0.3)))).astype(np.int64)
    options = LinearOptions(kind="linear", epochs=6, batch_size=64, learning_rate=0.005, patience=None)
    problem = Problem(Task.CLASSIFICATION, 2, seed=0)
    model = train_network(options, problem, Sample(matrix, target), None, Watch(None, _nothing))
    np.testing.assert_allclose(model.coefs_[0].ravel(), weights, atol=0.08)
    np.testing.assert_allclose(model.intercepts_[0], [0.3], atol=0.08)


def test_a_regression_predicts_in_the_targets_own_units() -> None:
    matrix, weights, chance = _truth()
    target = 5000 + 300 * (matrix @ weights) + chance
    options = LinearOptions(kind="linear", epochs=6, batch_size=64, learning_rate=0.005, patience=None)
    watch = Watch(None, _nothing)
    problem = Problem(Task.REGRESSION, 0, seed=0)
    model = train_network(options, problem, Sample(matrix, target), Sample(matrix, target), watch)
    np.testing.assert_allclose(model.coefs_[0].ravel(), 300 * weights, atol=6)
    np.testing.assert_allclose(model.intercepts_[0], [5000.5], atol=6)
    left = np.square(model.predict(matrix) - target).mean()
    assert watch.history[-1].validation_loss == pytest.approx(left, rel=1e-2)


@pytest.mark.parametrize(("epochs", "batch_size"), [(1, 32), (3, 32), (3, 50), (2, 10_000)])
@pytest.mark.parametrize("kind", ["linear", "neural_network"])
def test_epochs_and_batch_size_decide_the_steps_of_the_optimiser(binary, monkeypatch, kind, epochs, batch_size) -> None:
    steps = []
    update = optimizers.BaseOptimizer.update_params
    monkeypatch.setattr(
        optimizers.BaseOptimizer, "update_params", lambda self, *rest: (steps.append(1), update(self, *rest))
    )
    common = {"epochs": epochs, "batch_size": batch_size, "patience": None}
    if kind == "linear":
        options: LinearOptions | NeuralNetworkOptions = LinearOptions(kind="linear", **common)
    else:
        options = NeuralNetworkOptions(kind="neural_network", hidden=(4,), **common)
    fitted = fit_model(FitOptions(estimator=options), *binary.parts())
    assert len(steps) == epochs * math.ceil(1200 / batch_size)
    assert fitted.fit.epochs == epochs


def test_rows_are_shuffled_anew_in_each_epoch(monkeypatch) -> None:
    import sklearn.neural_network._multilayer_perceptron as module

    orders = []
    shuffle = module.shuffle

    def spy(*arrays, **options):
        result = shuffle(*arrays, **options)
        orders.append(result.tolist())
        return result

    monkeypatch.setattr(module, "shuffle", spy)
    matrix, _, chance = _truth(200)
    sample = Sample(matrix, (chance > 0.5).astype(np.int64))
    options = LinearOptions(kind="linear", epochs=3, patience=None)
    train_network(options, Problem(Task.CLASSIFICATION, 2, 0), sample, None, Watch(None, _nothing))
    assert len({tuple(order) for order in orders}) == 3


def test_ctrl_c_inside_an_epoch_ends_the_training(monkeypatch) -> None:
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(optimizers.BaseOptimizer, "update_params", interrupt)
    matrix, _, chance = _truth(200)
    sample = Sample(matrix, (chance > 0.5).astype(np.int64))
    with pytest.raises(KeyboardInterrupt):
        train_network(
            LinearOptions(kind="linear"), Problem(Task.CLASSIFICATION, 2, 0), sample, None, Watch(None, _nothing)
        )


def test_a_training_that_diverges_is_refused_with_the_way_out(regression) -> None:
    options = NeuralNetworkOptions(kind="neural_network", learning_rate=1e30, epochs=5)
    with pytest.raises(SettingsError, match="smaller learning rate") as refused:
        fit_model(FitOptions(estimator=options), *regression.parts())
    assert refused.value.where == "fit.estimator.learning_rate"


def test_missing_values_that_are_kept_are_refused(binary) -> None:
    from modelway.records.fit import ColumnFeatures

    features = FeatureOptions(columns={"x0": ColumnFeatures(impute="keep")})
    with pytest.raises(SettingsError, match="can't work with missing values") as refused:
        fit_model(FitOptions(estimator=LinearOptions(kind="linear"), features=features), *binary.parts())
    assert refused.value.where == "fit.features.columns.x0.impute"
