"""What the record holds besides the verdicts: slices, bias, curves, leaks."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn import metrics as oracle

from modelway.evaluate import stage
from modelway.evaluate.bias import bias_of
from modelway.evaluate.groups import MISSING, groups_of
from modelway.evaluate.leakage import leaks_of
from modelway.evaluate.measure import Difference
from modelway.evaluate.metrics import METRICS
from modelway.evaluate.rows import Problem, rows_of
from modelway.records.evaluate import Evaluation, Scores

ROOM = SimpleNamespace(stage=stage)


def sizes(column: pa.ChunkedArray) -> dict[str, int]:
    return {group.value: len(group.index) for group in groups_of(column)}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pa.array([0, 1, 1, None]), {"0": 1, "1": 2, MISSING: 1}),
        (pa.array([1.5, 2.5, np.nan, None]), {"1.5": 1, "2.5": 1, MISSING: 2}),
        (pa.array(range(100)), {"≤ 24": 25, "24 < … ≤ 49": 25, "49 < … ≤ 74": 25, "> 74": 25}),
        (pa.array([0] * 90 + list(range(1, 11))), {"≤ 0": 90, "> 0": 10}),
        (pa.array(list(range(10)) + [99] * 90), {"≤ 9": 10, "> 9": 90}),
        (pa.array(["b", "a", "b", None, ""]), {"b": 2, "": 1, "a": 1, MISSING: 1}),
        (pa.array([True, False, True]), {"true": 2, "false": 1}),
        (pa.array([None, None], pa.float64()), {MISSING: 2}),
        (pa.array([None, None], pa.string()), {MISSING: 2}),
        (pa.array([], pa.string()), {}),
        (pa.array([], pa.float64()), {}),
    ],
)
def test_groups_by_value_or_quartile(values: pa.Array, expected: dict[str, int]) -> None:
    column = pa.chunked_array([values.slice(0, 1), values.slice(1)])

    assert list(sizes(column).items()) == list(expected.items())


def test_dates_are_cut_at_quartiles() -> None:
    days = [datetime(2026, 1, day, tzinfo=UTC) for day in range(1, 9)]
    found = sizes(pa.chunked_array([pa.array(days, pa.timestamp("us", "UTC"))]))

    assert list(found.values()) == [2, 2, 2, 2]
    assert next(iter(found)).startswith("≤ 2026-01-02")


def test_groups_hold_each_row_once() -> None:
    column = pa.chunked_array([pa.array(np.random.default_rng(1).choice(["a", "b", None], 100))])
    index = np.concatenate([group.index for group in groups_of(column)])

    assert sorted(index) == list(range(100))


def test_slices_measure_their_own_rows(world: Any) -> None:
    made = world.binary_world()
    scores = world.binary_scores(made[2], 2.0)
    found = world.run(ROOM, made, scores, slices=("colour",), sensitive=("sex",))
    colours = np.array(made[1]["colour"].to_pylist())

    assert [part.column for part in found.slices] == ["colour"] * 3 + ["sex"] * 2
    for part in found.slices[:3]:
        rows = colours == part.value
        expected = oracle.roc_auc_score(made[2][rows], scores.probability[rows, 1])
        assert part.rows == rows.sum()
        assert part.metrics["roc_auc"].value == pytest.approx(expected, abs=1e-12)
        assert part.metrics["roc_auc"].low < expected < part.metrics["roc_auc"].high
        assert part.metrics["brier"].low is None


def test_only_the_largest_of_many_categories_become_slices(world: Any) -> None:
    names = [f"n{min(number % 30, 24)}" for number in range(world.ROWS)]
    made = world.binary_world(name=pa.array(names))
    found = world.run(ROOM, made, world.binary_scores(made[2], 2.0), slices=("name",))

    assert len(found.slices) == 20
    assert found.slices[0].value == "n24"


def test_bias_is_fairlearns(world: Any) -> None:
    from fairlearn import metrics as fairlearn

    _, table, target = world.binary_world()
    scores = world.binary_scores(target, 1.0)
    rows = rows_of(Problem.BINARY, target, scores, 0.5)
    metric = METRICS[Problem.BINARY]["roc_auc"]
    found = bias_of("colour", table["colour"], rows, metric, 50)
    known = {"sensitive_features": np.array(table["colour"].to_pylist())}
    predicted = rows.predicted.astype(int)

    parity = fairlearn.demographic_parity_difference(target, predicted, **known)
    odds = fairlearn.equalized_odds_difference(target, predicted, **known)
    assert found.demographic_parity == pytest.approx(parity, abs=1e-12)
    assert found.equalized_odds == pytest.approx(odds, abs=1e-12)
    worst = min(group.primary for group in found.groups)
    assert found.worst_group == pytest.approx(oracle.roc_auc_score(target, rows.score) - worst, abs=1e-12)


def test_small_groups_are_shown_but_not_judged(world: Any) -> None:
    names = ["a"] * 200 + ["b"] * 180 + [None] * 20
    made = world.binary_world(name=pa.array(names))
    found = world.run(ROOM, made, world.binary_scores(made[2], 1.0), sensitive=("name",)).bias[0]

    assert [(group.value, group.rows, group.judged) for group in found.groups] == [
        ("a", 200, True),
        ("b", 180, True),
        (MISSING, 20, False),
    ]
    rates = [group.selection_rate for group in found.groups[:2]]
    assert found.demographic_parity == pytest.approx(abs(rates[0] - rates[1]))


def biased(groups: dict[str, tuple[int, int, int, int]], min_rows: int = 10) -> Any:
    """Groups of so many true negatives, false positives, false negatives and true positives, by their accuracy."""
    counts = np.array(list(groups.values()))
    target = np.concatenate([np.repeat([0, 0, 1, 1], line) for line in counts])
    positive = np.concatenate([np.repeat([0.1, 0.9, 0.1, 0.9], line) for line in counts])
    names = np.repeat(list(groups), counts.sum(axis=1))
    rows = rows_of(Problem.BINARY, target, Scores(target, np.column_stack([1 - positive, positive])), 0.5)
    metric = METRICS[Problem.BINARY]["accuracy"]
    return bias_of("group", pa.chunked_array([pa.array(names)]), rows, metric, min_rows)


@pytest.mark.parametrize(
    ("groups", "parity", "odds", "worst"),
    [
        ({"a": (10, 0, 0, 10), "b": (10, 0, 0, 10)}, 0.0, 0.0, 0.0),
        ({"a": (10, 0, 0, 10), "b": (5, 5, 0, 10)}, 0.25, 0.5, 35 / 40 - 15 / 20),  # false positives
        ({"a": (10, 0, 0, 10), "b": (10, 0, 5, 5)}, 0.25, 0.5, 35 / 40 - 15 / 20),  # true positives
        ({"a": (10, 0, 0, 10), "b": (9, 1, 2, 8)}, 0.05, 0.2, 37 / 40 - 17 / 20),  # the greater one of both
        ({"a": (10, 0, 0, 10), "b": (8, 2, 1, 9)}, 0.05, 0.2, 37 / 40 - 17 / 20),
        ({"a": (10, 0, 0, 10), "b": (20, 0, 0, 0)}, 0.5, None, 0.0),  # no positive row
        ({"a": (10, 0, 0, 10), "b": (0, 0, 0, 20)}, 0.5, None, 0.0),  # no negative row
        # A group that is too small to judge counts in the whole alone.
        ({"a": (10, 0, 0, 10), "b": (10, 0, 0, 10), "c": (0, 9, 0, 0)}, 0.0, 0.0, 0.0),
        ({"a": (5, 5, 0, 10), "b": (10, 0, 0, 10), "c": (0, 9, 0, 0)}, 0.25, 0.5, 0.0),
        ({"a": (5, 5, 0, 10), "b": (10, 0, 0, 10), "c": (9, 0, 0, 0)}, 0.25, 0.5, 44 / 49 - 15 / 20),
        ({"a": (10, 0, 0, 10), "b": (9, 0, 0, 0)}, None, None, None),  # one group alone can be judged
        ({"a": (10, 0, 0, 10), "b": (10, 0, 0, 0)}, 0.5, None, 0.0),  # exactly as many rows as it takes
    ],
)
def test_bias_is_that_of_the_groups_with_rows_enough(
    groups: dict[str, tuple[int, int, int, int]], parity: float | None, odds: float | None, worst: float | None
) -> None:
    """Expected are the definitions in fairlearn's user guide, on counts of few rows."""
    found = biased(groups)
    expected = [parity, odds, worst]
    values = [found.demographic_parity, found.equalized_odds, found.worst_group]
    assert [value is None for value in values] == [value is None for value in expected]
    assert [value for value in values if value is not None] == pytest.approx(
        [one for one in expected if one is not None]
    )
    for group in found.groups:
        negative, false, missed, hits = groups[group.value]
        total = negative + false + missed + hits
        rates = (group.selection_rate, group.true_positive_rate, group.false_positive_rate)
        assert rates == (
            pytest.approx((false + hits) / total),
            pytest.approx(hits / (missed + hits)) if missed + hits else None,
            pytest.approx(false / (negative + false)) if negative + false else None,
        )
        assert (group.rows, group.primary) == (total, pytest.approx((negative + hits) / total))
        assert group.judged is (total >= 10)


