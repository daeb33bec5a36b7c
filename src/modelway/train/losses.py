"""The losses that validation watches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def log_loss(target: NDArray[np.int64], probability: NDArray[Any]) -> float:
    """Mean negative logarithm of the true class's probability; 0 counts as the type's smallest step from 1.

    Args:
        target: class numbers, shape (rows,).
        probability: shape (rows, classes).
    """
    true = probability[np.arange(len(target)), target]
    return float(-np.log(np.maximum(true, np.finfo(probability.dtype).eps).astype(np.float64)).mean())


def squared_error(target: NDArray[np.float64], prediction: NDArray[Any]) -> float:
    """Mean squared difference."""
    return float(np.square(target - prediction).mean())
