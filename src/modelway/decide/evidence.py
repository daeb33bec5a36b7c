"""Mixtures of e-values: numbers that, where the hypothesis holds, have a mean of 1 at most, whenever one looks.

By Ville's inequality such a process ever reaches 1/alpha with a probability of alpha at most; all of `decide/` rests
on that. Everything is on the log scale, and of any leading shape: one rollout, or thousands of simulated ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


RATIOS = np.array([1.25, 1.5, 2.0, 3.0, 5.0, 10.0])
"""The rates' ratios ψ that evidence against a challenger is averaged over."""


def log_mean(log_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The logarithm of the mean over the last axis: a mean of e-processes is one, whatever the true effect is.

    Args:
        log_values: shape (..., grid).

    Returns:
        Shape (...).
    """
    greatest = log_values.max(axis=-1, keepdims=True)
    total = np.exp(log_values - greatest).mean(axis=-1)
    logs: NDArray[np.float64] = np.log(total) + greatest[..., 0]
    return logs


def bound(alpha: float) -> float:
    """The logarithm of 1/alpha, which evidence has to reach; infinite for alpha = 0: a guard that is off."""
    return float("inf") if alpha <= 0 else -float(np.log(alpha))