def test_bias_shows_the_largest_of_many_small_groups() -> None:
    sizes = {f"g{at:02}": (at % 9 + 1, 0, 0, 0) for at in range(40)}
    found = biased({"a": (10, 0, 0, 10), **sizes})
    shown = [group.rows for group in found.groups if not group.judged]
    assert len(shown) == 20
    assert sorted(shown) == sorted(sum(line) for line in sizes.values())[-20:]


def test_bias_of_other_tasks_has_the_worst_group_alone(world: Any) -> None:
    for made, scores in (
        (world.number_world(), world.number_scores(world.number_world()[2], 0.3)),
        (world.class_world(), world.class_scores(world.class_world()[2], 2.0)),
    ):
        found = world.run(ROOM, made, scores, sensitive=("sex",))

        assert found.bias[0].worst_group is not None
        assert found.bias[0].demographic_parity is None
        assert [verdict.gate for verdict in found.gates if verdict.gate.startswith("bias")] == ["bias.sex.worst_group"]


@pytest.mark.parametrize("rows", [50, 5000])
def test_curves_of_two_classes(rows: int, world: Any) -> None:
    made = world.binary_world(rows)
    scores = world.binary_scores(made[2], 2.0)
    found = world.run(ROOM, made, scores)
    curves = {curve.name: curve for curve in found.curves}

    assert list(curves) == ["roc", "precision_recall", "calibration"]
    assert all(len(curve.x) == len(curve.y) <= 200 for curve in found.curves)
    roc = curves["roc"]
    assert (roc.x[0], roc.y[0], roc.x[-1], roc.y[-1]) == (0, 0, 1, 1)
    assert np.trapezoid(roc.y, roc.x) == pytest.approx(found.metrics["roc_auc"].value, abs=2e-3)
    assert sum(curves["calibration"].size) == rows
    counts = np.array(found.confusion)
    assert (counts == oracle.confusion_matrix(made[2], scores.probability[:, 1] >= 0.5)).all()
    false_rate, recall, _ = oracle.roc_curve(made[2], scores.probability[:, 1], drop_intermediate=False)
    assert set(zip(roc.x, roc.y, strict=True)) <= set(zip(false_rate, recall, strict=True))
    precision, recall, _ = oracle.precision_recall_curve(made[2], scores.probability[:, 1])
    points = curves["precision_recall"]
    assert set(zip(points.x, points.y, strict=True)) <= set(zip(recall, precision, strict=True))


