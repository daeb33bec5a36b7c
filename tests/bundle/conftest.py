from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from modelway.bundle import save_model
from modelway.records.data import Task
from modelway.records.fit import BoostedTreesOptions, FitOptions, LinearOptions, NeuralNetworkOptions
from modelway.train import fit_model


def _known():
    """The data of train's tests."""
    path = Path(__file__).parent.parent / "train" / "conftest.py"
    spec = importlib.util.spec_from_file_location("known_truth", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Known


_KNOWN = _known()
_DATA = {
    "binary": (Task.CLASSIFICATION, ("no", "yes")),
    "three": (Task.CLASSIFICATION, ("a", "b", "c")),
    "regression": (Task.REGRESSION, ()),
}
_ESTIMATORS = {
    "linear": LinearOptions(kind="linear", epochs=3, learning_rate=0.02),
    "neural_network": NeuralNetworkOptions(kind="neural_network", epochs=3, hidden=(8,)),
    "boosted_trees": BoostedTreesOptions(epochs=5),
}


@pytest.fixture(scope="session")
def known():
    return {name: _KNOWN(*arguments) for name, arguments in _DATA.items()}


@pytest.fixture(scope="session")
def fit_one(known):
    def fit(data: str, kind: str, **options):
        return fit_model(FitOptions(estimator=_ESTIMATORS[kind], **options), *known[data].parts())

    return fit


@pytest.fixture
def save(tmp_path):
    def save(fitted) -> Path:
        save_model(tmp_path, fitted.info, fitted.spec, fitted.estimator, fitted.fit)
        return tmp_path

    return save
