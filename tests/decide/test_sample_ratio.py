"""Wrong shares are found, right ones hardly ever."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from modelway.decide.evidence import bound, log_mean
from modelway.decide.sample_ratio import log_mismatch

ALPHA = 0.05


@given(st.integers(0, 200), st.floats(0.001, 0.999))
def test_its_mean_is_one_where_the_share_is_as_set(keys: int, share: float) -> None:
    cases = np.arange(keys + 1.0)
    chances = stats.binom(keys, share).pmf(cases)
    means = chances @ np.exp(log_mismatch(keys - cases, cases, share))
    assert np.allclose(means, 1)


def ever_beyond(true: float, runs: int = 1000) -> float:
    generator, logs, beyond = np.random.default_rng(3), 0.0, np.zeros(runs, bool)
    for share in np.repeat([0.01, 0.05, 0.5], 20):
        keys = generator.poisson(300, runs)
        challenger = generator.binomial(keys, share * true)
        logs = logs + log_mismatch((keys - challenger).astype(float), challenger.astype(float), share)
        beyond |= log_mean(logs) >= bound(ALPHA)
    return float(beyond.mean())


def test_shares_that_grow_as_set_are_no_mismatch() -> None:
    assert ever_beyond(1.0) <= ALPHA


def test_an_arm_that_gets_too_little_is() -> None:
    assert ever_beyond(0.9, 200) > 0.95