def test_curves_of_a_regression(world: Any) -> None:
    made = world.number_world(2000)
    found = world.run(ROOM, made, world.number_scores(made[2], 0.3))
    actual, residuals = found.curves

    assert (actual.name, residuals.name) == ("predicted_actual", "residuals")
    assert len(actual.x) == 500
    assert list(actual.x) == sorted(actual.x)
    assert np.array(residuals.y) == pytest.approx(np.array(actual.y) - np.array(actual.x))
    assert found.confusion == ()


def test_more_than_two_classes(world: Any) -> None:
    made = world.class_world()
    good, bad = (world.class_scores(made[2], strength) for strength in (2.0, 0.5))
    found = world.run(ROOM, made, good, bad)

    assert found.primary == "log_loss"
    assert str(found.verdict) == "pass"
    assert (np.array(found.confusion) == oracle.confusion_matrix(made[2], good.prediction)).all()
    assert found.curves == ()


def test_a_column_that_tells_one_class_of_many_leaks(world: Any) -> None:
    target = world.class_world()[2]
    made = world.class_world(mark=pa.array(np.where(target == 2, "two", "other")))
    found = world.run(ROOM, made, world.class_scores(target, 2.0))

    assert world.verdict_of(found, "leakage") == "fail"
    assert found.leaks[0].column == "mark"


def test_threshold_decides_the_predicted_class(world: Any) -> None:
    made = world.binary_world()
    scores = world.binary_scores(made[2], 1.0)
    other = world.binary_scores(made[2], 0.5)
    found = world.run(ROOM, made, scores, other, threshold=0.2, primary="recall")
    measured = [oracle.recall_score(made[2], one.probability[:, 1] >= 0.2) for one in (scores, other)]

    assert found.metrics["recall"].value == pytest.approx(measured[0])
    assert found.comparison.champion == pytest.approx(measured[1])


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.99])
def test_difference_bounds_one_side_and_its_estimate_both(confidence: float) -> None:
    draws = np.random.default_rng(1).normal(size=2000)
    difference = Difference(0.0, 0.0, 0.5, draws)
    found = difference.estimate(confidence)
    both = np.quantile(draws, [(1 - confidence) / 2, (1 + confidence) / 2])

    assert difference.bounds(confidence) == pytest.approx(np.quantile(draws, [1 - confidence, confidence]))
    assert (found.low, found.high) == pytest.approx(both)
    assert (found.value, np.mean((draws > found.low) & (draws < found.high))) == (
        0.5,
        pytest.approx(confidence, abs=1e-3),
    )


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


def test_record_is_the_same_again_and_reads_back(world: Any) -> None:
    made = world.binary_world()
    scores, other = (world.binary_scores(made[2], strength) for strength in (2.0, 1.5))
    first, again = (world.run(ROOM, made, scores, other, sensitive=("sex",), slices=("x",)).to_json() for _ in range(2))

    assert first == again
    assert Evaluation.from_json(first).to_json() == first


def test_scores_of_single_precision_are_taken(world: Any) -> None:
    made = world.class_world(classes=40)
    scores = world.class_scores(made[2], 2.0, classes=40)
    single = Scores(scores.prediction, scores.probability.astype(np.float32))

    assert world.verdict_of(world.run(ROOM, made, single), "scores") == "pass"


def test_no_heavy_library_comes_with_the_room() -> None:
    import subprocess
    import sys

    heavy = {"pandas", "sklearn", "fairlearn", "scipy"}
    code = f"import sys, modelway.evaluate; print(*({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == ""
