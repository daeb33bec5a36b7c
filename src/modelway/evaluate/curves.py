"""Points of the plots: at most `MOST_POINTS` a curve."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modelway.evaluate.rows import BinaryRows, ClassRows, NumberRows
from modelway.evaluate.tallies import CALIBRATION_BINS, calibration_bins
from modelway.records.evaluate import Curve

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from modelway.evaluate.rows import Rows

MOST_POINTS = 200
"""Points of a line; the eye sees no more."""
MOST_DOTS = 500
"""Points of a cloud."""


def curves_of(rows: Rows) -> tuple[Curve, ...]:
    """The curves of the problem: roc, precision_recall and calibration, or predicted_actual and residuals.

    A curve that is not defined on these rows (one class only) is left out. More than two classes have none.
    """
    if len(rows) == 0 or isinstance(rows, ClassRows):
        return ()
    if isinstance(rows, NumberRows):
        return _clouds(rows)
    if rows.target.all() or not rows.target.any():
        return (_calibration(rows),)
    return (*_rankings(rows), _calibration(rows))


def confusion_of(rows: Rows) -> tuple[tuple[int, ...], ...]:
    """Rows by true class (line) and predicted class (column); empty for a regression."""
    if isinstance(rows, NumberRows):
        return ()
    classes = 2 if isinstance(rows, BinaryRows) else rows.classes
    code = rows.target.astype(np.int64) * classes + rows.predicted
    counts = np.bincount(code, minlength=classes**2).reshape(classes, classes)
    return tuple(tuple(int(count) for count in line) for line in counts)


def _rankings(rows: BinaryRows) -> tuple[Curve, Curve]:
    """ROC (x false, y true positive rate) and precision by recall (x recall, y precision), threshold falling."""
    descending = rows.order[::-1]
    ordered = rows.score[descending]
    last_of_run = np.flatnonzero(np.r_[ordered[1:] != ordered[:-1], True])
    found = np.cumsum(rows.target[descending])[last_of_run]
    recall = found / found[-1]
    false_rate = (last_of_run + 1 - found) / (len(rows) - found[-1])
    precision = found / (last_of_run + 1)
    by_length = _thin(recall + false_rate)
    by_recall = _thin(recall + np.arange(len(recall)) / len(recall))
    return (
        _curve("roc", np.r_[0.0, false_rate[by_length]], np.r_[0.0, recall[by_length]]),
        _curve("precision_recall", recall[by_recall], precision[by_recall]),
    )


def _thin(length: NDArray[np.float64]) -> NDArray[np.intp]:
    """Points at about equal steps of an ascending length, the ends among them."""
    if len(length) < MOST_POINTS:
        return np.arange(len(length))
    steps = np.linspace(length[0], length[-1], MOST_POINTS - 1)
    return np.unique(np.minimum(np.searchsorted(length, steps), len(length) - 1))


def _calibration(rows: BinaryRows) -> Curve:
    """Mean probability (x) and observed rate (y) of each bin that has rows."""
    code = calibration_bins(rows.score)
    size = np.bincount(code, minlength=CALIBRATION_BINS)
    full = size > 0
    mean = np.bincount(code, rows.score, CALIBRATION_BINS)[full] / size[full]
    observed = np.bincount(code, rows.target, CALIBRATION_BINS)[full] / size[full]
    return _curve("calibration", mean, observed, size[full])


def _clouds(rows: NumberRows) -> tuple[Curve, Curve]:
    """Rows at even steps of the predicted value's rank: actual (y), or actual less predicted (y), by predicted (x)."""
    order = np.argsort(rows.predicted, kind="stable")
    shown = order[np.unique(np.linspace(0, len(order) - 1, MOST_DOTS).astype(np.intp))]
    return (
        _curve("predicted_actual", rows.predicted[shown], rows.target[shown]),
        _curve("residuals", rows.predicted[shown], rows.residuals[shown]),
    )


def _curve(name: str, x: NDArray[np.float64], y: NDArray[np.float64], size: NDArray[np.intp] | tuple[()] = ()) -> Curve:
    return Curve(
        name=name, x=tuple(map(float, x)), y=tuple(map(float, y)), size=tuple(float(number) for number in size)
    )
