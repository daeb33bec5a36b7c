"""Evidence on failures: whether the challenger fails more often, and whether it does not by more than a margin.

What is counted are routing keys, not requests: a key is at risk in an interval where it asked and had not failed
before, and fails once. The requests of a key are correlated, the keys are assigned by themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modelway.decide.evidence import RATIOS, bound, log_mean

if TYPE_CHECKING:
    from numpy.typing import NDArray

WEIGHTS = np.array([0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.85, 0.95])
"""The weights w that the evidence for a challenger is averaged over; small ones win where failures are rare."""


def log_against(
    champion: NDArray[np.float64],
    champion_failed: NDArray[np.float64],
    challenger: NDArray[np.float64],
    challenger_failed: NDArray[np.float64],
) -> NDArray[np.float64]:
    """One interval's log e-values against "the challenger fails no more often than the champion".

    With q the challenger's part of what asked, E all failures and c the challenger's, ψ^c / (1 - q + qψ)^E for each ψ
    of `RATIOS`. Given E, c is hypergeometric where both fail alike; sampling without replacement is in convex order
    below the binomial (Hoeffding, 1963), whose mean of ψ^c is (1 - q + qψ)^E, so the mean is 1 at most, and less
    where the challenger is better. Nothing is assumed of how often things fail: the rate may change from one interval
    to the next, for both arms, and so may q. (Lindon and Malek, NeurIPS 2022, for the family; ter Schure and
    Grünwald, 2020, for the same with keys at risk.) An interval in which one arm got nothing says nothing.

    Args:
        champion: the champion's keys at risk, shape (...); the others likewise.
        champion_failed: those of them that failed.
        challenger: the challenger's keys at risk.
        challenger_failed: those of them that failed.

    Returns:
        Shape (..., ratios).
    """
    asked = champion + challenger
    both = (champion > 0) & (challenger > 0)
    share = np.where(both, challenger / np.maximum(asked, 1), 0.5)[..., None]
    failed = (champion_failed + challenger_failed)[..., None]
    logs = challenger_failed[..., None] * np.log(RATIOS) - failed * np.log1p(share * (RATIOS - 1))
    kept: NDArray[np.float64] = np.where(both[..., None], logs, 0.0)
    return kept


def log_within(
    champion: NDArray[np.float64],
    champion_failed: NDArray[np.float64],
    challenger: NDArray[np.float64],
    challenger_failed: NDArray[np.float64],
) -> NDArray[np.float64]:
    """One interval's log e-values against "the challenger fails as often as the champion, or more often".

    With n the challenger's and m the champion's keys, c and b their failures and 0 < w < 1,

        w^c · (1 + (n / m)(1 - w))^b,

    and with a margin d, against "more often by d, or more", times exp(n d (1 - w)), which is `log_margin`.

    Where the rates are p + d and p, or worse, the mean of w^c is exp(-n (p + d)(1 - w)) at most and that of the other
    power exp(n p (1 - w)), both by 1 + x ≤ e^x: p cancels, whatever it is and however it changes. With
    w = ψ / (1 - q + qψ), q = n / (n + m), the first is ψ^c / (1 - q + qψ)^(b + c), as in `log_against`, for ψ < 1. An
    absolute margin can also be excluded where nothing fails at all, which a ratio can't.

    Args:
        champion: as for `log_against`, and the others too.
        champion_failed: those that failed.
        challenger: the challenger's.
        challenger_failed: those that failed.

    Returns:
        Shape (..., weights); 0 where one arm got nothing.
    """
    both = ((champion > 0) & (challenger > 0))[..., None]
    odds = (challenger / np.maximum(champion, 1))[..., None]
    logs = challenger_failed[..., None] * np.log(WEIGHTS) + champion_failed[..., None] * np.log1p(odds * (1 - WEIGHTS))
    kept: NDArray[np.float64] = np.where(both, logs, 0.0)
    return kept


def log_margin(keys: NDArray[np.float64], margin: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """What a margin adds to `log_within`, see there.

    Args:
        keys: the challenger's keys of the intervals in which both arms got some, shape (...).
        margin: a difference of rates, shape (...) or one for all.

    Returns:
        Shape (..., weights).
    """
    added: NDArray[np.float64] = (keys * margin)[..., None] * (1 - WEIGHTS)
    return added


def upper_difference(log_within: NDArray[np.float64], keys: NDArray[np.float64], alpha: float) -> float:
    """The confidence sequence's upper end: the least margin that the evidence excludes, at any look.

    Args:
        log_within: the sum of `log_within` over the intervals of one rollout, shape (weights,).
        keys: the challenger's keys of them, shape ().
        alpha: its error probability.

    Returns:
        A difference of failure rates, 1 at most.
    """
    low, high = -1.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        excluded = log_mean(log_within + log_margin(keys, middle)) >= bound(alpha)
        low, high = (low, middle) if excluded else (middle, high)
    return high
