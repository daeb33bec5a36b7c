"""The checks of predictions, each with what it is there to find."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from modelway.checks.predictions import check_finite, check_not_constant, check_shape
from modelway.records.evaluate import Scores
from modelway.records.verdict import Verdict


def _values(*values: float) -> Scores:
    return Scores(prediction=np.array(values))


def _probabilities(*high: float) -> Scores:
    column = np.array(high)
    return Scores(prediction=(column >= 0.5).astype(np.int64), probability=np.column_stack([1 - column, column]))


@pytest.mark.parametrize(
    ("scores", "classes", "words"),
    [
        (Scores(prediction=np.zeros((2, 1))), 0, r"\(2, 1\); \(2,\)"),
        (Scores(prediction=np.zeros(2, np.int64), probability=np.zeros((2, 3))), 2, r"\(2, 3\); \(2, 2\)"),
        (Scores(prediction=np.zeros(2, np.int64)), 2, r"\(\); \(2, 2\)"),
        (Scores(prediction=np.array([0, 2]), probability=np.full((2, 2), 0.5)), 2, "none of the 2"),
    ],
)
def test_a_wrong_shape_fails(scores: Scores, classes: int, words: str) -> None:
    result = check_shape({2: scores}, classes)
    assert result.verdict is Verdict.FAIL
    assert re.search(words, result.reason)


def test_a_right_shape_passes() -> None:
    assert check_shape({2: _values(1, 2), 1: _values(1)}, 0).verdict is Verdict.PASS
    assert check_shape({2: _probabilities(0.1, 0.9)}, 2).verdict is Verdict.PASS


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_one_value_that_is_no_number_fails(bad: float) -> None:
    assert check_finite(_values(1, bad, 2)).verdict is Verdict.FAIL
    assert "1 of 3" in check_finite(_values(1, bad, 2)).reason
    assert check_finite(_values(1, 2)).verdict is Verdict.PASS


@pytest.mark.parametrize("bad", [-0.1, 1.1])
def test_a_probability_beyond_its_bounds_fails(bad: float) -> None:
    assert check_finite(_probabilities(0.5, bad)).verdict is Verdict.FAIL


def test_probabilities_of_another_sum_fail() -> None:
    scores = Scores(prediction=np.zeros(1, np.int64), probability=np.array([[0.5, 0.4]]))
    assert check_finite(scores).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("scores", "different", "verdict"),
    [
        (_values(1, 1, 1), 20, Verdict.FAIL),
        (_values(1, 1, 1), 19, Verdict.INCONCLUSIVE),
        (_values(1, 1 + 1e-12, 1), 20, Verdict.FAIL),
        (_values(1, 1, 1.001), 2, Verdict.PASS),
        (_probabilities(0.5, 0.5), 20, Verdict.FAIL),
        (_probabilities(0.5, 0.51), 2, Verdict.PASS),
        (_values(), 0, Verdict.ERROR),
        (_values(1, np.nan), 20, Verdict.ERROR),
    ],
)
def test_equal_predictions_of_enough_different_rows_are_a_fault(scores: Any, different: int, verdict: Verdict) -> None:
    assert check_not_constant(scores, different).verdict is verdict
