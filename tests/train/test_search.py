from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import optuna
import pytest

from modelway.errors import OutsideError, SettingsError
from modelway.records.fit import (
    BoostedTreesOptions,
    Choice,
    FitOptions,
    FloatRange,
    IntRange,
    LinearOptions,
    NeuralNetworkOptions,
    SearchOptions,
)
from modelway.train import fit_model

_LINEAR = LinearOptions(kind="linear", epochs=2)


def _search(known, study: str | None = None, estimator=_LINEAR, name: str = "s", **search):
    options = FitOptions(estimator=estimator, search=SearchOptions(**{"trials": 12} | search))
    return fit_model(options, *known.parts(), study=study, study_name=name).fit


@pytest.fixture
def address(tmp_path) -> str:
    return f"sqlite:///{tmp_path}/study.db"


@pytest.mark.parametrize(
    ("estimator", "names"),
    [
        (_LINEAR, {"learning_rate", "l2"}),
        (NeuralNetworkOptions(kind="neural_network", epochs=2), {"hidden", "learning_rate", "l2"}),
        (
            BoostedTreesOptions(epochs=3),
            {"learning_rate", "num_leaves", "min_child_samples", "subsample", "colsample", "l2"},
        ),
    ],
)
def test_each_kind_has_a_space_of_its_own_and_the_best_trial_is_fitted(binary, estimator, names) -> None:
    fit = _search(binary, estimator=estimator, trials=3)
    best = fit.search.trials[fit.search.best]
    assert best.value == min(trial.value for trial in fit.search.trials if trial.state == "complete")
    assert set(best.params) == names
    assert best.params.items() <= fit.estimator.model_dump().items()
    assert min(epoch.validation_loss for epoch in fit.history) == pytest.approx(best.value, rel=1e-6)


def test_the_settings_space_takes_the_place_of_the_default(binary) -> None:
    space = {
        "hidden": Choice(choices=((4,), (3, 2))),
        "batch_size": IntRange(low=100, high=200),
        "l2": IntRange(low=0, high=1),
    }
    network = NeuralNetworkOptions(kind="neural_network", epochs=1)
    fit = _search(binary, estimator=network, trials=4, space=space)
    for trial in fit.search.trials:
        assert set(trial.params) == set(space)
        assert trial.params["hidden"] in {(4,), (3, 2)}
        assert 100 <= trial.params["batch_size"] <= 200
        assert isinstance(trial.params["l2"], float)
    assert fit.estimator.learning_rate == network.learning_rate


@pytest.mark.parametrize(
    ("space", "said"),
    [
        ({"rate": FloatRange(low=0.1, high=1)}, "no option 'rate'(.|\n)*learning_rate"),
        ({"kind": Choice(choices=("linear",))}, "no option 'kind'"),
        ({"learning_rate": FloatRange(low=-1, high=1)}, "-1.0 is nothing for 'learning_rate'"),
        ({"batch_size": FloatRange(low=1.5, high=3)}, "1.5 is nothing for 'batch_size'"),
        ({"batch_size": Choice(choices=("many",))}, "'many' is nothing for 'batch_size'"),
    ],
)
def test_a_space_that_does_not_fit_is_refused(binary, space, said) -> None:
    with pytest.raises(SettingsError, match=said) as refused:
        _search(binary, space=space)
    assert refused.value.where.startswith("fit.search.space.")


def test_a_search_is_the_same_for_the_same_seed(binary, address) -> None:
    assert _search(binary) == _search(binary, address)


def test_a_longer_search_begins_with_the_trials_of_the_shorter(binary, address) -> None:
    short = _search(binary, address, trials=3).search
    stored = optuna.load_study(study_name="s", storage=address)
    assert len(stored.trials) == 3
    assert _search(binary, address).search == _search(binary).search
    assert len(stored.get_trials()) == 12
    assert _search(binary, address, trials=3).search == short


def test_hopeless_trials_are_pruned_only_where_asked(binary) -> None:
    slow = LinearOptions(kind="linear", epochs=10)
    assert "pruned" in {trial.state for trial in _search(binary, estimator=slow).search.trials}
    assert {trial.state for trial in _search(binary, estimator=slow, pruning=False).search.trials} == {"complete"}


def test_trials_that_diverge_count_as_pruned(regression) -> None:
    space = {"learning_rate": Choice(choices=(0.01, 1e30))}
    network = NeuralNetworkOptions(kind="neural_network", epochs=2, hidden=(4,))
    fit = _search(regression, estimator=network, trials=5, space=space)
    states = {trial.params["learning_rate"]: trial.state for trial in fit.search.trials}
    assert states == {0.01: "complete", 1e30: "pruned"}
    hopeless = {"learning_rate": Choice(choices=(1e30,))}
    with pytest.raises(SettingsError, match="no trial of the search came to an end"):
        _search(regression, estimator=network, trials=2, space=hopeless)


