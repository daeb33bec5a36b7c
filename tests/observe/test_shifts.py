"""What is said of two distributions is what the textbooks' own code says of their rows."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon

from modelway.observe.baseline import distribution
from modelway.observe.cells import parts_of
from modelway.observe.shifts import compare, ks_noise, picture
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


@pytest.mark.parametrize(("rows", "present"), [(200, 900), (900, 200), (300, 300)])
@pytest.mark.parametrize("far", [0.05, 0.1, 0.15])
def test_p_values_of_distances_are_scipys_exact_ones(rows: int, present: int, far: float) -> None:
    steps = np.arange(rows) / rows
    found = stats.ks_2samp(steps, np.arange(present) / present + far, method="exact")
    assert ks_p_value(found.statistic, rows, present) == pytest.approx(found.pvalue, rel=0.15)


def test_p_values_against_a_population_are_those_of_one_sample() -> None:
    for distance in (0.05, 0.1):
        exact = stats.kstwo.sf(distance, 150)
        assert ks_p_value(distance, np.inf, 150) == pytest.approx(exact, rel=0.1)


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
    pooled = np.array([800, 600, 400, 0]) / 1800  # half the mean of |normal| with each share's standard error
    spread = np.sqrt(pooled * (1 - pooled) * (1 / 1000 + 1 / 800))
    assert found.noise == pytest.approx(0.5 * spread.sum() * stats.halfnorm.mean())
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


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (["a"] * 60 + ["b"] * 40, ["a"] * 300 + [f"new{at}" for at in range(700)]),  # more new ones than are listed
        (["a"] * 600 + [f"old{at:04}" for at in range(400)], ["a"] * 30 + [f"old{at:04}" for at in range(70)]),
        (["a"] * 500 + [f"old{at:04}" for at in range(400)], ["a"] * 100 + [f"old{at:04}" for at in range(150, 650)]),
        (["a"] * 90 + ["b"] * 10, ["b"] * 100 + [f"new{at % 250}" for at in range(900)]),
    ],
)
def test_categories_beyond_those_listed_count_as_others(before: list[str], now: list[str]) -> None:
    reference, counted = both(ColumnType.CATEGORY, before, now)
    listed = list(reference.categories)
    ours, theirs = (
        np.array([*(values.count(name) for name in listed), sum(value not in listed for value in values)]) / len(values)
        for values in (before, now)
    )
    found = compare(reference, counted)
    assert found is not None
    assert found.effect == pytest.approx(0.5 * np.abs(ours - theirs).sum())
    assert found.jensen_shannon == pytest.approx(jensenshannon(ours, theirs, 2))
    beyond = len(set(before)) > len(listed)
    assert found.unseen == (None if beyond else pytest.approx(np.mean([value not in set(before) for value in now])))
    shown = picture(reference, counted)
    assert shown is not None
    assert len(shown.cells) == min(len(listed) + 1, 19)
    for cell, then, later in zip(shown.cells, shown.before, shown.now, strict=True):
        at = -1 if cell == "others" else listed.index(cell)
        assert (then, later) == (pytest.approx(ours[at]), pytest.approx(theirs[at]))


def test_a_picture_of_numbers_has_all_rows_and_those_beyond_in_the_outer_cells() -> None:
    shown = picture(*both(ColumnType.NUMBER, np.arange(1000.0), np.arange(-500.0, 1500.0)))
    assert shown is not None
    assert len(shown.cells) == len(shown.before) == len(shown.now) == 10
    assert shown.before == pytest.approx([0.1] * 10, abs=0.01)
    assert shown.now == pytest.approx([0.3, *[0.05] * 8, 0.3], abs=0.01)


def test_shares_of_a_population_are_compared_as_scipy_does() -> None:
    shares, now = {"a": 0.5, "b": 0.3, "c": 0.2}, ["a"] * 40 + ["b"] * 40 + ["c"] * 20
    population = Distribution(
        type=ColumnType.CATEGORY,
        rows=0,
        missing=0,
        categories={name: round(share * 1e6) for name, share in shares.items()},
    )
    tally = tally_for(ColumnType.CATEGORY, population)
    tally.add(pa.array(now))
    found = compare(population, tally.finish())
    exact = stats.chisquare([40, 40, 20], [50, 30, 20])
    assert found is not None
    assert (found.value, found.p_value) == (pytest.approx(exact.statistic), pytest.approx(exact.pvalue))
    assert found.effect == pytest.approx(0.1)
    spread = np.sqrt(np.array([0.25, 0.21, 0.16]) / 100)  # a population has no error of its own
    assert found.noise == pytest.approx(0.5 * spread.sum() * stats.halfnorm.mean())
    assert (found.missing_before, found.missing_now, found.missing_p) == (0, 0, 1)


@pytest.mark.parametrize(("now", "p_value"), [(["a"] * 100 + ["new"] * 9, 0.0), (["a"] * 100, 1.0)])
def test_a_category_that_no_population_has_is_no_chance(now: list[str], p_value: float) -> None:
    population = Distribution(type=ColumnType.CATEGORY, rows=0, missing=0, categories={"a": 1_000_000})
    tally = tally_for(ColumnType.CATEGORY, population)
    tally.add(pa.array(now))
    found = compare(population, tally.finish())
    assert found is not None
    assert found.p_value == p_value
    assert np.isfinite(found.value)  # as JSON holds it


@pytest.mark.parametrize("rows", [0, 400])
def test_means_are_compared_as_scipy_does(rows: int) -> None:
    """A baseline of mean and deviation alone, of a sample (Welch's test, by the normal) or of a whole population."""
    now = np.random.default_rng(6).normal(3.4, 1.5, size=250)
    missing = rows // 4
    before = Distribution(type=ColumnType.NUMBER, rows=rows, missing=missing, mean=3.0, std=2.0)
    tally = tally_for(ColumnType.NUMBER, before)
    tally.add(pa.array([*now.tolist(), *[None] * 50]))
    found = compare(before, tally.finish())
    present = rows - missing or 1e12
    z = stats.ttest_ind_from_stats(3.0, 2.0, present, now.mean(), now.std(), 250, equal_var=False).statistic
    assert found is not None
    assert (found.statistic, found.value) == ("mean", pytest.approx(abs(z), rel=2e-3))  # scipy divides by n - 1
    assert found.p_value == pytest.approx(2 * stats.norm.sf(found.value))
    apart = abs(now.mean() - 3.0) / 2.0
    assert found.effect == pytest.approx(stats.norm.cdf(apart / 2) - stats.norm.cdf(-apart / 2))
    unit = stats.halfnorm.mean() * np.sqrt((1 / (rows - missing) if rows else 0) + 1 / 250)
    assert found.noise == pytest.approx(stats.norm.cdf(unit / 2) - stats.norm.cdf(-unit / 2))
    assert (found.missing_before, found.missing_now) == (missing / (rows or 1), pytest.approx(50 / 300))
    if rows:
        exact = stats.chi2_contingency([[100, 300], [50, 250]], correction=False)
        assert found.missing_p == pytest.approx(exact.pvalue)


@pytest.mark.parametrize("kind", [ColumnType.NUMBER, ColumnType.CATEGORY])
def test_missing_values_are_compared_apart_from_those_that_are_there(kind: ColumnType) -> None:
    value = 1.0 if kind is ColumnType.NUMBER else "a"
    found = shift(kind, [None] * 100 + [value] * 900, [None] * 120 + [value] * 280)
    assert (found.effect, found.unseen) == (0, 0)
    assert (found.missing_before, found.missing_now) == (pytest.approx(0.1), pytest.approx(0.3))
    exact = stats.chi2_contingency([[100, 900], [120, 280]], correction=False)
    assert found.missing_p == pytest.approx(exact.pvalue)
