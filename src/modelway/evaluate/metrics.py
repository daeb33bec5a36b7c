"""The metrics: one function for the rows as they are and for all resamples at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from modelway.evaluate.rows import Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from modelway.evaluate.tallies import BinaryTally, ClassTally, Counts, NumberTally

    Values = NDArray[np.float64]


@dataclass(frozen=True)
class Metric:
    """A metric.

    Attributes:
        name: as in the settings.
        meaning: what it is, in words, with its source.
        compute: from a tally to one value a resample; NaN where the metric is not defined.
        higher_is_better: its direction.
        low: its least value.
        high: its greatest value.
        needs_probability: whether it looks at probabilities, not only at what is predicted.
        pivotal: whether its interval reflects the resamples at the value (Efron and Tibshirani's basic interval),
            for a metric that noise alone makes greater.
    """

    name: str
    meaning: str
    compute: Callable[[Any], Values]
    higher_is_better: bool = True
    low: float = 0.0
    high: float = 1.0
    needs_probability: bool = False
    pivotal: bool = False

    def orient(self, difference: float) -> float:
        """A difference of two values, turned so that more is better."""
        return difference if self.higher_is_better else -difference


def _ratio(above: Values | Counts, below: Values | Counts) -> Values:
    result = np.full(np.shape(above), np.nan)
    np.divide(above, below, out=result, where=np.greater(below, 0), dtype=np.float64)
    return result


def _auc(positive: Counts, negative: Counts) -> Values:
    """Area under the ROC curve from counts by cell of ascending score; equal scores count half (Hanley 1982)."""
    below = np.cumsum(negative, axis=1, dtype=np.float64)
    concordant = np.einsum("rk,rk->r", positive, below - negative / 2, dtype=np.float64)
    return _ratio(concordant, positive.sum(axis=1, dtype=np.float64) * below[:, -1])


def _roc_auc(tally: BinaryTally) -> Values:
    positive, negative = tally.ranked
    return _auc(positive, negative)


def _average_precision(tally: BinaryTally) -> Values:
    """The sum of precision times gain in recall over the thresholds, as in scikit-learn."""
    positive, negative = (counts[:, ::-1] for counts in tally.ranked)
    found = np.cumsum(positive, axis=1, dtype=np.float64)
    predicted = found + np.cumsum(negative, axis=1, dtype=np.float64)
    precision = np.divide(found, predicted, out=found, where=predicted > 0)
    positives = positive.sum(axis=1, dtype=np.float64)
    return _ratio(np.einsum("rk,rk->r", positive, precision, dtype=np.float64), positives)


def _accuracy(tally: BinaryTally) -> Values:
    wrong = tally.positives + tally.predicted_positives - 2 * tally.true_positives
    return _ratio(tally.rows - wrong, tally.rows)


def _calibration_error(tally: BinaryTally) -> Values:
    """The mean over the rows of abs(observed - predicted) in the row's bin (Naeini et al., AAAI 2015)."""
    return _ratio(np.abs(tally.calibration_gaps).sum(axis=1), tally.rows)


def _log_loss(tally: BinaryTally | ClassTally) -> Values:
    return _ratio(tally.log_loss, tally.rows)


def _class_accuracy(tally: ClassTally) -> Values:
    return _ratio(tally.hits.sum(axis=1, dtype=np.float64), tally.rows)


def _macro_f1(tally: ClassTally) -> Values:
    """The mean F1 of the classes that stand among the true or the predicted ones, as in scikit-learn."""
    scores = _ratio(2 * tally.hits, tally.true + tally.predicted)
    present = np.isfinite(scores)
    return _ratio(np.where(present, scores, 0).sum(axis=1), present.sum(axis=1))


def _class_roc_auc(tally: ClassTally) -> Values:
    """The mean over the classes of one against the rest; not defined where a class has no row."""
    total = np.zeros(len(tally.rows))
    for index in range(tally.classes):
        total += _auc(*tally.ranked(index))
    return total / tally.classes


def _r2(tally: NumberTally) -> Values:
    return 1 - _ratio(tally.squared, tally.spread)


_ROC_AUC = "area under the ROC curve; equal scores count half (Hanley and McNeil 1982)"
_LOG_LOSS = "mean of -log of the probability of the true class"
_ACCURACY = "share of the rows that are predicted right"
_BINARY = (
    Metric("roc_auc", _ROC_AUC, _roc_auc, needs_probability=True),
    Metric(
        "average_precision",
        "precision at each threshold, weighted by the gain in recall",
        _average_precision,
        needs_probability=True,
    ),
    Metric("log_loss", _LOG_LOSS, _log_loss, higher_is_better=False, high=np.inf, needs_probability=True),
    Metric(
        "brier",
        "mean of (probability - outcome)² (Brier 1950)",
        lambda tally: _ratio(tally.squared, tally.rows),
        higher_is_better=False,
        needs_probability=True,
    ),
    Metric("accuracy", _ACCURACY, _accuracy),
    Metric(
        "precision",
        "share of the rows predicted positive that are",
        lambda tally: _ratio(tally.true_positives, tally.predicted_positives),
    ),
    Metric(
        "recall",
        "share of the positive rows that are predicted so",
        lambda tally: _ratio(tally.true_positives, tally.positives),
    ),
    Metric(
        "f1",
        "harmonic mean of precision and recall",
        lambda tally: _ratio(2 * tally.true_positives, tally.positives + tally.predicted_positives),
    ),
    Metric(
        "expected_calibration_error",
        "mean over the rows of |observed - predicted| in the row's bin of probability (Naeini et al., AAAI 2015)",
        _calibration_error,
        higher_is_better=False,
        needs_probability=True,
        pivotal=True,
    ),
)
_MULTICLASS = (
    Metric("log_loss", _LOG_LOSS, _log_loss, higher_is_better=False, high=np.inf, needs_probability=True),
    Metric("accuracy", _ACCURACY, _class_accuracy),
    Metric("macro_f1", "mean F1 of the classes that stand among the true or the predicted ones", _macro_f1),
    Metric(
        "roc_auc",
        "mean over the classes of the area under the ROC curve, one against the rest",
        _class_roc_auc,
        needs_probability=True,
    ),
)
_REGRESSION = (
    Metric("r2", "1 - squared error / squared deviation from the mean", _r2, low=-np.inf),
    Metric(
        "rmse",
        "square root of the mean squared error, in the target's units",
        lambda tally: np.sqrt(_ratio(tally.squared, tally.rows)),
        higher_is_better=False,
        high=np.inf,
    ),
    Metric(
        "mae",
        "mean absolute error, in the target's units",
        lambda tally: _ratio(tally.absolute, tally.rows),
        higher_is_better=False,
        high=np.inf,
    ),
    Metric(
        "median_absolute_error",
        "median absolute error, in the target's units",
        lambda tally: tally.median_absolute,
        higher_is_better=False,
        high=np.inf,
    ),
)


METRICS: dict[Problem, dict[str, Metric]] = {
    problem: {metric.name: metric for metric in metrics}
    for problem, metrics in (
        (Problem.BINARY, _BINARY),
        (Problem.MULTICLASS, _MULTICLASS),
        (Problem.REGRESSION, _REGRESSION),
    )
}
"""Every metric by problem and name; the first is the primary one when the settings name none."""
