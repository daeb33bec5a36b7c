"""From prepared tables to a fitted model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped,unused-ignore]

from modelway.errors import InputError, SettingsError
from modelway.features.arrow import apply_features
from modelway.features.fitting import fit_features
from modelway.features.layout import input_columns
from modelway.records.data import Task
from modelway.records.features import NumberFeature
from modelway.records.fit import CustomEstimatorOptions, Fit, LinearOptions, ModelInfo, NeuralNetworkOptions
from modelway.records.progress import silent
from modelway.train.estimators import Run, train_estimator
from modelway.train.importance import column_importance
from modelway.train.problem import Problem, Sample
from modelway.train.surroundings import kernels, versions

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from modelway.records.data import Dataset
    from modelway.records.features import FeatureSpec
    from modelway.records.fit import EstimatorOptions, FitOptions, Search
    from modelway.records.progress import Progress


@dataclass(frozen=True)
class Fitted:
    """A fitted model, ready for `bundle.save_model`."""

    info: ModelInfo
    spec: FeatureSpec
    estimator: Any
    fit: Fit


def fit_model(
    options: FitOptions,
    dataset: Dataset,
    train: pa.Table,
    validation: pa.Table,
    y_train: NDArray[Any],
    y_validation: NDArray[Any],
    study: str | None = None,
    study_name: str = "modelway",
    progress: Progress = silent,
) -> Fitted:
    """Search, stop early and refit, as the options say.

    With validation rows, the search and the number of epochs are judged on them, with features fitted on the training
    rows alone. With `refit` the final model and its features are then fitted on training and validation rows, for as
    many epochs as were best. Without validation rows one model is fitted on the training rows for all epochs.

    Args:
        options: how the model is made.
        dataset: what the tables hold.
        train: the training rows; its columns are those of `dataset`.
        validation: the rows for early stopping and the search; may be empty.
        y_train: shape (training rows,); numbers of `dataset.classes` (int64), or the target (float64).
        y_validation: the same for the validation rows.
        study: SQLAlchemy address of the database that keeps the search; in memory where absent.
        study_name: the search goes on with the study of this name, so it has to follow from data and options.
        progress: told each epoch and each trial.

    Raises:
        SettingsError: options that contradict each other, the data or the task, or a training that diverges.
        InputError: data that no model can be fitted to.
        OutsideError: the study's database can't be used.
    """
    _check(options, dataset, validated=validation.num_rows > 0)
    rows = _Rows(train, _transform(options, y_train))
    held_out = _Rows(validation, _transform(options, y_validation))
    problem = Problem(dataset.task, len(dataset.classes), options.seed)
    # More threads would change the last bits of sums. Trees give the same bits on any number, and keep theirs.
    with threadpool_limits(limits=1, user_api="blas"):
        choice = _choose(options, dataset, problem, rows, held_out, study, study_name, progress)
        spec, run = choice.spec, choice.run
        if spec is None or run is None or (options.refit and held_out.table.num_rows):
            spec, run = _final(options, dataset, problem, rows, held_out, choice, progress)
    history = choice.run.history if choice.run else run.history
    fit = Fit(
        estimator=choice.estimator,
        seed=options.seed,
        epochs=run.epochs,
        loss=problem.loss if history else None,
        history=history,
        search=choice.search,
        importance=column_importance(run.estimator, spec),
        kernel=kernels(),
        versions=versions(),
    )
    return Fitted(info=_info(options, dataset, spec), spec=spec, estimator=run.estimator, fit=fit)


@dataclass(frozen=True)
class _Rows:
    table: pa.Table
    target: NDArray[Any]


@dataclass(frozen=True)
class _Choice:
    """What validation decided; without it, the options as they are."""

    estimator: EstimatorOptions
    search: Search | None = None
    run: Run | None = None
    spec: FeatureSpec | None = None


def _choose(
    options: FitOptions,
    dataset: Dataset,
    problem: Problem,
    rows: _Rows,
    held_out: _Rows,
    study: str | None,
    study_name: str,
    progress: Progress,
) -> _Choice:
    """Search and stop early by the validation rows; their matrices are gone before the refit needs the memory."""
    estimator, search = options.estimator, None
    wanted = options.search.trials or not options.refit or _stops_early(estimator)
    if not (wanted and held_out.table.num_rows):
        return _Choice(estimator)
    spec, sample = _learn(options, dataset, rows)
    validation = Sample(apply_features(spec, held_out.table), held_out.target)
    if options.search.trials:
        from modelway.train.search import search as run_search  # optuna takes long to import

        estimator, search = run_search(options, problem, sample, validation, study, study_name, progress)
    run = train_estimator(estimator, problem, sample, validation, _told(progress, "fit", estimator))
    return _Choice(estimator, search, run, spec)


def _final(
    options: FitOptions,
    dataset: Dataset,
    problem: Problem,
    rows: _Rows,
    held_out: _Rows,
    choice: _Choice,
    progress: Progress,
) -> tuple[FeatureSpec, Run]:
    """Fit the features and the model on all rows, for the number of epochs that validation chose."""
    if options.refit and held_out.table.num_rows:
        rows = _Rows(pa.concat_tables([rows.table, held_out.table]), np.concatenate([rows.target, held_out.target]))
    spec, sample = _learn(options, dataset, rows)
    estimator = choice.estimator
    if not isinstance(estimator, CustomEstimatorOptions):
        chosen = estimator.epochs if choice.run is None or choice.run.epochs is None else choice.run.epochs
        estimator = estimator.model_copy(update={"epochs": chosen, "patience": None})
    step = "fit" if choice.run is None else "refit"
    return spec, train_estimator(estimator, problem, sample, None, _told(progress, step, estimator))


def _check(options: FitOptions, dataset: Dataset, *, validated: bool) -> None:
    if options.target_transform != "none" and dataset.task is Task.CLASSIFICATION:
        raise SettingsError("a transformed target is for regression", where="fit.target_transform")
    if options.search.trials and not validated:
        raise SettingsError(
            "the search has no rows to validate with",
            where="fit.search.trials",
            remedy="Set prepare.split.validation above 0, or trials to 0.",
        )


def _transform(options: FitOptions, target: NDArray[Any]) -> NDArray[Any]:
    if options.target_transform == "none":
        return target
    if len(target) and target.min() < 0:
        raise InputError(
            f"the target has the negative value {target.min():g}, of which log1p is not taken",
            where="fit.target_transform",
            remedy="Set fit.target_transform to none.",
        )
    logarithm: NDArray[np.float64] = np.log1p(target)
    return logarithm


def _stops_early(estimator: EstimatorOptions) -> bool:
    return not isinstance(estimator, CustomEstimatorOptions) and estimator.patience is not None


def _learn(options: FitOptions, dataset: Dataset, rows: _Rows) -> tuple[FeatureSpec, Sample]:
    spec = fit_features(options.features, dataset.columns, dataset.target, rows.table)
    if isinstance(options.estimator, LinearOptions | NeuralNetworkOptions):
        for feature in spec.features:
            if isinstance(feature, NumberFeature) and feature.fill is None:
                raise SettingsError(
                    f"an estimator of kind {options.estimator.kind} can't work with missing values",
                    where=f"fit.features.columns.{feature.column}.impute",
                    remedy="Choose median, mean or zero.",
                )
    return spec, Sample(apply_features(spec, rows.table), rows.target)


def _told(progress: Progress, step: str, estimator: EstimatorOptions) -> Callable[[int, float | None], None]:
    total = 1 if isinstance(estimator, CustomEstimatorOptions) else estimator.epochs

    def tell(epoch: int, validation_loss: float | None) -> None:
        progress(step, epoch, total, "" if validation_loss is None else f"validation loss {validation_loss:.6g}")

    return tell


def _info(options: FitOptions, dataset: Dataset, spec: FeatureSpec) -> ModelInfo:
    trusted = options.estimator.trusted if isinstance(options.estimator, CustomEstimatorOptions) else ()
    return ModelInfo(
        task=dataset.task,
        target=dataset.target,
        classes=dataset.classes,
        inputs={name: dataset.columns[name].type for name in input_columns(spec)},
        target_transform=options.target_transform,
        trusted=trusted,
    )
