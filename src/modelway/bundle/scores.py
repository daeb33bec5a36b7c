"""From what an estimator gives to what a model says; shared by a fitted model and its bundle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from modelway.records.data import Task
from modelway.records.evaluate import Scores

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from modelway.records.fit import ModelInfo

CHUNK_BYTES = 32 * 2**20
"""Size of the feature matrix that is built and scored at a time."""
_LARGEST_LOG = 700.0
"""expm1 of more is infinite."""


def empty_output(info: ModelInfo, rows: int) -> NDArray[np.float64]:
    """Room for the estimator's output on some rows: shape (rows, classes), or (rows,) for regression."""
    return np.empty((rows, len(info.classes)) if info.task is Task.CLASSIFICATION else rows, dtype=np.float64)


def scores_of(info: ModelInfo, raw: NDArray[np.float64], threshold: float) -> Scores:
    """What a model says of rows.

    Args:
        info: what the model predicts.
        raw: as `empty_output`, filled: probabilities, or values of the transformed target; it may be changed.
        threshold: the probability from which on the positive (second) of two classes is predicted.
    """
    if info.task is Task.REGRESSION:
        if info.target_transform == "log1p":
            np.expm1(np.minimum(raw, _LARGEST_LOG, out=raw), out=raw)
        return Scores(prediction=raw)
    prediction: NDArray[Any] = (raw[:, 1] >= threshold).astype(np.int64) if raw.shape[1] == 2 else raw.argmax(axis=1)
    return Scores(prediction=prediction, probability=raw)
