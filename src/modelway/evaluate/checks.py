"""What can't be measured: options that name what does not exist, scores that are none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from modelway.errors import SettingsError
from modelway.evaluate.metrics import METRICS
from modelway.evaluate.rows import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from modelway.evaluate.metrics import Metric
    from modelway.records.data import Dataset
    from modelway.records.evaluate import EvaluateOptions, Scores

SUM_TOLERANCE = 1e-5
"""How far from 1 the probabilities of a row may sum; single precision with many classes comes near it."""


def check_options(options: EvaluateOptions, dataset: Dataset) -> None:
    """Check that the options name metrics of the task and columns of the data set; cheap, so best done before `fit`.

    Raises:
        SettingsError: a metric or column is unknown; names the key and what is known.
    """
    known = METRICS[Problem.of(dataset)]
    named = {
        "evaluate.metrics": options.metrics,
        "evaluate.primary": () if options.primary is None else (options.primary,),
        "evaluate.gates.minimum": options.gates.minimum,
        "evaluate.gates.maximum": options.gates.maximum,
    }
    for key, names in named.items():
        _check_names(key, "metric", names, known, Problem.of(dataset))
    _check_names("evaluate.slices", "column", options.slices, dataset.columns)
    _check_names("evaluate.sensitive", "column", options.sensitive, dataset.columns)


def _check_names(key: str, kind: str, names: Iterable[str], known: Iterable[str], of: str | None = None) -> None:
    for name in names:
        if name not in known:
            raise SettingsError(
                f"unknown {kind} {name!r}{f' for {of}' if of else ''}",
                where=key,
                remedy=f"Known are: {', '.join(known)}.",
            )


def primary_metric(options: EvaluateOptions, problem: Problem) -> Metric:
    """The metric that comparisons use."""
    known = METRICS[problem]
    return known[options.primary] if options.primary else next(iter(known.values()))


def chosen_metrics(options: EvaluateOptions, problem: Problem) -> list[Metric]:
    """The metrics to compute, the primary one always among them."""
    known = METRICS[problem]
    names = dict.fromkeys(options.metrics or known)
    names[primary_metric(options, problem).name] = None
    return [known[name] for name in names]


def find_flaw(problem: Problem, classes: int, rows: int, target: NDArray[Any], scores: Scores) -> str | None:
    """Why these scores can't be measured, as part of a sentence; None when they can.

    Args:
        problem: the kind of problem.
        classes: the number of classes; 0 for regression.
        rows: the number of held-out rows.
        target: the true values.
        scores: what the model says.
    """
    target = np.asarray(target)
    if target.shape != (rows,):
        return f"the target has shape {target.shape} for {rows} rows"
    if np.asarray(scores.prediction).shape != (rows,):
        return f"the predictions have shape {np.shape(scores.prediction)} for {rows} rows"
    if problem is Problem.REGRESSION:
        return _number_flaw("target values", target) or _number_flaw("predictions", np.asarray(scores.prediction))
    if classes < 2:
        return f"there are {classes} classes; at least two are needed"
    return (
        _class_flaw("target values", target, classes)
        or _class_flaw("predictions", np.asarray(scores.prediction), classes)
        or _probability_flaw(scores.probability, (rows, classes))
    )


def _number_flaw(name: str, values: NDArray[Any]) -> str | None:
    if not np.issubdtype(values.dtype, np.number):
        return f"the {name} are of type {values.dtype}"
    if bad := int((~np.isfinite(values)).sum()):
        return f"the {name} are not finite in {bad} of {len(values)} rows"
    return None


def _class_flaw(name: str, values: NDArray[Any], classes: int) -> str | None:
    if not (np.issubdtype(values.dtype, np.integer) or np.issubdtype(values.dtype, np.bool_)):
        return f"the {name} hold no class numbers but {values.dtype}"
    if len(values) and (values.min() < 0 or values.max() >= classes):
        return f"the {name} hold class numbers outside 0 to {classes - 1}"
    return None


def _probability_flaw(probability: NDArray[np.float64] | None, shape: tuple[int, int]) -> str | None:
    if probability is None:
        return "there are no probabilities"
    probability = np.asarray(probability)
    if probability.shape != shape:
        return f"the probabilities have shape {probability.shape} for {shape[0]} rows and {shape[1]} classes"
    if flaw := _number_flaw("probabilities", probability):
        return flaw
    if probability.size and (probability.min() < 0 or probability.max() > 1):
        return f"the probabilities reach from {probability.min():.6g} to {probability.max():.6g}, outside 0 to 1"
    if bad := int((np.abs(probability.sum(axis=1) - 1) > SUM_TOLERANCE).sum()):
        return f"the probabilities do not sum to 1 in {bad} of {shape[0]} rows"
    return None
