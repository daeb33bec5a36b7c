"""Distances of distributions: their bounds hold at every look, and say nothing of nothing."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from modelway.decide.answers import distance_bounds, distribution_radius


def test_the_distribution_function_never_leaves_its_bounds() -> None:
    """A hundred samples, looked at 50 times each: the bound is meant to fail in 1 of 20 at most."""
    generator, failed = np.random.default_rng(3), 0
    looks = np.unique(np.geomspace(1, 2000, 50).astype(int))
    for _ in range(100):
        values = generator.random(2000)
        failed += any(
            stats.kstest(values[:size], "uniform").statistic > distribution_radius(np.array(float(size)), 0.05)
            for size in looks
        )
    assert failed <= 5


def test_two_samples_of_one_distribution_are_hardly_ever_told_apart() -> None:
    generator = np.random.default_rng(1)
    arms = generator.multinomial(100, np.full(20, 0.05), (2, 500, 50)).cumsum(axis=2).astype(float)
    low, high = distance_bounds(arms[0], arms[1], 0.05)
    assert (low > 0).any(axis=1).mean() <= 0.05
    assert (high > 0).all()


def test_what_is_apart_is_seen_and_how_far() -> None:
    one, other = np.zeros(20), np.zeros(20)
    one[3], other[3], other[15] = 100_000, 70_000, 30_000
    low, high = distance_bounds(one, other, 0.05)
    assert low < 0.3 < high
    assert low == pytest.approx(0.3, abs=0.05)


def test_an_arm_without_answers_says_nothing() -> None:
    some = np.full(20, 1000.0)
    assert distance_bounds(some, np.zeros(20), 0.05) == (0.0, 1.0)
