"""Bounds on latency quantiles that hold at every look, from histograms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def radius(count: NDArray[np.float64], quantile: float, alpha: float) -> NDArray[np.float64]:
    """How far, as a probability, a sample's quantile may be off the true one, at all sample sizes at once.

    Howard and Ramdas (Sequential estimation of quantiles with applications to A/B testing and best-arm identification,
    Bernoulli 28, 2022), theorem 1 in its stitched form: 1.5 √(p (1 - p) l) + 0.8 l with
    l = (1.4 log log(2.1 n) + log(10 / alpha)) / n, both sides together with probability alpha.

    Args:
        count: sample sizes n, shape (...).
        quantile: p.
        alpha: the probability that either bound ever fails.
    """
    size = np.maximum(count, 1.0)
    length = (1.4 * np.log(np.log(2.1 * size)) + np.log(10 / alpha)) / size
    reach: NDArray[np.float64] = 1.5 * np.sqrt(quantile * (1 - quantile) * length) + 0.8 * length
    return reach


def quantile_bounds(
    histogram: NDArray[np.float64], edges: NDArray[np.float64], quantile: float, alpha: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lower and upper bound of a quantile, from one arm's histogram of one share-epoch.

    Epochs are not added up: a share that changes mixes busy and quiet hours differently into the two arms.

    Args:
        histogram: counts by bucket, shape (..., buckets).
        edges: upper bounds of the buckets but the last, which has none, in milliseconds; shape (buckets - 1,).
        quantile: which, between 0 and 1.
        alpha: the probability that either bound ever fails.

    Returns:
        Two of shape (...): edges of the buckets that the bounds lie in, so a little too wide; 0 and infinity where the
        sample is too small to say more.
    """
    count = histogram.sum(axis=-1)
    reach = radius(count, quantile, alpha)
    below = np.cumsum(histogram, axis=-1)
    lowers, uppers = np.concatenate(([0.0], edges)), np.concatenate((edges, [np.inf]))
    first = (below < ((quantile - reach) * count)[..., None]).sum(axis=-1)
    last = (below < ((quantile + reach) * count)[..., None]).sum(axis=-1)
    known = count > 0
    lower = np.where(known & (quantile > reach), lowers[np.minimum(first, len(edges))], 0.0)
    upper = np.where(known & (quantile + reach <= 1), uppers[np.minimum(last, len(edges))], np.inf)
    return lower, upper
