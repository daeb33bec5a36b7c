from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_SCRIPT = """
import importlib.util, sys
from pathlib import Path
spec = importlib.util.spec_from_file_location("known", sys.argv[1])
known = importlib.util.module_from_spec(spec)
spec.loader.exec_module(known)
from modelway.bundle import load_model, model_digest, save_model
from modelway.records.data import Task
from modelway.records.fit import BoostedTreesOptions, FitOptions, LinearOptions, NeuralNetworkOptions, SearchOptions
from modelway.train import fit_model, trees
import hashlib

trees._SMALL = 0  # all threads, as with many rows
estimators = [
    (LinearOptions(kind="linear", epochs=3), 0),
    (NeuralNetworkOptions(kind="neural_network", epochs=3, hidden=(40, 8)), 0),
    (BoostedTreesOptions(epochs=8, subsample=0.7, colsample=0.7), 0),
    (LinearOptions(kind="linear", epochs=2), 3),
]
for task, classes in ((Task.CLASSIFICATION, ("no", "yes")), (Task.REGRESSION, ())):
    data = known.Known(task, classes, rows=3000)
    for number, (estimator, trials) in enumerate(estimators):
        directory = Path(sys.argv[2]) / f"{task}{number}"
        directory.mkdir(parents=True)
        options = FitOptions(estimator=estimator, search=SearchOptions(trials=trials))
        fitted = fit_model(options, *data.parts())
        save_model(directory, fitted.info, fitted.spec, fitted.estimator, fitted.fit)
        scores = load_model(directory).predict(data.table).prediction.tobytes()
        fit = hashlib.sha256((directory / "fit.json").read_bytes()).hexdigest()
        print(task, number, model_digest(directory), fit, hashlib.sha256(scores).hexdigest())
"""


def _run(folder: Path, **environment: str) -> str:
    conftest = str(Path(__file__).parent.parent / "train" / "conftest.py")
    return subprocess.run(
        [sys.executable, "-c", _SCRIPT, conftest, str(folder)],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_two_processes_fit_the_same_bits_on_any_number_of_threads(tmp_path) -> None:
    first = _run(tmp_path / "first", PYTHONHASHSEED="1", OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    second = _run(tmp_path / "second", PYTHONHASHSEED="2", OMP_NUM_THREADS="2", OPENBLAS_NUM_THREADS="2")
    assert first == second
    assert len(first.splitlines()) == 8
