"""Linear models and multilayer perceptrons by scikit-learn, trained in mini-batches by Adam."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.neural_network import MLPClassifier, MLPRegressor

from modelway.records.data import Task
from modelway.records.fit import NeuralNetworkOptions
from modelway.train.losses import log_loss, squared_error
from modelway.train.problem import DivergedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelway.records.fit import LinearOptions
    from modelway.train.problem import Problem, Sample, Watch

_TRAINING_ONLY = (
    "_random_state", "_optimizer", "_best_coefs", "_best_intercepts", "_no_improvement_count",
    "loss_curve_", "best_loss_", "validation_scores_", "best_validation_score_",
)  # fmt: skip


def train_network(
    options: LinearOptions | NeuralNetworkOptions,
    problem: Problem,
    train: Sample,
    validation: Sample | None,
    watch: Watch,
) -> MLPClassifier | MLPRegressor:
    """Train up to the epoch that `watch` finds best, or for all of `options.epochs` where there is no patience.

    A linear model is a network without hidden layers. The training loss includes the penalty and is the mean over the
    epoch's steps; squared errors are in units of the target.

    Raises:
        DivergedError: the weights or losses are not finite any more.
    """
    model = _unfitted(options, problem, len(train.target))
    center, scale = (0.0, 1.0) if problem.task is Task.CLASSIFICATION else _standard(train.target)
    target = train.target if problem.task is Task.CLASSIFICATION else (train.target - center) / scale
    first = {"classes": np.arange(problem.classes)} if problem.task is Task.CLASSIFICATION else {}
    best = None
    with _interruptible():
        for epoch in range(1, options.epochs + 1):
            _one_epoch(model, train.matrix, target, first)
            train_loss = float(model.loss_) * (1 if problem.task is Task.CLASSIFICATION else 2 * scale**2)
            loss = None if validation is None else _validation_loss(model, validation, center, scale)
            stop = watch.tell(epoch, train_loss, loss)
            if options.patience is not None and watch.best_epoch == epoch:
                best = [weights.copy() for weights in (*model.coefs_, *model.intercepts_)]
            if stop:
                break
    if best is not None:
        model.coefs_, model.intercepts_ = best[: len(model.coefs_)], best[len(model.coefs_) :]
    return _finished(model, problem.seed, center, scale)


def _unfitted(
    options: LinearOptions | NeuralNetworkOptions, problem: Problem, rows: int
) -> MLPClassifier | MLPRegressor:
    kind = MLPClassifier if problem.task is Task.CLASSIFICATION else MLPRegressor
    return kind(
        hidden_layer_sizes=options.hidden if isinstance(options, NeuralNetworkOptions) else (),
        batch_size=min(options.batch_size, rows),
        learning_rate_init=options.learning_rate,
        alpha=options.l2,
        # An object, since a number would shuffle the rows the same way in each epoch.
        random_state=np.random.RandomState(problem.seed),
    )


def _standard(target: Any) -> tuple[float, float]:
    return float(target.mean()), float(target.std()) or 1.0


def _one_epoch(model: Any, matrix: Any, target: Any, first: dict[str, Any]) -> None:
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            model.partial_fit(matrix, target, **first)
    except ValueError as error:
        if "non-finite" in str(error):
            raise DivergedError from error
        raise


def _validation_loss(model: Any, validation: Sample, center: float, scale: float) -> float:
    if isinstance(model, MLPClassifier):
        return log_loss(validation.target, model.predict_proba(validation.matrix))
    return squared_error(validation.target, model.predict(validation.matrix) * scale + center)


@contextmanager
def _interruptible() -> Iterator[None]:
    """scikit-learn turns Ctrl-C into a warning and goes on; turn it back."""
    with warnings.catch_warnings():
        message = "Training interrupted by user"
        warnings.filterwarnings("error", message=message, category=UserWarning)
        try:
            yield
        except UserWarning as warning:
            if str(warning).startswith(message):
                raise KeyboardInterrupt from warning
            raise


def _finished(model: Any, seed: int, center: float, scale: float) -> Any:
    """The model without what only training needs; it predicts the target's own units."""
    model.set_params(random_state=seed)
    for name in _TRAINING_ONLY:
        vars(model).pop(name, None)
    if isinstance(model, MLPRegressor):
        # The last layer is linear, so undoing the target's scaling is a change of its weights.
        model.coefs_[-1] = model.coefs_[-1].astype(np.float64) * scale
        model.intercepts_[-1] = model.intercepts_[-1].astype(np.float64) * scale + center
    return model
