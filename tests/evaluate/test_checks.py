"""Which scores and options can be measured, exactly at the limits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from modelway.errors import SettingsError
from modelway.evaluate import check_options
from modelway.evaluate.checks import chosen_metrics, find_flaw, primary_metric
from modelway.evaluate.metrics import METRICS
from modelway.evaluate.rows import Problem
from modelway.records.evaluate import EvaluateOptions, Scores


def flaw(probability: list[list[float]], prediction: Any = None, target: Any = None) -> str | None:
    """What is wrong with the scores of as many classes as the lines of probabilities have."""
    rows, classes = np.shape(probability)
    chosen = np.zeros(rows, np.int64) if prediction is None else np.asarray(prediction)
    true = np.zeros(rows, np.int64) if target is None else np.asarray(target)
    problem = Problem.BINARY if classes == 2 else Problem.MULTICLASS
    return find_flaw(problem, classes, rows, true, Scores(chosen, np.asarray(probability)))


class TestProbabilities:
    """A row's probabilities lie from 0 to 1 and sum to 1, within 1e-5 either way."""

    @pytest.mark.parametrize("line", [[0.4, 0.6], [0.0, 1.0], [0.2, 0.3, 0.5], [0.0, 0.0, 1.0]])
    @pytest.mark.parametrize(
        ("off", "wrong"),
        [(0.0, False), (0.9e-5, False), (-0.9e-5, False), (1.1e-5, True), (-1.1e-5, True), (-0.3, True)],
    )
    def test_sum_may_be_off_by_rounding_alone_either_way(self, line: list[float], off: float, wrong: bool) -> None:
        moved = [*line[:-1], line[-1] + off]
        if max(moved) > 1:  # beyond 1 is a flaw of its own
            moved = [*line[1:-1], line[-1], off] if off <= 1 else moved
        found = flaw([line, moved, line])

        assert (found is not None) is wrong
        assert found is None or found == "the probabilities do not sum to 1 in 1 of 3 rows"

    @pytest.mark.parametrize(
        ("line", "reason"),
        [
            ([-1e-9, 0.5, 0.5 + 1e-9], "reach from -1e-09 to 0.5, outside 0 to 1"),
            ([0.0, 0.0, 1 + 1e-6], "outside 0 to 1"),
            ([np.nan, 0.5, 0.5], "the probabilities are not finite in"),
            ([0.0, np.inf, 0.0], "the probabilities are not finite in"),
        ],
    )
    def test_outside_of_0_to_1_is_a_flaw(self, line: list[float], reason: str) -> None:
        found = flaw([[0.2, 0.3, 0.5], line])

        assert found is not None
        assert reason in found


class TestClassNumbers:
    """Class numbers are whole and from 0 to below the number of classes."""

    @pytest.mark.parametrize("kind", ["prediction", "target"])
    @pytest.mark.parametrize(
        ("values", "reason"),
        [
            ([0, 2], None),
            (np.array([0, 2], np.int8), None),
            (np.array([False, True]), None),
            ([0, 3], "hold class numbers outside 0 to 2"),
            ([-1, 2], "hold class numbers outside 0 to 2"),
            ([0.0, 1.0], "hold no class numbers but float64"),
            ([0, 1, 1], "shape"),
            ([[0], [1]], "shape"),
        ],
    )
    def test_whole_numbers_of_known_classes(self, kind: str, values: Any, reason: str | None) -> None:
        found = flaw([[0.2, 0.3, 0.5]] * 2, **{kind: values})

        assert found is None if reason is None else found is not None and reason in found
        assert reason is None or kind in str(found)

    def test_one_class_is_too_few(self) -> None:
        assert find_flaw(Problem.MULTICLASS, 1, 1, np.array([0]), Scores(np.array([0]), np.ones((1, 1)))) is not None


@pytest.mark.parametrize(
    ("target", "prediction", "reason"),
    [
        ([1.0, -2.0], [0, 5], None),
        ([1.0, np.nan], [0.0, 5.0], "the target values are not finite in 1 of 2 rows"),
        ([1.0, 2.0], [np.inf, -np.inf], "the predictions are not finite in 2 of 2 rows"),
        ([1.0, 2.0], ["a", "b"], "the predictions are of type"),
        ([1.0, 2.0], [1.0], "the predictions have shape (1,) for 2 rows"),
        ([1.0], [1.0, 2.0], "the target has shape (1,) for 2 rows"),
    ],
)
def test_numbers_are_finite_and_one_a_row(target: list[float], prediction: list[Any], reason: str | None) -> None:
    found = find_flaw(Problem.REGRESSION, 0, 2, np.array(target), Scores(np.array(prediction)))

    assert found is None if reason is None else found is not None and found.startswith(reason)


@pytest.mark.parametrize(
    ("problem", "options", "primary", "chosen"),
    [
        (Problem.BINARY, {}, "roc_auc", list(METRICS[Problem.BINARY])),
        (Problem.MULTICLASS, {}, "log_loss", list(METRICS[Problem.MULTICLASS])),
        (Problem.REGRESSION, {}, "r2", list(METRICS[Problem.REGRESSION])),
        (Problem.BINARY, {"metrics": ("f1",)}, "roc_auc", ["f1", "roc_auc"]),
        (Problem.BINARY, {"metrics": ("f1", "brier"), "primary": "brier"}, "brier", ["f1", "brier"]),
        (Problem.REGRESSION, {"metrics": ("mae",), "primary": "rmse"}, "rmse", ["mae", "rmse"]),
    ],
)
def test_metrics_are_those_named_with_the_primary_one(
    problem: Problem, options: dict[str, Any], primary: str, chosen: list[str]
) -> None:
    made = EvaluateOptions.model_validate(options)

    assert primary_metric(made, problem).name == primary
    assert [metric.name for metric in chosen_metrics(made, problem)] == chosen


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"metrics": ("gini",)}, "evaluate.metrics"),
        ({"metrics": ("rmse",)}, "evaluate.metrics"),
        ({"primary": "gini"}, "evaluate.primary"),
        ({"gates": {"minimum": {"gini": 0.5}}}, "evaluate.gates.minimum"),
        ({"gates": {"maximum": {"gini": 0.5}}}, "evaluate.gates.maximum"),
        ({"slices": ("nose",)}, "evaluate.slices"),
        ({"sensitive": ("nose",)}, "evaluate.sensitive"),
    ],
)
def test_unknown_name_is_refused_with_the_known_ones(changes: dict[str, Any], key: str, world: Any) -> None:
    dataset = world.binary_world()[0]

    with pytest.raises(SettingsError) as caught:
        check_options(EvaluateOptions.model_validate(changes), dataset)

    assert caught.value.where == key
    assert ("roc_auc" if "gini" in str(changes) or "rmse" in str(changes) else "colour") in str(caught.value.remedy)