def test_no_trial_begins_after_the_time_is_up(binary, address) -> None:
    with pytest.raises(SettingsError, match="no trial"):
        _search(binary, address, timeout=1e-9)
    assert not optuna.load_study(study_name="s", storage=address).trials


@pytest.mark.parametrize("kept", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_workers_share_the_trials(binary, address, kept) -> None:
    fit = _search(binary, address if kept else None, trials=5, workers=2)
    assert len(fit.search.trials) == 5
    if kept:
        stored = optuna.load_study(study_name="s", storage=address).trials
        assert [trial.state.name for trial in stored].count("RUNNING") == 0
        assert len({str(trial.params) for trial in stored}) == len(stored) == 5


def test_an_error_in_a_worker_reaches_the_caller(binary, tmp_path, monkeypatch) -> None:
    from modelway.records.fit import CustomEstimatorOptions

    (tmp_path / "failing_models.py").write_text("def make(depth): raise ValueError('too deep')")
    monkeypatch.syspath_prepend(tmp_path)
    custom = CustomEstimatorOptions(kind="custom", function="failing_models:make")
    with pytest.raises(SettingsError, match="ValueError: too deep"):
        _search(binary, estimator=custom, workers=2, trials=2, space={"depth": IntRange(low=1, high=4)})


def test_a_worker_that_dies_is_told(binary, tmp_path, monkeypatch) -> None:
    from modelway.records.fit import CustomEstimatorOptions

    (tmp_path / "dying_models.py").write_text("import os\ndef make(depth): os._exit(9)")
    monkeypatch.syspath_prepend(tmp_path)
    custom = CustomEstimatorOptions(kind="custom", function="dying_models:make")
    with pytest.raises(OutsideError, match="ended with code 9"):
        _search(binary, estimator=custom, workers=2, trials=2, space={"depth": IntRange(low=1, high=4)})


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("no address", SettingsError),
        ("nosuchdb://host/x", SettingsError),
        ("sqlite:////no/such/folder/study.db", OutsideError),
    ],
)
def test_a_database_that_cannot_be_used_is_told(binary, address, kind) -> None:
    with pytest.raises(kind) as refused:
        _search(binary, address)
    assert refused.value.where == "fit.search.storage"


_INTERRUPTED = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("known", {conftest!r})
known = importlib.util.module_from_spec(spec)
spec.loader.exec_module(known)
from modelway.records.data import Task
from modelway.records.fit import FitOptions, LinearOptions, SearchOptions
from modelway.train import fit_model

def show(step, done, total, note=""):
    print(step, done, flush=True)

if __name__ == "__main__":
    data = known.Known(Task.CLASSIFICATION, ("no", "yes"))
    estimator = LinearOptions(kind="linear", epochs=2000, patience=None)
    options = FitOptions(estimator=estimator, search=SearchOptions(trials=12, pruning=False, workers={workers}))
    fit_model(options, *data.parts(), study={address!r}, study_name="s", progress=show)
"""


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_ctrl_c_leaves_a_study_that_goes_on(binary, address, tmp_path, workers) -> None:
    quick = FitOptions(estimator=_LINEAR, search=SearchOptions(trials=4, pruning=False))
    fit_model(quick, *binary.parts(), study=address, study_name="s")
    script = tmp_path / "script.py"
    conftest = str(Path(__file__).with_name("conftest.py"))
    script.write_text(_INTERRUPTED.format(conftest=conftest, address=address, workers=workers))
    process = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    study = optuna.load_study(study_name="s", storage=address)
    deadline = time.monotonic() + 60
    while len(study.get_trials(states=(optuna.trial.TrialState.RUNNING,))) < workers:
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.1)
    os.kill(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT, errors
    assert [trial.state.name for trial in study.get_trials()] == ["COMPLETE"] * 4 + ["FAIL"] * workers
    assert _search(binary, address, pruning=False) == _search(binary, pruning=False)


def test_trials_left_running_by_a_killed_process_do_not_count(binary, address) -> None:
    _search(binary, address, trials=4)
    optuna.load_study(study_name="s", storage=address).ask()
    assert _search(binary, address) == _search(binary)
    states = [trial.state.name for trial in optuna.load_study(study_name="s", storage=address).trials]
    assert states.count("FAIL") == 1
