"""One way to train any kind of estimator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modelway.errors import UsageError
from modelway.records.fit import BoostedTreesOptions, CustomEstimatorOptions
from modelway.train.problem import Watch

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelway.records.fit import Epoch, EstimatorOptions
    from modelway.train.problem import Problem, Sample


@dataclass(frozen=True)
class Run:
    """A trained estimator.

    Attributes:
        epochs: how many went into it; None for custom estimators.
        loss: its loss on the validation rows; None where there were none.
        history: the losses of each epoch that was watched.
    """

    estimator: Any
    epochs: int | None
    loss: float | None
    history: tuple[Epoch, ...] = ()


def train_estimator(
    options: EstimatorOptions,
    problem: Problem,
    train: Sample,
    validation: Sample | None,
    on_epoch: Callable[[int, float | None], None],
) -> Run:
    """Train once: stopped early where there are validation rows and a patience, else for all epochs.

    Raises:
        SettingsError: the training diverges, or a custom estimator can't be used.
        UsageError: LightGBM lacks OpenMP.
    """
    if isinstance(options, CustomEstimatorOptions):
        from modelway.train.custom import custom_loss, train_custom

        estimator = train_custom(options, problem, train)
        return Run(estimator, None, None if validation is None else custom_loss(problem, estimator, validation))
    watch = Watch(options.patience, on_epoch)
    if isinstance(options, BoostedTreesOptions):
        try:
            from modelway.train.trees import train_trees
        except OSError as error:
            # The package is there, and a library of the system's that it needs is not.
            raise UsageError(
                f"LightGBM can't be loaded: {error}",
                where="fit.estimator.kind: boosted_trees",
                remedy="It needs OpenMP: `brew install libomp` on macOS, `apt-get install libgomp1` on Debian.",
            ) from error
        estimator = train_trees(options, problem, train, validation, watch)
    else:
        from modelway.train.networks import train_network

        estimator = train_network(options, problem, train, validation, watch)
    if options.patience is None or watch.best_epoch is None:
        last = watch.history[-1].validation_loss if watch.history else None
        return Run(estimator, options.epochs, last, tuple(watch.history))
    return Run(estimator, watch.best_epoch, watch.best_loss, tuple(watch.history))
