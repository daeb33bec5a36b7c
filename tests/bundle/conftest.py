from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from modelway.bundle import load_model, model_digest, pack_bundle, save_model, write_reference, write_signature
from modelway.bundle.reference import read_reference
from modelway.evaluate import evaluate
from modelway.observe.baseline import make_baseline
from modelway.records.bundle import Origin
from modelway.records.data import Task
from modelway.records.evaluate import EvaluateOptions, Scores
from modelway.records.fit import BoostedTreesOptions, FitOptions, LinearOptions, NeuralNetworkOptions
from modelway.train import fit_model
from tests.train.conftest import Known

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
    found = {name: Known(*arguments) for name, arguments in _DATA.items()}
    found["positive"] = Known(Task.REGRESSION)
    found["positive"].y = np.exp(found["positive"].y)
    return found


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


@dataclass(frozen=True)
class Packed:
    """A bundle, what it was made from, and held-out rows with what the fitted model says of them."""

    training: Path
    bundle: Path
    table: Any
    scores: Scores

    def copy(self, bundle: Path) -> Packed:
        """A bundle of one's own, to be changed."""
        shutil.copytree(self.bundle, bundle, symlinks=True)
        return replace(self, bundle=bundle)


ORIGIN = Origin(
    name="known", version=3, run_id="r" * 32, commit="c" * 40, created="2026-05-04T03:02:01+00:00",
    data_digest="d" * 64, settings_digest="5" * 64, lock_digest="1" * 64,
)  # fmt: skip


def write_training(folder: Path, known: Any, fitted: Any) -> Path:
    """A directory as the `evaluate` stage writes it."""
    model = folder / "model"
    model.mkdir(parents=True)
    save_model(model, fitted.info, fitted.spec, fitted.estimator, fitted.fit)
    dataset, train, test, y_train, y_test = known.parts()
    scores = load_model(model).predict(test)
    evaluation = evaluate(
        EvaluateOptions(resamples=100), dataset, test, y_test, scores, None, model_digest=model_digest(model),
        champion_digest=None, size_bytes=1, inputs=fitted.info.inputs, benchmarks={},
    )  # fmt: skip
    (folder / "metrics.json").write_text(evaluation.to_json())
    target = pa.array(y_train if not dataset.classes else [dataset.classes[number] for number in y_train])
    baseline = make_baseline(dataset, train.append_column("y", target), test, scores, {}, {})
    (folder / "baseline.json").write_text(baseline.to_json())
    write_signature(folder, fitted.info, fitted.spec, dataset.columns, 0.5)
    write_reference(folder, fitted.info, test, scores)
    return folder


@pytest.fixture(scope="session")
def origin():
    return ORIGIN


@pytest.fixture(scope="session")
def training_of():
    return write_training


@pytest.fixture(scope="session")
def train_one(known, fit_one, tmp_path_factory):
    """Gives a directory as `evaluate` writes it, the same one for the same arguments."""

    @cache
    def train(data: str, kind: str, **options: Any) -> Path:
        return write_training(tmp_path_factory.mktemp("training"), known[data], fit_one(data, kind, **options))

    return train


@pytest.fixture(scope="session")
def pack(known, train_one, tmp_path_factory):
    """Gives a bundle, the same one for the same arguments; it is not to be changed."""

    @cache
    def pack_one(data: str, kind: str, **options: Any) -> Packed:
        training = train_one(data, kind, **options)
        bundle = tmp_path_factory.mktemp("packed") / "bundle"
        pack_bundle(training, ORIGIN, bundle)
        reference = read_reference(bundle / "reference.parquet", load_model(training / "model").info)
        return Packed(training, bundle, reference.table, reference.scores)

    return pack_one
