"""Checks that are judged in the end."""

from __future__ import annotations

import statistics
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from modelway.records.verdict import Verdict

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
VALUES = [3, 1, None, 4, 1, 5, 9, 2, 6, None]
PRESENT = [value for value in VALUES if value is not None]


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl"])
@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("mean", statistics.mean(PRESENT)),
        ("std", statistics.stdev(PRESENT)),
        ("sum", sum(PRESENT)),
        ("median", statistics.median(PRESENT)),
        ("minimum", 1),
        ("maximum", 9),
        ("distinct_count", 7),
    ],
)
def test_a_statistic_is_that_of_the_values_that_are_there(bench, ending, kind, value) -> None:
    check = {"check": kind, "column": "a"}
    found = bench.one({"a": VALUES}, {**check, "min": value - 1e-9, "max": value + 1e-9}, ending=ending)
    assert (found.verdict, found.observed["value"]) == (Verdict.PASS, pytest.approx(value, rel=1e-12))
    assert bench.one({"a": VALUES}, {**check, "min": value + 0.01}, ending=ending).verdict is Verdict.FAIL
    assert bench.one({"a": VALUES}, {**check, "max": value - 0.01}, ending=ending).verdict is Verdict.FAIL


@pytest.mark.parametrize("q", [0, 0.05, 0.3, 0.5, 1])
def test_a_quantile_is_numpys(bench, q) -> None:
    value = float(np.quantile(PRESENT, q))
    check = {"check": "quantile", "column": "a", "q": q, "min": value - 1e-9, "max": value + 1e-9}
    assert bench.one({"a": VALUES}, check).verdict is Verdict.PASS


def test_the_least_and_greatest_date_are_in_seconds(bench) -> None:
    data = {"d": [datetime(1970, 1, 2, tzinfo=UTC), datetime(1970, 1, 3, tzinfo=UTC)]}
    assert bench.one(data, {"check": "minimum", "column": "d", "min": 86400, "max": 86400}).verdict is Verdict.PASS
    assert bench.one(data, {"check": "median", "column": "d", "min": 129600, "max": 129600}).verdict is Verdict.PASS


@pytest.mark.parametrize("kind", ["mean", "std", "sum", "median", "minimum", "maximum"])
@pytest.mark.parametrize("strange", [float("nan"), float("inf"), float("-inf")])
def test_a_statistic_of_what_is_no_number_is_an_error_and_no_pass(bench, kind, strange) -> None:
    found = bench.one({"a": [1.0, strange, 2.0]}, {"check": kind, "column": "a", "min": -1e308})
    assert found.verdict is Verdict.ERROR
    assert "1 values are no finite numbers" in found.reason


@pytest.mark.parametrize("kind", ["mean", "std", "sum", "median", "minimum", "maximum"])
def test_a_statistic_of_nothing_leaves_the_question_open(bench, kind) -> None:
    columns = {"a": {"type": "number", "nullable": True}, "b": {"type": "integer"}}
    data = {"a": [None, None], "b": [1, 2]}
    assert bench.one(data, {"check": kind, "column": "a", "min": 0}, columns=columns).verdict is Verdict.INCONCLUSIVE


def test_the_deviation_of_one_value_leaves_the_question_open(bench) -> None:
    assert bench.one({"a": [4]}, {"check": "std", "column": "a", "max": 1}).verdict is Verdict.INCONCLUSIVE


def test_huge_values_overflow_into_an_open_question(bench) -> None:
    found = bench.one({"a": [1e308, 1e308, -1e308]}, {"check": "std", "column": "a", "max": 1})
    assert found.verdict is Verdict.INCONCLUSIVE


def test_the_median_of_a_long_column_is_as_sure_as_its_bound(bench) -> None:
    values = np.random.default_rng(0).permutation(300_000).astype(float)
    found = bench.one({"a": values}, {"check": "median", "column": "a", "min": 140_000, "max": 160_000})
    assert found.verdict is Verdict.PASS
    assert found.observed["low"] <= 149_999.5 <= found.observed["high"]
    assert 0 < found.observed["rank_error"] < 0.001
    at_the_edge = {"check": "median", "column": "a", "min": found.observed["value"]}
    assert bench.one({"a": values}, at_the_edge).verdict is Verdict.INCONCLUSIVE
    assert bench.one({"a": values}, {"check": "median", "column": "a", "max": 140_000}).verdict is Verdict.FAIL


def test_rows_and_columns_are_counted(bench) -> None:
    data = {"a": [1, 2, 3], "b": [1, 2, 3]}
    assert bench.one(data, {"check": "row_count", "min": 3, "max": 3}).verdict is Verdict.PASS
    assert bench.one(data, {"check": "row_count", "min": 4}).verdict is Verdict.FAIL
    assert bench.one(data, {"check": "column_count", "max": 2}).verdict is Verdict.PASS
    assert bench.one(data, {"check": "column_count", "max": 1}).verdict is Verdict.FAIL


