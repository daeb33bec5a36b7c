"""The trivial gate's reference is scikit-learn's dummy, and equal predictors are equal in any unit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn import metrics as oracle
from sklearn.dummy import DummyClassifier, DummyRegressor

from modelway.evaluate.compare import against_trivial, comparison_of, contest_of
from modelway.evaluate.measure import Measurement
from modelway.evaluate.metrics import METRICS
from modelway.evaluate.resample import Drawer
from modelway.evaluate.rows import BinaryRows, ClassRows, NumberRows, Problem, rows_of
from modelway.records.evaluate import Scores

ROWS = 60
RESAMPLES = Drawer(50, seed=1).draw(ROWS)


def reference(rows: Any, dataset: Any, problem: Problem, name: str) -> float:
    """The trivial predictor's value of a metric."""
    contest = against_trivial(METRICS[problem][name], Measurement(rows, RESAMPLES), RESAMPLES, dataset)
    assert contest.difference is not None
    return contest.difference.reference


class TestTrivialPredictor:
    """What it says is what scikit-learn's dummies say that were fitted to the training rows' target."""

    @pytest.mark.parametrize(("counts", "threshold"), [((7, 3), 0.25), ((7, 3), 0.3), ((3, 7), 0.5), ((7, 3), 0.5)])
    def test_two_classes_are_those_of_the_prior(self, counts: tuple[int, int], threshold: float, world: Any) -> None:
        dataset, _, target = world.binary_world(ROWS)
        dataset = dataset.model_copy(update={"target_rates": {"yes": counts[1] / 10, "no": counts[0] / 10}})
        dummy = DummyClassifier(strategy="prior").fit(np.zeros((10, 1)), np.repeat([0, 1], counts))
        probability = dummy.predict_proba(np.zeros((ROWS, 1)))
        rows = rows_of(Problem.BINARY, target, world.binary_scores(target, 2.0), threshold)
        positive = probability[:, 1] >= threshold

        for name, expected in {
            "roc_auc": 0.5,
            "log_loss": oracle.log_loss(target, probability),
            "brier": oracle.brier_score_loss(target, probability[:, 1]),
            "accuracy": oracle.accuracy_score(target, positive),
            "recall": oracle.recall_score(target, positive),
            "precision": oracle.precision_score(target, positive, zero_division=np.nan),
        }.items():
            assert reference(rows, dataset, Problem.BINARY, name) == pytest.approx(expected, nan_ok=True), name

    @pytest.mark.parametrize("counts", [(2, 3, 5), (5, 3, 2), (3, 6, 1), (0, 4, 6)])
    def test_more_classes_are_those_of_the_prior_and_the_most_frequent_one(
        self, counts: tuple[int, int, int], world: Any
    ) -> None:
        dataset, _, target = world.class_world(ROWS)
        names = ("c2", "c0", "c1")  # in another order than the data set's classes
        dataset = dataset.model_copy(
            update={"target_rates": {name: counts[int(name[1])] / 10 for name in names if counts[int(name[1])]}}
        )
        dummy = DummyClassifier(strategy="prior").fit(np.zeros((10, 1)), np.repeat([0, 1, 2], counts))
        probability = np.zeros((ROWS, 3))
        probability[:, dummy.classes_] = dummy.predict_proba(np.zeros((ROWS, 1)))
        predicted = dummy.predict(np.zeros((ROWS, 1)))
        rows = rows_of(Problem.MULTICLASS, target, world.class_scores(target, 2.0), 0.5)

        for name, expected in {
            "accuracy": oracle.accuracy_score(target, predicted),
            "macro_f1": oracle.f1_score(target, predicted, average="macro"),
            "log_loss": oracle.log_loss(target, np.clip(probability, np.finfo(float).eps, 1), labels=[0, 1, 2]),
            "roc_auc": 0.5,
        }.items():
            assert reference(rows, dataset, Problem.MULTICLASS, name) == pytest.approx(expected), name

    def test_numbers_are_the_mean_of_the_training_rows(self, world: Any) -> None:
        dataset, _, target = world.number_world(ROWS)
        trained = np.array([1.0, 2.0, 6.0])
        dataset = dataset.model_copy(update={"target_mean": float(trained.mean())})
        predicted = DummyRegressor().fit(np.zeros((3, 1)), trained).predict(np.zeros((ROWS, 1)))
        rows = rows_of(Problem.REGRESSION, target, world.number_scores(target, 0.3), 0.5)

        for name, expected in {
            "rmse": oracle.root_mean_squared_error(target, predicted),
            "mae": oracle.mean_absolute_error(target, predicted),
            "r2": oracle.r2_score(target, predicted),
        }.items():
            assert reference(rows, dataset, Problem.REGRESSION, name) == pytest.approx(expected), name

    @pytest.mark.parametrize("rates", [{}, {"no": 0.0}, {"no": float("nan"), "yes": 1.0}, {"no": -0.5, "yes": 1.5}])
    def test_unknown_rates_are_a_flaw(self, rates: dict[str, float], world: Any) -> None:
        dataset, _, target = world.binary_world(ROWS)
        dataset = dataset.model_copy(update={"target_rates": rates})
        rows = rows_of(Problem.BINARY, target, world.binary_scores(target, 2.0), 0.5)
        contest = against_trivial(METRICS[Problem.BINARY]["roc_auc"], Measurement(rows), RESAMPLES, dataset)

        assert (contest.difference, "distribution is not known" in str(contest.flaw)) == (None, True)

    def test_unknown_mean_is_a_flaw(self, world: Any) -> None:
        dataset, _, target = world.number_world(ROWS)
        dataset = dataset.model_copy(update={"target_mean": None})
        rows = rows_of(Problem.REGRESSION, target, world.number_scores(target, 0.3), 0.5)
        contest = against_trivial(METRICS[Problem.REGRESSION]["rmse"], Measurement(rows), RESAMPLES, dataset)

        assert (contest.difference, contest.flaw is not None) == (None, True)


