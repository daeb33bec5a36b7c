"""What a model predicts, looked at for faults that a quality metric may not show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from modelway.records.checks import CheckResult
from modelway.records.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from modelway.records.evaluate import Scores

SHAPE, FINITE, NOT_CONSTANT = "shape", "finite", "not_constant"
FEWEST_ROWS = 20
"""Different rows of which equal predictions say something; as few as the gates want."""
_SUM_TOLERANCE = 1e-6
_ROUNDING = 1e-9
"""Relative differences up to this are the last bits of one number."""


def check_shape(scored: Mapping[int, Scores], classes: int) -> CheckResult:
    """Whether there is one prediction for each row and, of classes, a probability for each class.

    Args:
        scored: what the model says of so many rows, by their number.
        classes: how many classes there are; 0 for regression.
    """
    for rows, scores in scored.items():
        given = np.shape(scores.prediction)
        if given != (rows,):
            return _fail(SHAPE, f"{rows:,} rows gave predictions of shape {given}; ({rows},) is wanted")
        if not classes:
            continue
        given = np.shape(scores.probability) if scores.probability is not None else ()
        if given != (rows, classes):
            return _fail(SHAPE, f"{rows:,} rows gave probabilities of shape {given}; ({rows}, {classes}) is wanted")
        if rows and not np.isin(scores.prediction, np.arange(classes)).all():
            return _fail(SHAPE, f"a predicted class is none of the {classes} that there are")
    counts = " and ".join(f"{rows:,}" for rows in scored)
    each = f"a class and {classes} probabilities" if classes else "a value"
    return _pass(SHAPE, f"{counts} rows give {each} each")


def check_finite(scores: Scores) -> CheckResult:
    """Whether all that is predicted are numbers, and probabilities such as can be."""
    values = _values(scores)
    if flawed := np.flatnonzero(~np.isfinite(values).all(axis=1)).size:
        return _fail(FINITE, f"{flawed:,} of {len(values):,} held-out rows give NaN or infinity")
    if scores.probability is not None:
        outside = ((values < 0) | (values > 1)).any(axis=1) | (np.abs(values.sum(axis=1) - 1) > _SUM_TOLERANCE)
        if outside.any():
            return _fail(
                FINITE,
                f"{outside.sum():,} of {len(values):,} held-out rows give probabilities outside 0 to 1, or of another "
                "sum than 1",
            )
    return _pass(FINITE, f"all predictions of {len(values):,} held-out rows are finite")


def check_not_constant(scores: Scores, different_rows: int) -> CheckResult:
    """Whether predictions differ from row to row.

    Args:
        scores: what the model says of the held-out rows.
        different_rows: how many of those rows differ in what the model reads.
    """
    values = _values(scores)
    if not len(values) or not np.isfinite(values).all():
        return CheckResult(check=NOT_CONSTANT, verdict=Verdict.ERROR, reason="there are no finite predictions to judge")
    low, high = values.min(axis=0), values.max(axis=0)
    if (high - low > _ROUNDING * np.maximum(np.abs(low), np.abs(high))).any():
        what = "predictions" if scores.probability is None else "probabilities of the last class"
        return _pass(NOT_CONSTANT, f"{what} of {len(values):,} held-out rows go from {low[-1]:.4g} to {high[-1]:.4g}")
    if different_rows < FEWEST_ROWS:
        reason = f"{different_rows} different held-out rows give one prediction; {FEWEST_ROWS} would make that a fault"
        return CheckResult(check=NOT_CONSTANT, verdict=Verdict.INCONCLUSIVE, reason=reason)
    return _fail(NOT_CONSTANT, f"{different_rows:,} different held-out rows give one prediction, {high[-1]:.4g}")


def _values(scores: Scores) -> NDArray[np.float64]:
    """Shape (rows, values of each): the probabilities, or the prediction."""
    values: NDArray[Any] = scores.prediction[:, None] if scores.probability is None else scores.probability
    return np.asarray(values, np.float64)


def _pass(check: str, reason: str) -> CheckResult:
    return CheckResult(check=check, verdict=Verdict.PASS, reason=reason)


def _fail(check: str, reason: str) -> CheckResult:
    return CheckResult(check=check, verdict=Verdict.FAIL, reason=reason)