def test_different_values_are_a_share_of_those_that_are_there(bench) -> None:
    data = {"a": ["x", "y", "x", "x", None]}
    assert bench.one(data, {"check": "distinct_share", "column": "a", "min": 0.5, "max": 0.5}).verdict is Verdict.PASS
    assert bench.one(data, {"check": "distinct_share", "column": "a", "min": 0.6}).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("age", "max_age", "verdict"),
    [
        (timedelta(hours=47), "2d", Verdict.PASS),
        (timedelta(hours=48), "2d", Verdict.PASS),
        (timedelta(hours=49), "2d", Verdict.FAIL),
        (timedelta(minutes=89), "90m", Verdict.PASS),
        (timedelta(days=8), "1w", Verdict.FAIL),
        (-timedelta(hours=23), "1h", Verdict.PASS),
        (-timedelta(hours=25), "1h", Verdict.FAIL),
    ],
)
def test_freshness_is_the_age_of_the_newest_date(bench, age, max_age, verdict) -> None:
    data = {"d": [NOW - age, NOW - timedelta(days=1000), None]}
    assert bench.one(data, {"check": "freshness", "column": "d", "max_age": max_age}).verdict is verdict


def test_a_date_far_ahead_does_not_make_old_data_fresh(bench) -> None:
    data = {"d": [datetime(2099, 1, 1, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC)]}
    found = bench.one(data, {"check": "freshness", "column": "d", "max_age": "2d"})
    assert found.verdict is Verdict.FAIL
    assert "ahead of now" in found.reason


BEFORE = {"n": [1.0, 2.0, 3.0, 4.0], "c": ["a", "a", "b", "b"], "m": [1, None, 2, 3]}


@pytest.mark.parametrize(
    ("check", "now", "verdict"),
    [
        ({"statistic": "mean", "column": "n", "tolerance": 0.1}, {"n": [1.0, 2.0, 3.0, 4.9]}, Verdict.PASS),
        ({"statistic": "mean", "column": "n", "tolerance": 0.1}, {"n": [1.0, 2.0, 3.0, 5.1]}, Verdict.FAIL),
        ({"statistic": "mean", "column": "n", "tolerance": 1, "absolute": True}, {"n": [3.4] * 4}, Verdict.PASS),
        ({"statistic": "mean", "column": "n", "tolerance": 1, "absolute": True}, {"n": [3.6] * 4}, Verdict.FAIL),
        ({"statistic": "std", "column": "n", "tolerance": 0.01}, BEFORE, Verdict.PASS),
        ({"statistic": "median", "column": "n", "tolerance": 0.01}, {"n": [9.0] * 4}, Verdict.FAIL),
        ({"statistic": "minimum", "column": "n", "tolerance": 0}, BEFORE, Verdict.PASS),
        ({"statistic": "maximum", "column": "n", "tolerance": 0.5}, {"n": [6.1] * 4}, Verdict.FAIL),
        ({"statistic": "distinct", "column": "n", "tolerance": 0}, {"n": [1.0] * 4}, Verdict.FAIL),
        ({"statistic": "missing", "column": "m", "tolerance": 0.25}, {"m": [1, None, None, 3]}, Verdict.PASS),
        ({"statistic": "missing", "column": "m", "tolerance": 0.2}, {"m": [1, None, None, 3]}, Verdict.FAIL),
        ({"statistic": "shares", "column": "c", "tolerance": 0.25}, {"c": ["a", "b", "b", "b"]}, Verdict.PASS),
        ({"statistic": "shares", "column": "c", "tolerance": 0.2}, {"c": ["a", "b", "b", "b"]}, Verdict.FAIL),
        ({"statistic": "shares", "column": "c", "tolerance": 0.4}, {"c": ["z", "z", "b", "b"]}, Verdict.FAIL),
        ({"statistic": "rows", "tolerance": 0.5}, {"n": [1.0] * 6}, Verdict.PASS),
        ({"statistic": "rows", "tolerance": 0.4}, {"n": [1.0] * 6}, Verdict.FAIL),
        ({"statistic": "mean", "column": "other", "tolerance": 1}, {"other": [1.0]}, Verdict.INCONCLUSIVE),
        ({"statistic": "shares", "column": "x", "tolerance": 1}, {"x": list(range(2000))}, Verdict.INCONCLUSIVE),
        ({"statistic": "mean", "column": "z", "tolerance": 1}, {"z": [1.0]}, Verdict.INCONCLUSIVE),
    ],
    ids=str,
)
def test_a_statistic_is_compared_with_the_baselines(bench, check, now, verdict) -> None:
    before = {**BEFORE, "x": list(range(4)), "z": [0.0] * 4}
    baseline = bench.run(before).result.profile
    assert bench.one(now, {"check": "baseline", **check}, baseline=baseline).verdict is verdict


@pytest.mark.parametrize(
    ("tolerance", "verdict"), [(0.5, Verdict.PASS), (0.03, Verdict.INCONCLUSIVE), (0.2, Verdict.INCONCLUSIVE)]
)
def test_estimates_of_different_values_are_trusted_as_far_as_they_go(bench, tolerance, verdict) -> None:
    baseline = bench.run({"a": np.arange(20_000)}).result.profile
    check = {"check": "baseline", "statistic": "distinct", "column": "a", "tolerance": tolerance}
    now = {"a": np.arange(20_000 if tolerance != 0.2 else 25_000)}
    assert bench.one(now, check, baseline=baseline).verdict is verdict
    assert bench.one({"a": np.arange(40_000)}, check, baseline=baseline).verdict is Verdict.FAIL
