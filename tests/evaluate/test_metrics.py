"""Each metric is scikit-learn's, also with ties, and resamples weigh rows as a plain bootstrap does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn import metrics as oracle
from sklearn.calibration import calibration_curve

from modelway.evaluate.measure import Measurement
from modelway.evaluate.metrics import METRICS
from modelway.evaluate.resample import Drawer, Resamples
from modelway.evaluate.rows import BinaryRows, ClassRows, NumberRows, Problem
from modelway.evaluate.tallies import tally

if TYPE_CHECKING:
    from collections.abc import Callable

EXACT = 1e-12
Oracle = dict[str, "Callable[[Any], float]"]


def _calibration_error(rows: BinaryRows) -> float:
    observed, mean = calibration_curve(rows.target, rows.score, n_bins=15)
    counts = np.histogram(rows.score, bins=15, range=(0, 1))[0]
    return float((np.abs(observed - mean) * counts[counts > 0]).sum() / counts.sum())


BINARY: Oracle = {
    "roc_auc": lambda r: oracle.roc_auc_score(r.target, r.score),
    "average_precision": lambda r: oracle.average_precision_score(r.target, r.score),
    "log_loss": lambda r: oracle.log_loss(r.target, r.probability, labels=[False, True]),
    "brier": lambda r: oracle.brier_score_loss(r.target, r.score),
    "accuracy": lambda r: oracle.accuracy_score(r.target, r.predicted),
    "precision": lambda r: oracle.precision_score(r.target, r.predicted),
    "recall": lambda r: oracle.recall_score(r.target, r.predicted),
    "f1": lambda r: oracle.f1_score(r.target, r.predicted),
    "expected_calibration_error": _calibration_error,
}
MULTICLASS: Oracle = {
    "log_loss": lambda r: oracle.log_loss(r.target, r.probability, labels=range(r.classes)),
    "accuracy": lambda r: oracle.accuracy_score(r.target, r.predicted),
    "macro_f1": lambda r: oracle.f1_score(r.target, r.predicted, average="macro"),
    "roc_auc": lambda r: oracle.roc_auc_score(r.target, r.probability, multi_class="ovr", average="macro"),
}
REGRESSION: Oracle = {
    "r2": lambda r: oracle.r2_score(r.target, r.predicted),
    "rmse": lambda r: oracle.root_mean_squared_error(r.target, r.predicted),
    "mae": lambda r: oracle.mean_absolute_error(r.target, r.predicted),
    "median_absolute_error": lambda r: oracle.median_absolute_error(r.target, r.predicted),
}
ORACLES = {Problem.BINARY: BINARY, Problem.MULTICLASS: MULTICLASS, Problem.REGRESSION: REGRESSION}
EVERY = [(problem, name) for problem, known in ORACLES.items() for name in known]


def rows_like(problem: Problem, rows: int, digits: int | None = None, seed: int = 0) -> Any:
    """Random rows; few digits make ties."""
    random = np.random.default_rng([seed, rows])
    if problem is Problem.BINARY:
        score = 1 / (1 + np.exp(-random.normal(size=rows)))
        score = score if digits is None else score.round(digits)
        target = random.random(rows) < score**2
        return BinaryRows(target, np.column_stack([1 - score, score]), 0.4)
    if problem is Problem.MULTICLASS:
        probability = random.dirichlet(np.ones(5), rows)
        if digits is not None:
            probability = np.maximum(probability.round(digits), 0.1)
            probability /= probability.sum(axis=1, keepdims=True)
        target = np.where(random.random(rows) < 0.5, probability.argmax(axis=1), random.integers(0, 5, rows))
        return ClassRows(target, probability, probability.argmax(axis=1))
    target = 1000 + random.normal(size=rows).round(digits or 12)
    return NumberRows(target, target + random.normal(size=rows).round(digits or 12))


def test_r2_keeps_its_digits_beside_a_large_mean() -> None:
    random = np.random.default_rng(1)
    target = 1e9 + random.normal(size=500)
    made = NumberRows(target, target + 0.1 * random.normal(size=500))

    expected = oracle.r2_score(made.target - 1e9, made.predicted - 1e9)
    assert Measurement(made).value(METRICS[Problem.REGRESSION]["r2"]) == pytest.approx(expected, abs=1e-6)


def test_every_metric_has_an_oracle() -> None:
    assert {problem: set(known) for problem, known in METRICS.items()} == {
        problem: set(known) for problem, known in ORACLES.items()
    }


@pytest.mark.parametrize("digits", [None, 1])
@pytest.mark.parametrize("rows", [31, 1000, 5000])
@pytest.mark.parametrize(("problem", "name"), EVERY)
def test_metric_is_scikit_learns(problem: Problem, name: str, rows: int, digits: int | None) -> None:
    made = rows_like(problem, rows, digits)

    value = Measurement(made).value(METRICS[problem][name])

    assert value == pytest.approx(ORACLES[problem][name](made), rel=EXACT, abs=EXACT)


@pytest.mark.parametrize(("problem", "name"), EVERY)
def test_resample_is_the_metric_of_the_drawn_rows(problem: Problem, name: str) -> None:
    made = rows_like(problem, 300)
    resamples = Drawer(100, seed=3).draw(300)

    values = METRICS[problem][name].compute(tally(made, resamples))

    for number in (0, 1, 57, 100):
        drawn = made.take(np.repeat(np.arange(300), resamples.weights[number].astype(int)))
        assert values[number] == pytest.approx(ORACLES[problem][name](drawn), rel=1e-10, abs=1e-10)


@pytest.mark.parametrize("name", ["roc_auc", "average_precision"])
def test_cells_lose_next_to_nothing(name: str) -> None:
    made = rows_like(Problem.BINARY, 1500)
    exact = Drawer(100, seed=3).draw(1500, cells=1500)
    coarse = Resamples(exact.weights, exact.group, 200)
    metric = METRICS[Problem.BINARY][name]

    difference = metric.compute(tally(made, coarse)) - metric.compute(tally(made, exact))

    # What matters is not the shift, which is given back, but what is left beside the spread of the resamples.
    assert difference.std() < 0.03 * metric.compute(tally(made, exact)).std()


@pytest.mark.parametrize(("problem", "name"), EVERY)
def test_value_lies_in_its_interval(problem: Problem, name: str) -> None:
    made = rows_like(problem, 3000)
    metric = METRICS[problem][name]

    estimate = Measurement(made, Drawer(100, seed=1).draw(3000)).estimate(metric, 0.95)

    assert metric.low <= estimate.low <= estimate.value <= estimate.high <= metric.high
    assert estimate.low < estimate.high


@pytest.mark.parametrize(("problem", "name"), EVERY)
def test_interval_of_groups_is_the_plain_bootstraps(problem: Problem, name: str) -> None:
    """Rows in groups and scores in cells give the interval that one group a row and one cell a score give."""
    made = rows_like(problem, 2000)
    metric = METRICS[problem][name]
    plain = Measurement(made, Drawer(500, seed=1).draw(2000, groups=2000, cells=2000)).draws(metric)
    grouped = Measurement(made, Drawer(500, seed=1).draw(2000, groups=1000, cells=256)).draws(metric)

    assert grouped.std() == pytest.approx(plain.std(), rel=0.2)
    assert np.median(grouped) == pytest.approx(np.median(plain), abs=0.3 * plain.std())


class TestEstimate:
    """The percentile interval of the resamples, the basic one for a pivotal metric (Efron and Tibshirani, 1993)."""

    @pytest.mark.parametrize("confidence", [0.5, 0.95])
    @pytest.mark.parametrize(("problem", "name"), EVERY)
    def test_interval_is_the_quantiles_of_the_resamples(self, problem: Problem, name: str, confidence: float) -> None:
        made, metric = rows_like(problem, 400), METRICS[problem][name]
        measured = Measurement(made, Drawer(200, seed=1).draw(400))
        for other in METRICS[problem].values():  # what one metric is says nothing of the others
            measured.draws(other)
        low, high = np.quantile(measured.draws(metric), [(1 - confidence) / 2, (1 + confidence) / 2])
        value = ORACLES[problem][name](made)
        if name == "expected_calibration_error":
            low, high = 2 * value - high, 2 * value - low
        found = measured.estimate(metric, confidence)

        assert (found.value, found.low, found.high) == pytest.approx(
            (value, max(min(low, value), metric.low), min(max(high, value), metric.high))
        )

    def test_what_the_cells_lose_of_the_value_is_given_back(self) -> None:
        made = rows_like(Problem.BINARY, 1500)
        metric = METRICS[Problem.BINARY]["average_precision"]
        coarse = Drawer(100, seed=3).draw(1500, cells=6)
        draws = Measurement(made, coarse).draws(metric)

        lost = ORACLES[Problem.BINARY]["average_precision"](made) - metric.compute(tally(made, coarse))[0]
        assert abs(lost) > 2 * draws.std()
        assert draws.mean() == pytest.approx(ORACLES[Problem.BINARY]["average_precision"](made), abs=draws.std() / 2)

    def test_interval_ends_where_the_metric_does(self) -> None:
        """The basic interval of a small calibration error would begin below 0."""
        score = np.repeat(np.linspace(0.05, 0.95, 10), 20)
        target = np.tile(np.arange(20), 10) < 20 * score
        made = BinaryRows(target, np.column_stack([1 - score, score]), 0.5)
        metric = METRICS[Problem.BINARY]["expected_calibration_error"]
        found = Measurement(made, Drawer(100, seed=1).draw(200)).estimate(metric, 0.95)

        assert (found.value, found.low) == (pytest.approx(0, abs=1e-12), 0.0)

    @pytest.mark.parametrize(("undefined", "bounded"), [(5, True), (6, False), (100, False)])
    def test_interval_needs_the_metric_in_95_of_100_resamples(self, undefined: int, bounded: bool) -> None:
        metric = METRICS[Problem.BINARY]["recall"]
        rows = BinaryRows(np.array([True, False]), np.full((2, 2), 0.5), 0.5)
        weights = np.ones((101, 2))
        weights[1 : 1 + undefined] = [0, 2]  # no row of the positive class
        found = Measurement(rows, Resamples(weights, np.arange(2), 2)).estimate(metric, 0.95)

        assert (found.value, found.low, found.high) == (1.0, *((1.0, 1.0) if bounded else (None, None)))

    @pytest.mark.parametrize(("weights", "ends"), [([0, 2], (0.0, 0.5)), ([2, 0], (0.5, 1.0))])
    def test_interval_reaches_to_the_value(self, weights: list[int], ends: tuple[float, float]) -> None:
        """Also where all resamples lie on one side of it."""
        metric = METRICS[Problem.BINARY]["recall"]
        rows = BinaryRows(np.array([True, True]), np.array([[0.0, 1.0], [1.0, 0.0]]), 0.5)
        drawn = Resamples(np.array([[1, 1], *[weights] * 20], float), np.arange(2), 2)
        found = Measurement(rows, drawn).estimate(metric, 0.95)

        assert (found.value, found.low, found.high) == (0.5, *ends)


def test_equal_seeds_give_equal_intervals() -> None:
    made = rows_like(Problem.BINARY, 3000)
    metric = METRICS[Problem.BINARY]["roc_auc"]
    first, again, other = (Measurement(made, Drawer(100, seed).draw(3000)).estimate(metric, 0.95) for seed in (1, 1, 2))

    assert first == again != other


def test_drawer_gives_the_same_whatever_was_drawn_before() -> None:
    drawer = Drawer(100, seed=1)
    drawer.draw(5000, groups=300)
    late = drawer.draw(4000, groups=300)
    fresh = Drawer(100, seed=1).draw(4000, groups=300)

    assert (late.weights == fresh.weights).all()
    assert (late.group == fresh.group).all()


def test_groups_are_of_equal_size() -> None:
    sizes = np.bincount(Drawer(100, seed=1).draw(1001, groups=100).group)

    assert set(sizes) == {10, 11}
    assert len(sizes) == 100


@pytest.mark.parametrize(
    ("problem", "undefined"),
    [
        (Problem.BINARY, {"roc_auc", "average_precision", "recall"}),
        (Problem.MULTICLASS, {"roc_auc"}),
        (Problem.REGRESSION, {"r2"}),
    ],
)
def test_metric_without_meaning_is_absent(problem: Problem, undefined: set[str]) -> None:
    made = rows_like(problem, 50)
    alike = made.take(np.full(30, np.flatnonzero(made.target == made.target.min())[0]))
    measured = Measurement(alike, Drawer(100, seed=1).draw(30))
    absent = {name for name, metric in METRICS[problem].items() if measured.estimate(metric, 0.95).value is None}

    assert undefined <= absent <= undefined | {"precision", "f1"}


@pytest.mark.parametrize("target", ["01", "0", "1"])
@pytest.mark.parametrize("predicted", ["01", "10", "0", "1"])
def test_labels_of_one_class_are_measured_as_scikit_learn_does(target: str, predicted: str) -> None:
    true, said = (np.array([*text * 6], np.int64)[:6] == 1 for text in (target, predicted))
    made = BinaryRows(true, np.column_stack([1.0 - said, said]), 0.5)

    for name, expected in {
        "accuracy": oracle.accuracy_score(true, said),
        "precision": oracle.precision_score(true, said, zero_division=np.nan),
        "recall": oracle.recall_score(true, said, zero_division=np.nan),
        "f1": oracle.f1_score(true, said, zero_division=np.nan),
    }.items():
        assert Measurement(made).value(METRICS[Problem.BINARY][name]) == pytest.approx(expected, nan_ok=True), name


@pytest.mark.parametrize(
    ("target", "predicted"),
    [
        ("0011", "0021"),  # class 2 is predicted, and no row has it
        ("0012", "0011"),  # class 2 is never predicted
        ("0000", "1111"),
        ("0000", "0000"),
        ("1122", "2211"),
        ("0012", "3012"),  # a fourth class, predicted once
    ],
)
def test_classes_that_one_side_lacks_are_measured_as_scikit_learn_does(target: str, predicted: str) -> None:
    true, said = (np.array([*text * 5], np.int64) for text in (target, predicted))
    made = ClassRows(true, np.full((20, 5), 0.2), said)

    for name, expected in {
        "macro_f1": oracle.f1_score(true, said, average="macro"),
        "accuracy": oracle.accuracy_score(true, said),
        "log_loss": np.log(5),
        "roc_auc": np.nan,  # a class has no row
    }.items():
        assert Measurement(made).value(METRICS[Problem.MULTICLASS][name]) == pytest.approx(expected, nan_ok=True), name
    resamples = Drawer(20, seed=3).draw(20)
    values = METRICS[Problem.MULTICLASS]["macro_f1"].compute(tally(made, resamples))
    for number, weights in enumerate(resamples.weights):
        drawn = np.repeat(np.arange(20), weights.astype(int))
        assert values[number] == pytest.approx(oracle.f1_score(true[drawn], said[drawn], average="macro"))


@pytest.mark.parametrize("problem", list(Problem))
def test_nothing_is_defined_on_no_rows(problem: Problem) -> None:
    measured = Measurement(rows_like(problem, 50).take(np.empty(0, int)))

    assert {measured.estimate(metric, 0.95).value for metric in METRICS[problem].values()} == {None}
