"""Estimators of the user's, with scikit-learn's interface."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from modelway.errors import SettingsError
from modelway.features import resolve
from modelway.records.data import Task
from modelway.train.losses import log_loss, squared_error

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from modelway.records.fit import CustomEstimatorOptions
    from modelway.train.problem import Problem, Sample


def train_custom(options: CustomEstimatorOptions, problem: Problem, train: Sample) -> Any:
    """Make and fit the user's estimator; a `random_state` that is left open takes the seed.

    Raises:
        SettingsError: there is no such function, it does not take the parameters, or it gives no such estimator.
    """
    function = resolve(options.function)
    try:
        estimator = function(**options.params)
    except Exception as error:
        raise SettingsError(
            f"making the estimator raised {type(error).__name__}: {error}",
            where=options.function,
            remedy="Look at fit.estimator.params.",
        ) from error
    predicts = "predict_proba" if problem.task is Task.CLASSIFICATION else "predict"
    for method in ("fit", predicts):
        if not callable(getattr(estimator, method, None)):
            raise SettingsError(f"the estimator has no method {method!r}", where=options.function)
    _seed(estimator, problem.seed)
    estimator.fit(train.matrix, train.target)
    _check_output(options, problem, estimator, train)
    return estimator


def custom_loss(problem: Problem, estimator: Any, sample: Sample) -> float:
    """The validation loss of a fitted estimator."""
    if problem.task is Task.REGRESSION:
        return squared_error(sample.target, estimator.predict(sample.matrix))
    probability: NDArray[np.float64] = np.zeros((len(sample.target), problem.classes))
    probability[:, estimator.classes_] = estimator.predict_proba(sample.matrix)
    return log_loss(sample.target, probability)


def _seed(estimator: Any, seed: int) -> None:
    if hasattr(estimator, "get_params") and hasattr(estimator, "set_params"):
        open_seeds = {
            name: seed
            for name, value in estimator.get_params().items()
            if value is None and (name == "random_state" or name.endswith("__random_state"))
        }
        if open_seeds:
            estimator.set_params(**open_seeds)


def _check_output(options: CustomEstimatorOptions, problem: Problem, estimator: Any, train: Sample) -> None:
    """A wrong shape shows here, not when the model serves."""
    rows = train.matrix[:2]
    if problem.task is Task.CLASSIFICATION:
        if not hasattr(estimator, "classes_"):
            raise SettingsError("the fitted estimator has no attribute 'classes_'", where=options.function)
        given = np.shape(estimator.predict_proba(rows))
        wanted: tuple[int, ...] = (len(rows), len(estimator.classes_))
    else:
        given, wanted = np.shape(estimator.predict(rows)), (len(rows),)
    if given != wanted:
        raise SettingsError(
            f"the estimator predicts an array of shape {given}; {wanted} is wanted", where=options.function
        )
