"""What is said of two distributions is what the textbooks' own code says of their rows."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon

from modelway.observe.baseline import distribution
from modelway.observe.cells import parts_of
from modelway.observe.shifts import compare, ks_noise
from modelway.observe.significance import adjusted, chi_square, ks_p_value, shares_p_value
from modelway.observe.tallies import tally_for
from modelway.records.data import ColumnType
from modelway.records.drift import Shift
from modelway.records.observe import Distribution


def both(kind: ColumnType, before: list | np.ndarray, now: list | np.ndarray) -> tuple[Distribution, Distribution]:
    reference = distribution(kind, pa.chunked_array([pa.array(before)]))
    tally = tally_for(kind, reference)
    tally.add(pa.array(now))
    return reference, tally.finish()


def shift(kind: ColumnType, before: list | np.ndarray, now: list | np.ndarray) -> Shift:
    found = compare(*both(kind, before, now))
    assert found is not None
    return found


@pytest.mark.parametrize(("mean", "std"), [(0.0, 1.0), (0.3, 1.0), (0.0, 1.5), (5.0, 0.1)])
def test_numbers_are_compared_as_scipy_does(mean: float, std: float) -> None:
    random = np.random.default_rng(1)
    before, now = random.normal(size=6000), random.normal(mean, std, size=4000)
    found = shift(ColumnType.NUMBER, before, now)
    exact = stats.ks_2samp(before, now, method="asymp")
    assert found.value == pytest.approx(exact.statistic, abs=1 / 200)
    assert found.value <= exact.statistic + 1e-12  # never more than there is: edges are some of the places to look
    assert found.wasserstein == pytest.approx(
        stats.wasserstein_distance(before, now) / before.std(), rel=0.03, abs=3e-3
    )
    assert ks_p_value(exact.statistic, 6000, 4000) == pytest.approx(exact.pvalue, rel=0.2, abs=1e-6)


def test_the_parts_of_psi_and_jensen_shannon_are_tenths_of_the_baseline() -> None:
    random = np.random.default_rng(2)
    before, now = random.normal(size=10_000), random.normal(0.5, 1, size=10_000)
    reference, counted = both(ColumnType.NUMBER, before, now)
    edges = np.array(reference.edges)[parts_of(np.array(reference.counts))[1:]]
    ours = np.bincount(np.searchsorted(edges, before, side="right"), minlength=10) / 10_000
    theirs = np.bincount(np.searchsorted(edges, now, side="right"), minlength=10) / 10_000
    assert ours == pytest.approx(np.full(10, 0.1), abs=0.002)
    found = compare(reference, counted)
    assert found is not None
    assert found.psi == pytest.approx(((theirs - ours) * np.log(theirs / ours)).sum(), rel=0.01)
    assert found.jensen_shannon == pytest.approx(jensenshannon(ours, theirs, 2), rel=1e-6)


def test_categories_are_compared_as_scipy_does() -> None:
    before, now = ["a"] * 500 + ["b"] * 300 + ["c"] * 200, ["a"] * 300 + ["b"] * 300 + ["c"] * 200
    found = shift(ColumnType.CATEGORY, before, now)
    exact = stats.chi2_contingency([[500, 300, 200], [300, 300, 200]], correction=False)
    assert (found.value, found.p_value) == (pytest.approx(exact.statistic), pytest.approx(exact.pvalue))
    assert found.effect == pytest.approx(0.5 * (abs(0.5 - 0.375) + abs(0.3 - 0.375) + abs(0.2 - 0.25)))
    assert found.unseen == 0


def test_rare_categories_are_pooled() -> None:
    ours, theirs = np.array([900.0, 95, 1, 2, 2]), np.array([890.0, 100, 4, 3, 3])
    _, p_value = chi_square(ours, theirs)
    exact = stats.chi2_contingency([[900, 95, 5], [890, 100, 10]], correction=False)
    assert p_value == pytest.approx(exact.pvalue)


def test_values_that_were_not_there_before_are_told() -> None:
    found = shift(ColumnType.CATEGORY, ["a"] * 90 + ["b"] * 10, ["a"] * 80 + ["new"] * 20)
    assert (found.unseen, found.p_value < 1e-3) == (pytest.approx(0.2), True)
    numbers = shift(ColumnType.NUMBER, np.arange(1000.0), np.arange(500.0, 1500.0))
    assert numbers.unseen == pytest.approx(0.5)
    assert numbers.wasserstein == pytest.approx(500 / np.arange(1000).std(), rel=0.01)


def test_zeros_and_ones_are_seen_to_change_places() -> None:
    found = shift(ColumnType.INTEGER, [0] * 900 + [1] * 100, [0] * 500 + [1] * 500)
    assert found.effect == pytest.approx(0.4)


def test_a_column_that_does_not_vary_is_no_discovery_until_it_does() -> None:
    assert shift(ColumnType.NUMBER, np.full(900, 7.0), np.full(900, 7.0)).p_value == 1
    assert shift(ColumnType.NUMBER, np.full(900, 7.0), np.full(900, 8.0)).effect == 1
    assert shift(ColumnType.CATEGORY, ["x"] * 900, ["x"] * 900).p_value == 1
    assert shift(ColumnType.CATEGORY, ["x"] * 900, ["y"] * 900).p_value < 1e-100


def test_shares_are_compared_by_the_normal_approximation() -> None:
    table = [[30, 970], [90, 1910]]
    exact = stats.chi2_contingency(table, correction=False).pvalue
    assert shares_p_value(0.03, 1000, 0.045, 2000) == pytest.approx(exact)
    assert shares_p_value(0.0, 1000, 0.0, 50) == 1
    assert shares_p_value(0.0, 1000, 0.2, 500) < 1e-9


def test_discoveries_are_adjusted_as_scipy_does() -> None:
    values = [0.01, 0.2, 0.03, 0.5, 0.0004, 0.03]
    assert adjusted(values) == pytest.approx(stats.false_discovery_control(values))
    assert adjusted([]) == []


@pytest.mark.parametrize("rows", [500, 5000])
def test_the_noise_is_what_the_effect_is_when_nothing_moves(rows: int) -> None:
    random = np.random.default_rng(3)
    numbers, shares, missing = [], [], []
    for _ in range(200):
        found = shift(ColumnType.NUMBER, random.normal(size=4000), random.normal(size=rows))
        numbers.append(found.effect - found.noise)
        letters = [random.choice(["a", "b", "c", "d"], size, p=[0.6, 0.2, 0.1, 0.1]).tolist() for size in (4000, rows)]
        found = shift(ColumnType.CATEGORY, *letters)
        shares.append(found.effect - found.noise)
        holes = [np.where(random.random(size) < 0.1, None, 1.0).tolist() for size in (4000, rows)]
        found = shift(ColumnType.NUMBER, *holes)
        missing.append(abs(found.missing_now - found.missing_before) - found.missing_noise)
    noise = ks_noise(4000, rows)
    for differences in (numbers, shares, missing):
        assert abs(float(np.mean(differences))) < 0.1 * noise


def test_nothing_to_compare_is_no_shift() -> None:
    reference, nothing = both(ColumnType.NUMBER, np.arange(10.0), [None, None])
    assert compare(reference, nothing) is None
    assert compare(nothing, reference) is None
