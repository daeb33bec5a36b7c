"""Which single columns predict the target, by their codes or their order."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn import metrics as oracle

from modelway.evaluate import stage
from modelway.evaluate.leakage import _auc, leaks_of
from modelway.evaluate.rows import Problem

ROOM = SimpleNamespace(stage=stage)


def test_a_column_that_tells_one_class_of_many_leaks(world: Any) -> None:
    target = world.class_world()[2]
    made = world.class_world(mark=pa.array(np.where(target == 2, "two", "other")))
    found = world.run(ROOM, made, world.class_scores(target, 2.0))

    assert world.verdict_of(found, "leakage") == "fail"
    assert found.leaks[0].column == "mark"


@pytest.mark.parametrize(
    ("problem", "counts", "judged"),
    [
        (Problem.BINARY, (50, 5), True),
        (Problem.BINARY, (50, 4), False),
        (Problem.BINARY, (5, 50), True),
        (Problem.BINARY, (4, 50), False),
        (Problem.MULTICLASS, (30, 30, 5), True),
        (Problem.MULTICLASS, (61, 4, 0), False),
        (Problem.MULTICLASS, (4, 61, 4), True),
    ],
)
def test_leaks_of_a_class_need_five_rows_of_it_and_of_the_others(
    problem: Problem, counts: tuple[int, ...], judged: bool
) -> None:
    target = np.repeat(np.arange(len(counts)), counts)
    table = pa.table({"copy": [str(one) for one in target]})

    assert (leaks_of(problem, table, target, ["copy"], 0) is not None) is judged


def test_leaks_of_a_rare_class_are_left_to_the_others() -> None:
    """Two rows of one class are separated by chance; the column says nothing of the other classes."""
    target = np.array([0, 1] * 200 + [2] * 4)
    table = pa.table({"mark": ["rare" if one == 2 else "other" for one in target]})
    (leak,) = leaks_of(Problem.MULTICLASS, table, target, ["mark"], 0) or []

    assert leak.score < 0.6


def single_leak(target: list[int] | np.ndarray, column: pa.Array, problem: Problem = Problem.BINARY) -> float:
    (leak,) = leaks_of(problem, pa.table({"c": column}), np.asarray(target), ["c"], 0) or []
    return leak.score


def test_leaks_are_found_in_a_sample_of_many_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelway.evaluate.leakage.MOST_ROWS", 200)
    target = np.random.default_rng(1).integers(0, 2, 1000)
    for column in (pa.array(target.astype(float)), pa.array(target.astype(str))):
        assert single_leak(target, column) == 1
    assert single_leak(np.exp(3 * target), pa.array(target.astype(float)), Problem.REGRESSION) == pytest.approx(1)


@pytest.mark.parametrize(
    ("present", "leaks"),
    [
        (601, True),
        (500, False),  # the rows with a value are a selection
    ],
)
def test_order_of_the_values_counts_where_most_rows_have_one(present: int, leaks: bool) -> None:
    """Rows without a value are of both classes alike; the others are ordered by their class."""
    target = np.arange(1000) % 2
    values = np.where(np.arange(1000) < present, target + np.arange(1000) / 1e6, np.nan)
    assert (single_leak(target, pa.array(values, from_pandas=True)) > 0.999) is leaks


@pytest.mark.parametrize(("positives", "leaks"), [(5, True), (4, False)])
def test_order_of_the_values_counts_where_rows_of_both_classes_have_one(positives: int, leaks: bool) -> None:
    target = np.array([0] * 600 + [1] * 10)
    values = np.array([*range(320), *[np.nan] * 280, *range(1000, 1000 + positives), *[np.nan] * (10 - positives)])
    assert (single_leak(target, pa.array(values, from_pandas=True)) == 1) is leaks


def test_order_alone_is_the_rank_correlation_of_a_regression() -> None:
    from scipy import stats

    random = np.random.default_rng(2)
    target = np.exp(5 * random.normal(size=500))
    values = -np.log(target) + 0.1 * random.normal(size=500)
    expected = stats.spearmanr(values, target).statistic ** 2
    assert single_leak(target, pa.array(values), Problem.REGRESSION) == pytest.approx(expected)


def test_codes_are_the_r2_of_their_means_and_the_roc_auc_of_their_rates() -> None:
    """Categories have no order; what one half of the rows says of each predicts the other half."""
    random = np.random.default_rng(4)
    code = random.integers(0, 4, 4000)
    column = pa.array(np.array(["a", "b", "c", "d"])[code])
    target = np.array([3.0, -1.0, 9.0, 0.0])[code] + 100 + random.normal(size=4000)
    means = np.array([target[code == at].mean() for at in range(4)])[code]
    expected = oracle.r2_score(target, means)
    assert single_leak(target, column, Problem.REGRESSION) == pytest.approx(expected, abs=0.01)
    outcome = (random.random(4000) < np.array([0.3, 0.9, 0.1, 0.5])[code]).astype(int)
    rates = np.array([outcome[code == at].mean() for at in range(4)])[code]
    assert single_leak(outcome, column) == pytest.approx(oracle.roc_auc_score(outcome, rates), abs=0.01)


def test_order_alone_is_the_roc_auc_of_two_classes() -> None:
    random = np.random.default_rng(3)
    target = (random.random(500) < 0.3).astype(int)
    values = (random.normal(size=500) - 1.5 * target).round(1)
    expected = oracle.roc_auc_score(1 - target, values)
    assert single_leak(target, pa.array(values)) == pytest.approx(expected)


@pytest.mark.parametrize("positive", [[0.0] * 4, [1.0] * 4])
def test_half_in_which_a_class_is_absent_says_nothing(positive: list[float]) -> None:
    assert _auc(np.arange(1.0, 5.0), np.array(positive)) == 0.5
