"""Paired differences in shadow: both models answered one request, so what differs is the model, slice by slice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modelway.decide.errors import WEIGHTS
from modelway.decide.evidence import RATIOS, bound, log_mean

if TYPE_CHECKING:
    from numpy.typing import NDArray


def log_flips_beyond(pairs: NDArray[np.float64], flips: NDArray[np.float64], margin: float) -> NDArray[np.float64]:
    """Log evidence against "labels differ in a share of the pairs of `margin` at most".

    With f flips in n pairs and margin m, ψ^f · exp(-n m (ψ - 1)), averaged over a grid of ψ > 1: where each pair
    flips with a probability of m at most, given those before, the mean of ψ^f is (1 + m (ψ - 1))^n at most, and so
    below exp(n m (ψ - 1)); a test martingale (Ville, 1939; Howard et al., Probability Surveys 2020, for the family).

    Args:
        pairs: one pair a routing key, since the requests of a key are correlated; shape (...).
        flips: those whose labels differ.
        margin: the share that is allowed.
    """
    logs = flips[..., None] * np.log(RATIOS) - (pairs * margin)[..., None] * (RATIOS - 1)
    return log_mean(logs)


def log_flips_within(
    pairs: NDArray[np.float64], flips: NDArray[np.float64], margin: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Log evidence against "labels differ in a share of the pairs of `margin`, or more".

    As `log_flips_beyond`, from the other side: w^f exp(n m (1 - w)), averaged over a grid of w < 1.

    Args:
        pairs: one pair a routing key, shape (...).
        flips: those whose labels differ.
        margin: the share that is allowed, shape (...) or one for all.
    """
    logs = flips[..., None] * np.log(WEIGHTS) + (pairs * margin)[..., None] * (1 - WEIGHTS)
    return log_mean(logs)


def flips_upper(pairs: float, flips: float, alpha: float) -> float:
    """The confidence sequence's upper end: the least share of flips that the evidence excludes, at any look.

    Args:
        pairs: how many there are.
        flips: those whose labels differ.
        alpha: its error probability.

    Returns:
        A share, 1 at most.
    """
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        excluded = log_flips_within(np.asarray(pairs), np.asarray(flips), np.asarray(middle)) >= bound(alpha)
        low, high = (low, middle) if excluded else (middle, high)
    return high


def mean_radius(
    pairs: NDArray[np.float64], total: NDArray[np.float64], squares: NDArray[np.float64], alpha: float
) -> NDArray[np.float64]:
    """Half the width of an asymptotic confidence sequence for a mean, from sums that add up over intervals.

    Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (Time-uniform central limit theory and asymptotic confidence
    sequences, Annals of Statistics 2024), theorem 2.2: s √(2 (n r² + 1) / (n r)² · log(√(n r² + 1) / alpha)), with s
    the standard deviation so far; r is set for the narrowest at about 500 pairs.

    Args:
        pairs: how many there are, n, shape (...).
        total: the sum of what is averaged.
        squares: the sum of its squares.
        alpha: the probability that the mean ever leaves it.

    Returns:
        Infinite for fewer than 50 pairs, for which no central limit may be claimed.
    """
    size = np.maximum(pairs, 1.0)
    variance = np.maximum(squares / size - (total / size) ** 2, 0.0)
    tuned = (-2 * np.log(alpha) + np.log(-2 * np.log(alpha) + 1)) / 500
    grown = size * tuned + 1
    radius = np.sqrt(variance * 2 * grown / (size * size * tuned) * np.log(np.sqrt(grown) / alpha))
    enough: NDArray[np.float64] = np.where(pairs >= 50, radius, np.inf)
    return enough


def slices_beyond(
    pairs: NDArray[np.float64],
    flips: NDArray[np.float64],
    total: NDArray[np.float64],
    squares: NDArray[np.float64],
    flip_margin: float,
    shift_margin: float,
    alpha: float,
) -> NDArray[np.bool_]:
    """In which slices the challenger differs by more than it may; alpha is shared by them, and by labels and scores.

    Args:
        pairs: by slice, shape (..., slices); the others likewise.
        flips: pairs whose labels differ.
        total: the sum of the scores' differences, challenger less champion.
        squares: the sum of their squares.
        flip_margin: the share of flips that is allowed.
        shift_margin: how far the mean score may shift, either way.
        alpha: how often any slice may be named for nothing.

    Returns:
        Shape (..., slices).
    """
    part = alpha / (2 * pairs.shape[-1])
    flipped = log_flips_beyond(pairs, flips, flip_margin) >= bound(part)
    shift = np.abs(total) / np.maximum(pairs, 1.0)
    beyond: NDArray[np.bool_] = flipped | (shift - mean_radius(pairs, total, squares, part) > shift_margin)
    return beyond


def alike(
    pairs: NDArray[np.float64],
    flips: NDArray[np.float64],
    total: NDArray[np.float64],
    squares: NDArray[np.float64],
    flip_margin: NDArray[np.float64],
    shift_margin: NDArray[np.float64],
    alpha: float,
) -> NDArray[np.bool_]:
    """Where both margins are excluded: labels differ less often, and the mean score is shifted less, than is allowed.

    Args:
        pairs: shape (...); the others likewise.
        flips: pairs whose labels differ.
        total: the sum of the scores' differences.
        squares: the sum of their squares.
        flip_margin: the share of flips that is allowed.
        shift_margin: how far the mean score may shift, either way.
        alpha: how often either margin may be excluded for nothing.

    Returns:
        Shape (...).
    """
    rarely = log_flips_within(pairs, flips, flip_margin) >= bound(alpha)
    shift = np.abs(total) / np.maximum(pairs, 1.0)
    within: NDArray[np.bool_] = rarely & (shift + mean_radius(pairs, total, squares, alpha) < shift_margin)
    return within
