"""Whether the answers are distributed otherwise: bounds on a distance that hold at every look, from histograms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def distribution_radius(count: NDArray[np.float64], alpha: float) -> NDArray[np.float64]:
    """How far a sample's distribution function may be off the true one, anywhere, at all sample sizes at once.

    Howard and Ramdas (Sequential estimation of quantiles with applications to A/B testing and best-arm identification,
    Bernoulli 28, 2022), the uniform bound: 0.85 sqrt((log log(e n) + 0.8 log(1612 / alpha)) / n).

    Args:
        count: sample sizes n, shape (...).
        alpha: the probability that it is ever farther off.

    Returns:
        Shape (...); 1 at the most.
    """
    size = np.maximum(count, 1.0)
    reach: NDArray[np.float64] = 0.85 * np.sqrt((np.log1p(np.log(size)) + 0.8 * np.log(1612 / alpha)) / size)
    return np.minimum(reach, 1.0)


def distance_bounds(
    champion: NDArray[np.float64], challenger: NDArray[np.float64], alpha: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lower and upper bound of Kolmogorov's distance of two distributions, as far as the buckets' bounds show it.

    Samples of one share-epoch are compared: a share that changes mixes busy and quiet hours differently into the two.

    Args:
        champion: counts by bucket, shape (..., buckets).
        challenger: the same.
        alpha: the probability that either bound ever fails; the arms have half of it each.

    Returns:
        Two of shape (...): 0 and 1 where one arm has answered nothing.
    """
    counts = (champion.sum(axis=-1), challenger.sum(axis=-1))
    below = [
        np.cumsum(histogram, axis=-1) / np.maximum(count, 1.0)[..., None]
        for histogram, count in zip((champion, challenger), counts, strict=True)
    ]
    distance = np.abs(below[0] - below[1]).max(axis=-1)
    reach = distribution_radius(counts[0], alpha / 2) + distribution_radius(counts[1], alpha / 2)
    both = (counts[0] > 0) & (counts[1] > 0)
    low = np.where(both, np.maximum(distance - reach, 0.0), 0.0)
    return low, np.where(both, np.minimum(distance + reach, 1.0), 1.0)
