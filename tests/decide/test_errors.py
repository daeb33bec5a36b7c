"""Evidence on failures, against brute force and scipy, and its guarantee under what rollouts go through."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.special import logsumexp

from modelway.decide.errors import log_against, log_margin, log_within, upper_difference
from modelway.decide.evidence import RATIOS, bound, log_mean
from modelway.decide.judging import Arm, Evidence
from modelway.records.rollout_seen import SCORE_BUCKETS

from .minutes import BUCKETS

KEYS = st.integers(1, 60)
ALPHA = 0.05


def arrays(*values: float) -> list[np.ndarray]:
    return [np.asarray(value, dtype=float) for value in values]


def test_the_e_value_is_the_formulas_own() -> None:
    # q = 0.25, E = 4, c = 3, by hand for one ψ.
    logs = log_against(*arrays(300, 1, 100, 3))
    assert np.exp(logs[2]) == pytest.approx(2.0**3 / (1 - 0.25 + 0.25 * 2) ** 4)
    assert RATIOS[2] == 2


@given(KEYS, KEYS, st.data())
def test_its_mean_is_one_at_most_where_both_fail_alike(champion: int, challenger: int, data: st.DataObject) -> None:
    # Given all failures those of the challenger are hypergeometric; every outcome is gone through.
    failed = data.draw(st.integers(0, champion + challenger))
    least, most = max(0, failed - champion), min(failed, challenger)
    cases = np.arange(least, most + 1, dtype=float)
    logs = log_against(*np.broadcast_arrays(float(champion), failed - cases, float(challenger), cases))
    chances = stats.hypergeom(champion + challenger, challenger, failed).pmf(cases)
    assert (chances @ np.exp(logs) <= 1 + 1e-9).all()


@pytest.mark.parametrize("rate", [0.0, 0.01, 0.2])
@pytest.mark.parametrize("margin", [0.0, 0.05])
def test_its_mean_is_one_at_most_where_the_margin_is_reached(rate: float, margin: float) -> None:
    champion, challenger = 12, 7
    b, c = np.meshgrid(np.arange(champion + 1.0), np.arange(challenger + 1.0))
    logs = log_within(*np.broadcast_arrays(float(champion), b, float(challenger), c))
    logs = logs + log_margin(np.asarray(float(challenger)), margin)
    chances = stats.binom(champion, rate).pmf(b) * stats.binom(challenger, rate + margin).pmf(c)
    assert ((chances[..., None] * np.exp(logs)).sum(axis=(0, 1)) <= 1 + 1e-9).all()


def test_without_a_margin_it_is_the_conditional_e_value_for_a_ratio_below_one() -> None:
    champion, b, challenger, c = arrays(300, 4, 100, 1)
    share, tilt = 0.25, 0.5
    ratio = tilt * (1 - share) / (1 - tilt * share)  # w = ψ / (1 - q + qψ), solved for ψ
    expected = ratio**c / (1 - share + share * ratio) ** (b + c)
    assert np.isclose(np.exp(log_within(champion, b, challenger, c)), expected).any()


@given(st.lists(st.floats(-700, 700), min_size=1, max_size=12))
def test_the_mixture_is_scipys_mean(logs: list[float]) -> None:
    assert log_mean(np.array(logs)) == pytest.approx(logsumexp(logs) - np.log(len(logs)))


def test_an_interval_in_which_one_arm_got_nothing_says_nothing() -> None:
    for counts in ((0, 0, 50, 9), (50, 9, 0, 0)):
        assert not log_against(*arrays(*counts)).any()
        assert not log_within(*arrays(*counts)).any()


@pytest.mark.parametrize(
    ("champion", "challenger", "counted"),
    [(0, 50, 0), (1, 50, 50), (50, 50, 50), (50, 0, 0), (0, 0, 0)],
)
def test_evidence_counts_keys_of_intervals_in_which_both_arms_got_some(
    champion: int, challenger: int, counted: int
) -> None:
    """Before and after an interval of both, since each interval counts alone."""
    evidence = Evidence.none()
    for keys in ((10, 20), (champion, challenger), (champion, challenger), (10, 20)):
        arms = [Arm(*arrays(one, 0, one), np.zeros(BUCKETS), np.zeros(SCORE_BUCKETS)) for one in keys]
        evidence = evidence.add(*arms, 0.5)
    assert evidence.keys == 40 + 2 * counted
    alone = Evidence.none().add(*(Arm(*arrays(20, 0, 20), np.zeros(BUCKETS), np.zeros(SCORE_BUCKETS)),) * 2, 0.5)
    assert (evidence.next_step().keys, alone.next_step().keys) == (0, 0)


def traffic(generator: np.random.Generator, runs: int, rates: np.ndarray, shares: np.ndarray, ratio: float = 1.0):
    """An interval after the other: champion's keys and failures, challenger's keys and failures, each (runs,)."""
    for rate, share in zip(rates, shares, strict=True):
        keys = generator.poisson(400, runs)
        challenger = generator.binomial(keys, share)
        yield tuple(
            np.asarray(one, dtype=float)
            for one in (
                keys - challenger,
                generator.binomial(keys - challenger, rate),
                challenger,
                generator.binomial(challenger, min(1.0, rate * ratio)),
            )
        )


SHARES = np.repeat([0.01, 0.05, 0.25, 0.5], 15)
CALM = np.full(60, 0.01)
INCIDENT = np.where((np.arange(60) >= 14) & (np.arange(60) < 40), 0.3, 0.01)
"""It begins just before the share grows, so that whoever adds the intervals up blames the challenger."""


def ever_beyond(rates: np.ndarray, ratio: float = 1.0, runs: int = 1500) -> float:
    logs, beyond = np.zeros((runs, len(RATIOS))), np.zeros(runs, bool)
    for counts in traffic(np.random.default_rng(5), runs, rates, SHARES, ratio):
        logs += log_against(*counts)
        beyond |= log_mean(logs) >= bound(ALPHA)
    return float(beyond.mean())


@pytest.mark.parametrize("rates", [CALM, INCIDENT], ids=["calm", "incident"])
def test_an_equal_challenger_is_seldom_blamed_whenever_one_looks(rates: np.ndarray) -> None:
    assert ever_beyond(rates) <= ALPHA


def test_adding_the_intervals_up_would_blame_an_equal_challenger() -> None:
    # What the test above would not see if its traffic were too tame.
    totals = [np.zeros(300) for _ in range(4)]
    blamed = np.zeros(300, bool)
    for counts in traffic(np.random.default_rng(5), 300, INCIDENT, SHARES):
        totals = [total + count for total, count in zip(totals, counts, strict=True)]
        blamed |= log_mean(log_against(*totals)) >= bound(ALPHA)
    assert blamed.mean() > 0.9


def test_a_challenger_that_fails_twice_as_often_is_blamed() -> None:
    assert ever_beyond(CALM, ratio=2.0, runs=200) > 0.9


@pytest.mark.parametrize("rates", [CALM, INCIDENT], ids=["calm", "incident"])
def test_a_challenger_at_the_margin_is_seldom_let_on(rates: np.ndarray) -> None:
    margin, runs = 0.01, 1500
    generator = np.random.default_rng(6)
    logs, keys, passed = 0.0, np.zeros(runs), np.zeros(runs, bool)
    for rate, share in zip(rates, SHARES, strict=True):
        asked = generator.poisson(400, runs)
        challenger = generator.binomial(asked, share)
        champion = asked - challenger
        failed = generator.binomial(champion, rate), generator.binomial(challenger, rate + margin)
        counts = [np.asarray(one, dtype=float) for one in (champion, failed[0], challenger, failed[1])]
        logs = logs + log_within(*counts)
        keys += np.where(counts[0] > 0, counts[2], 0)
        passed |= log_mean(logs + log_margin(keys, margin)) >= bound(ALPHA)
    assert passed.mean() <= ALPHA


def test_nothing_that_fails_excludes_a_margin_in_the_end() -> None:
    counts = arrays(1000, 0, 1000, 0)
    upper = upper_difference(log_within(*counts), counts[2], ALPHA)
    assert 0.003 < upper < 0.01
    # The end is where the evidence just reaches its bound.
    assert log_mean(log_within(*counts) + log_margin(counts[2], upper)) == pytest.approx(bound(ALPHA), abs=1e-6)


def test_no_evidence_excludes_nothing() -> None:
    assert upper_difference(*[log_within(*arrays(0, 0, 0, 0)), np.asarray(0.0)], ALPHA) == 1.0
