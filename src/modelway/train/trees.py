"""Gradient-boosted trees by LightGBM; epochs are rounds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import lightgbm as lgb

from modelway.records.data import Task

if TYPE_CHECKING:
    from modelway.records.fit import BoostedTreesOptions
    from modelway.train.problem import Problem, Sample, Watch

_SMALL = 3_000_000
"""Values in the matrix up to which one thread is as good: on a busy machine threads wait for each other (6 times)."""


def train_trees(
    options: BoostedTreesOptions, problem: Problem, train: Sample, validation: Sample | None, watch: Watch
) -> lgb.Booster:
    """Train up to the round that `watch` finds best, or for all of `options.epochs` where there is no patience.

    Losses are measured only where there are validation rows: measuring the training rows too costs a pass each round.
    """
    train_set = lgb.Dataset(train.matrix, train.target)
    watched = {}
    if validation is not None:
        watched = {"train": train_set, "validation": lgb.Dataset(validation.matrix, validation.target, train_set)}

    def after_round(env: lgb.callback.CallbackEnv) -> None:
        results = env.evaluation_result_list or []
        # LightGBM sums losses on all threads: the last digits depend on their number, and the best round must not.
        losses = {result[0]: float(f"{result[2]:.9g}") for result in results}
        if watch.tell(env.iteration + 1, losses.get("train"), losses.get("validation")):
            raise lgb.callback.EarlyStopException(env.iteration, results)

    booster = lgb.train(
        _parameters(options, problem) | _threads(problem, train),
        train_set,
        num_boost_round=options.epochs,
        valid_sets=list(watched.values()),
        valid_names=list(watched),
        callbacks=[after_round],
    )
    best = watch.best_epoch if options.patience is not None else None
    # Read back, so that the model is the same object whether it was just trained or loaded, without its training rows.
    return lgb.Booster(model_str=booster.model_to_string(num_iteration=best))


def _threads(problem: Problem, train: Sample) -> dict[str, int]:
    """The trees are the same on any number, but it is written into the model, so it must not depend on the machine."""
    if problem.threads is not None:
        return {"num_threads": problem.threads}
    return {"num_threads": 1} if train.matrix.size < _SMALL else {}


def _parameters(options: BoostedTreesOptions, problem: Problem) -> dict[str, Any]:
    if problem.task is Task.REGRESSION:
        objective: dict[str, Any] = {"objective": "regression", "metric": "l2"}
    elif problem.classes == 2:
        objective = {"objective": "binary", "metric": "binary_logloss"}
    else:
        objective = {"objective": "multiclass", "metric": "multi_logloss", "num_class": problem.classes}
    return objective | {
        "learning_rate": options.learning_rate,
        "num_leaves": options.num_leaves,
        "min_data_in_leaf": options.min_child_samples,
        "bagging_fraction": options.subsample,
        "bagging_freq": 1 if options.subsample < 1 else 0,
        "feature_fraction": options.colsample,
        "lambda_l1": options.l1,
        "lambda_l2": options.l2,
        "seed": problem.seed % 2**31,
        "deterministic": True,
        # Row by row, 800,000 rows x 30 columns take 5% less time. A choice of LightGBM's own would be timed, and
        # so differ from run to run.
        "force_row_wise": True,
        "verbosity": -1,
    }