class TestContest:
    """Whether two predictors, or all rows, get the same prediction, in any unit and for every number of classes."""

    @pytest.mark.parametrize("unit", [1e-12, 1.0, 1e12])
    def test_numbers_are_equal_up_to_rounding_in_any_unit(self, unit: float) -> None:
        target = unit * np.random.default_rng(1).normal(size=ROWS)
        predicted = 0.9 * target
        one_row = np.where(np.arange(ROWS) == ROWS - 1, predicted + 0.1 * unit, predicted)
        constant = np.full(ROWS, 0.3 * unit)
        wobbling = constant + 1e-13 * target

        def flags(ours: np.ndarray, theirs: np.ndarray) -> tuple[bool, bool]:
            made = [Measurement(NumberRows(target, one), RESAMPLES) for one in (ours, theirs)]
            contest = contest_of(METRICS[Problem.REGRESSION]["rmse"], *made)
            return contest.identical, contest.constant

        assert flags(predicted, predicted + 1e-13 * target) == (True, False)
        assert flags(predicted, one_row) == (False, False)  # one row of all is enough to tell them apart
        assert flags(constant, predicted) == (False, True)
        assert flags(wobbling, constant) == (True, True)

    @pytest.mark.parametrize("classes", [2, 3])
    def test_probabilities_are_equal_in_every_class(self, classes: int) -> None:
        random = np.random.default_rng(2)
        target = random.integers(0, classes, ROWS)
        probability = random.dirichlet(np.ones(classes), ROWS)
        turned = probability.copy()
        turned[-1] = np.roll(turned[-1], 1)

        def flags(ours: np.ndarray, theirs: np.ndarray) -> tuple[bool, bool]:
            problem = Problem.BINARY if classes == 2 else Problem.MULTICLASS
            made = [
                Measurement(rows_of(problem, target, Scores(one.argmax(axis=1), one), 0.5), RESAMPLES)
                for one in (ours, theirs)
            ]
            contest = contest_of(METRICS[problem]["log_loss"], *made)
            return contest.identical, contest.constant

        assert flags(probability, probability + 1e-13) == (True, False)
        assert flags(probability, turned) == (False, False)
        assert flags(np.tile(probability[:1], (ROWS, 1)), probability) == (False, True)

    @pytest.mark.parametrize(("name", "sign"), [("roc_auc", 1), ("log_loss", -1)])
    def test_record_holds_both_values_and_their_oriented_difference(self, name: str, sign: int, world: Any) -> None:
        target = world.binary_target(ROWS)
        scores = [world.binary_scores(target, strength).probability for strength in (2.0, 0.7)]
        metric = METRICS[Problem.BINARY][name]
        measured = [Measurement(BinaryRows(target == 1, one, 0.5), RESAMPLES) for one in scores]
        found = comparison_of(contest_of(metric, *measured), 0.8)
        functions = {
            "roc_auc": lambda p: oracle.roc_auc_score(target, p[:, 1]),
            "log_loss": lambda p: oracle.log_loss(target, p),
        }
        expected = [functions[name](one) for one in scores]
        draws = sign * (measured[0].draws(metric) - measured[1].draws(metric))

        assert (found.metric, found.candidate, found.champion) == (name, *map(pytest.approx, expected))
        assert found.difference is not None
        assert found.difference.value == pytest.approx(sign * (expected[0] - expected[1]))
        assert (found.difference.low, found.difference.high) == pytest.approx(tuple(np.quantile(draws, [0.1, 0.9])))

    def test_record_of_an_undefined_metric_names_no_value(self) -> None:
        one_class = Measurement(BinaryRows(np.ones(ROWS, bool), np.full((ROWS, 2), 0.5), 0.5), RESAMPLES)
        found = comparison_of(contest_of(METRICS[Problem.BINARY]["roc_auc"], one_class, one_class), 0.95)

        assert (found.candidate, found.champion, found.difference) == (None, None, None)


def test_class_rows_keep_the_prediction_of_the_model() -> None:
    """What a model predicts counts, also where another class has the greatest probability."""
    target, probability = np.array([0, 1, 2]), np.full((3, 3), 1 / 3)
    rows = rows_of(Problem.MULTICLASS, target, Scores(np.array([0, 2, 2]), probability), 0.5)

    assert isinstance(rows, ClassRows)
    assert Measurement(rows).value(METRICS[Problem.MULTICLASS]["accuracy"]) == pytest.approx(2 / 3)
