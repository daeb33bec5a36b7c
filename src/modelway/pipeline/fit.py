"""The `fit` stage: a prepared data set in, a model directory out."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

from modelway.artifacts import check_replaceable, digest_of, read_manifest, write_artifact
from modelway.atomic import make_directories, open_private
from modelway.bundle import save_model
from modelway.data import Prepared, encode_target, load_prepared
from modelway.locks import locked
from modelway.pipeline import prepare as prepare_stage
from modelway.records.progress import Progress, silent
from modelway.train import Fitted, fit_model

if TYPE_CHECKING:
    from pathlib import Path

    from modelway.records.data import Dataset
    from modelway.records.fit import FitOptions

KIND = "model"


def fit(options: FitOptions, root: Path, prepared: Path, output: Path, progress: Progress = silent) -> Fitted:
    """Fit a model on a prepared data set into a model directory.

    Args:
        options: the settings' `fit` section.
        root: the directory of the settings file; the search's study is kept below it.
        prepared: what the `prepare` stage wrote.
        output: where the model directory goes.
        progress: told after each epoch and trial.
    """
    check_replaceable(output)
    read_manifest(prepared, prepare_stage.KIND)
    data = load_prepared(prepared, ("train", "validation"))
    fitted = fit_prepared(options, root, data, progress)
    write_model(fitted, data.dataset, options, output)
    return fitted


def fit_prepared(options: FitOptions, root: Path, data: Prepared, progress: Progress) -> Fitted:
    """Fit a model on a prepared data set in memory."""
    train, validation = data.tables["train"], data.tables["validation"]
    study, name = options.search.storage, _study_name(options, data.dataset)
    state = root / ".modelway"
    if study is None and options.search.trials:
        make_directories(state)
        open_private(state / "studies.db", "ab").close()
        study = f"sqlite:///{state / 'studies.db'}"
    # Two searches that go on with one study at once would both run its missing trials.
    guard = locked(state / f"{name}.lock", "this very search", 0) if options.search.trials else nullcontext()
    with guard:
        return fit_model(
            options,
            data.dataset,
            train,
            validation,
            encode_target(data.dataset, train),
            encode_target(data.dataset, validation),
            study=study,
            study_name=name,
            progress=progress,
        )


def write_model(fitted: Fitted, dataset: Dataset, options: FitOptions, output: Path) -> None:
    """Write a model directory."""
    inputs = {"dataset": prepare_stage.dataset_digest(dataset), "settings": digest_of({"fit": options.to_json()})}
    with write_artifact(output, KIND, inputs) as directory:
        save_model(directory, fitted.info, fitted.spec, fitted.estimator, fitted.fit)


def _study_name(options: FitOptions, dataset: Dataset) -> str:
    """Names what decides a search's trials, so that only the same search resumes; how long it may run is no part."""
    budget = {"trials": 0, "timeout": None, "workers": 1, "storage": None}
    same = options.model_copy(update={"search": options.search.model_copy(update=budget)})
    return f"fit-{digest_of({'dataset': dataset.to_json(), 'fit': same.to_json()})[:16]}"
