"""Quantile bounds, against brute force on the samples themselves, and their guarantee at every look."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelway.decide.judging import EDGES
from modelway.decide.latency import quantile_bounds, radius


def histogram(values: np.ndarray) -> np.ndarray:
    return np.bincount(np.searchsorted(EDGES, values), minlength=len(EDGES) + 1).astype(float)


def by_hand(values: np.ndarray, quantile: float, alpha: float) -> tuple[float, float]:
    """Howard and Ramdas's bounds from the order statistics, without buckets."""
    n = len(values)
    length = (1.4 * np.log(np.log(2.1 * n)) + np.log(10 / alpha)) / n
    reach = 1.5 * np.sqrt(quantile * (1 - quantile) * length) + 0.8 * length
    ordered = np.sort(values)

    def at(level: float) -> float:
        return float(ordered[max(0, int(np.ceil(level * n - 1e-9)) - 1)])

    lower = at(quantile - reach) if quantile > reach else 0.0
    return lower, at(quantile + reach) if quantile + reach <= 1 else np.inf


@given(st.integers(0, 1000), st.sampled_from([50, 700, 5000]), st.sampled_from([0.5, 0.95, 0.99]))
def test_the_bounds_are_the_edges_around_those_of_the_sample(seed: int, size: int, quantile: float) -> None:
    values = np.random.default_rng(seed).lognormal(3, 0.5, size)
    lower, upper = quantile_bounds(histogram(values), EDGES, quantile, 0.05)
    exact_lower, exact_upper = by_hand(values, quantile, 0.05)
    assert lower <= exact_lower
    assert upper >= exact_upper
    if exact_lower:
        assert exact_lower <= lower * 1.1 * (1 + 1e-6)
    if np.isfinite(exact_upper):
        assert upper <= exact_upper * 1.1 * (1 + 1e-6)


def test_no_requests_say_nothing() -> None:
    lower, upper = quantile_bounds(np.zeros(len(EDGES) + 1), EDGES, 0.95, 0.05)
    assert (lower, upper) == (0.0, np.inf)


@pytest.mark.parametrize("quantile", [0.5, 0.99])
def test_the_true_quantile_hardly_ever_leaves_the_bounds(quantile: float) -> None:
    # Looked at after every observation up to 3,000, on ranks: the fixed quantile's empirical level alone decides.
    inside = np.random.default_rng(4).random((400, 3000)) < quantile
    sizes = np.arange(1, 3001)
    off = np.abs(np.cumsum(inside, axis=1) / sizes - quantile) > radius(sizes.astype(float), quantile, 0.05)
    assert off.any(axis=1).mean() <= 0.05
