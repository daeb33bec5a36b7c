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
from modelway.evaluate.compare import against_trivial
from modelway.evaluate.curves import curves_of
from modelway.evaluate.groups import MISSING, groups_of, largest
from modelway.evaluate.leakage import leaks_of
from modelway.evaluate.measure import Difference, Measurement, difference
from modelway.evaluate.metrics import METRICS
from modelway.evaluate.resample import SLICE_CELLS, SLICE_GROUPS, Drawer
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


def test_categories_of_a_dictionary_are_grouped_by_their_values() -> None:
    words = pa.array(["b", "a", "b", None]).dictionary_encode()
    column = pa.chunked_array([words, pa.array(["a", "b"]).dictionary_encode()])
    assert sizes(column) == {"b": 3, "a": 2, MISSING: 1}


def test_largest_groups_are_kept_in_their_order() -> None:
    groups = groups_of(pa.chunked_array([pa.array([1] * 3 + [2] * 1 + [3] * 5 + [4] * 4)]))
    assert [group.value for group in largest(groups, 2)] == ["3", "4"]
    assert [group.value for group in largest(groups, 3)] == ["1", "3", "4"]
    assert largest(groups, 9) == groups


def test_options_reach_every_part_of_the_record(world: Any) -> None:
    dataset, table, target = made = world.binary_world()
    scores, other = (world.binary_scores(target, strength) for strength in (1.5, 0.7))
    part = (target[:150], Scores(scores.prediction[:150], scores.probability[:150]))
    given = {"confidence": 0.8, "threshold": 0.3, "seed": 5, "metrics": ("f1", "recall"), "primary": "recall"}
    found = world.run(
        ROOM, made, scores, other, **given, slices=("colour",), sensitive=("sex",), benchmarks={"b": part},
        gates={"bias": {"min_rows": 10_000}}, champion_digest="theirs", size_bytes=7,
    )  # fmt: skip
    metric, drawer = METRICS[Problem.BINARY]["recall"], Drawer(world.RESAMPLES, 5)

    def measured(index: np.ndarray, model: Scores = scores, *draw: int) -> Measurement:
        rows = rows_of(Problem.BINARY, target, model, 0.3).take(index)
        return Measurement(rows, drawer.draw(len(index), *draw))

    whole = measured(np.arange(len(target)))
    assert (found.confidence, found.primary, list(found.metrics)) == (0.8, "recall", ["f1", "recall"])
    assert (found.model_digest, found.champion_digest, found.size_bytes) == ("candidate", "theirs", 7)
    assert found.metrics["recall"] == whole.estimate(metric, 0.8)
    assert found.metrics["recall"].value == pytest.approx(oracle.recall_score(target, scores.probability[:, 1] >= 0.3))
    (benchmark,) = found.benchmarks
    assert (benchmark.name, benchmark.rows, list(benchmark.metrics)) == ("b", 150, ["f1", "recall"])
    assert benchmark.metrics["recall"] == measured(np.arange(150)).estimate(metric, 0.8)
    assert found.comparison.difference == difference(metric, whole, measured(np.arange(len(target)), other)).estimate(
        0.8
    )
    assert {one.column for one in found.slices} == {"colour", "sex"}
    for one in found.slices:
        index = np.flatnonzero(np.array(table[one.column].to_pylist()) == one.value)
        assert one.metrics["recall"] == measured(index, scores, SLICE_GROUPS, SLICE_CELLS).estimate(metric, 0.8)
    assert {group.judged for one in found.bias for group in one.groups} == {False}
    assert found.gates[-2].evidence["difference"] == pytest.approx(
        against_trivial(metric, whole, drawer.draw(len(target)), dataset).difference.value
    )


def test_record_names_the_ten_best_single_columns(world: Any) -> None:
    random = np.random.default_rng(1)
    columns = {f"n{at:02}": pa.array(random.normal(size=world.ROWS)) for at in range(15)}
    made = world.binary_world(**columns)
    found = world.run(ROOM, made, world.binary_scores(made[2], 2.0))
    every = leaks_of(Problem.BINARY, made[1], made[2], [*columns, "x", "colour", "sex"], 0)
    assert every is not None
    assert found.leaks == tuple(sorted(every, key=lambda leak: -leak.score)[:10])


def test_calibration_curve_is_scikit_learns(world: Any) -> None:
    from sklearn.calibration import calibration_curve

    made = world.binary_world(500)
    scores = world.binary_scores(made[2], 2.0)
    curve = world.run(ROOM, made, scores).curves[-1]
    observed, mean = calibration_curve(made[2], scores.probability[:, 1], n_bins=15)
    assert (curve.x, curve.y) == (pytest.approx(mean), pytest.approx(observed))


@pytest.mark.parametrize("only", [0, 1])
def test_rows_of_one_class_have_a_calibration_curve_alone(only: int) -> None:
    probability = np.column_stack([np.linspace(1, 0, 30), np.linspace(0, 1, 30)])
    rows = rows_of(Problem.BINARY, np.full(30, only), Scores(np.full(30, only), probability), 0.5)
    assert [curve.name for curve in curves_of(rows)] == ["calibration"]
    assert set(curves_of(rows)[0].y) == {float(only)}


def test_clouds_show_the_rows_as_they_are() -> None:
    rows = rows_of(Problem.REGRESSION, np.array([1.0, 5.0, 2.0]), Scores(np.array([3.0, 4.0, 0.5])), 0.5)
    actual, residuals = curves_of(rows)
    assert (actual.x, actual.y) == ((0.5, 3.0, 4.0), (2.0, 1.0, 5.0))
    assert (residuals.x, residuals.y) == ((0.5, 3.0, 4.0), (1.5, -2.0, 1.0))


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
