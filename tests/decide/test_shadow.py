"""Pairs in shadow: the slice that is shifted is named, and hardly ever one that is not."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from modelway.decide.shadow import flips_upper, log_flips_beyond, mean_radius
from modelway.records.rollout import RolloutOptions
from modelway.rollout.shadow_scenarios import SHADOW_SCENARIOS, SHIFTED, simulate_shadow


@given(st.integers(0, 300), st.floats(0.001, 0.2))
def test_the_mean_evidence_is_one_at_most_at_the_margin(pairs: int, margin: float) -> None:
    flips = np.arange(pairs + 1.0)
    evidence = np.exp(log_flips_beyond(np.full_like(flips, pairs), flips, margin))
    assert stats.binom(pairs, margin).pmf(flips) @ evidence <= 1 + 1e-9


def test_the_mean_hardly_ever_leaves_its_bounds() -> None:
    values = np.random.default_rng(1).normal(0.3, 2.0, (500, 3000))
    sizes = np.broadcast_to(np.arange(1.0, 3001), values.shape)
    total = np.cumsum(values, axis=1)
    off = np.abs(total / sizes - 0.3) > mean_radius(sizes, total, np.cumsum(values**2, axis=1), 0.05)
    assert off.any(axis=1).mean() <= 0.05


def test_the_upper_end_of_the_flips_is_where_they_are_excluded() -> None:
    assert flips_upper(0.0, 0.0, 0.05) == 1.0
    generator, missed = np.random.default_rng(2), 0
    for _ in range(200):
        flips = np.cumsum(generator.random(1000) < 0.05)
        missed += any(flips_upper(float(size), float(flips[size - 1]), 0.05) < 0.05 for size in (20, 100, 400, 1000))
    assert missed <= 10
    assert flips_upper(1000.0, 50.0, 0.05) < 0.1


def test_few_pairs_say_nothing() -> None:
    assert mean_radius(np.array(49.0), np.array(49.0), np.array(49.0), 0.05) == np.inf


def test_the_slice_that_is_shifted_is_named_alone() -> None:
    found = simulate_shadow(RolloutOptions(), SHADOW_SCENARIOS["slice-shift"][1], pairs=5000, runs=100, seed=1)
    assert found.named[SHIFTED] >= 95
    assert sum(found.named.values()) - found.named[SHIFTED] <= 5


def test_none_is_named_where_nothing_is() -> None:
    found = simulate_shadow(RolloutOptions(), 0.0, pairs=5000, runs=200, seed=1)
    assert sum(found.named.values()) <= 5
