"""Rows with their target and a model's scores, by kind of problem."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from modelway.records.data import Task

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from modelway.records.data import Dataset
    from modelway.records.evaluate import Scores

LEAST_PROBABILITY = float(np.finfo(np.float64).eps)
"""Probabilities are kept this far from 0 and 1 in the log loss, as scikit-learn does."""


class Problem(StrEnum):
    """Kinds of problems, by which metrics differ."""

    BINARY = "two classes"
    MULTICLASS = "more than two classes"
    REGRESSION = "regression"

    @classmethod
    def of(cls, dataset: Dataset) -> Problem:
        """The kind of problem that a data set poses."""
        if dataset.task is Task.REGRESSION:
            return cls.REGRESSION
        return cls.BINARY if len(dataset.classes) == 2 else cls.MULTICLASS


@dataclass(frozen=True, eq=False)
class BinaryRows:
    """Rows of two classes.

    Attributes:
        target: shape (rows,); whether the row is of the positive class.
        probability: shape (rows, 2); the second column is the positive class's.
        threshold: the probability from which on a row is predicted positive.
    """

    target: NDArray[np.bool_]
    probability: NDArray[np.float64]
    threshold: float

    def __len__(self) -> int:
        return len(self.target)

    def take(self, index: NDArray[np.intp]) -> BinaryRows:
        """Some of the rows."""
        return BinaryRows(self.target[index], self.probability[index], self.threshold)

    @cached_property
    def score(self) -> NDArray[np.float64]:
        """Shape (rows,); the probability of the positive class."""
        return np.ascontiguousarray(self.probability[:, 1])

    @cached_property
    def order(self) -> NDArray[np.intp]:
        """Shape (rows,); the rows by ascending score."""
        return np.argsort(self.score, kind="stable")

    @cached_property
    def predicted(self) -> NDArray[np.bool_]:
        """Shape (rows,); whether the row is predicted positive."""
        return self.score >= self.threshold

    @cached_property
    def log_losses(self) -> NDArray[np.float64]:
        """Shape (rows,); each row's log loss, in nats."""
        of_true_class = np.where(self.target, self.score, self.probability[:, 0])
        return _log_losses(of_true_class)


@dataclass(frozen=True, eq=False)
class ClassRows:
    """Rows of more than two classes.

    Attributes:
        target: shape (rows,); the index of the true class.
        probability: shape (rows, classes).
        predicted: shape (rows,); the index of the predicted class.
    """

    target: NDArray[np.int64]
    probability: NDArray[np.float64]
    predicted: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.target)

    def take(self, index: NDArray[np.intp]) -> ClassRows:
        """Some of the rows."""
        return ClassRows(self.target[index], self.probability[index], self.predicted[index])

    @property
    def classes(self) -> int:
        """The number of classes."""
        return int(self.probability.shape[1])

    @cached_property
    def log_losses(self) -> NDArray[np.float64]:
        """Shape (rows,); each row's log loss, in nats."""
        return _log_losses(self.probability[np.arange(len(self)), self.target])


@dataclass(frozen=True, eq=False)
class NumberRows:
    """Rows of a regression.

    Attributes:
        target: shape (rows,); the true values.
        predicted: shape (rows,); the predicted values.
    """

    target: NDArray[np.float64]
    predicted: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.target)

    def take(self, index: NDArray[np.intp]) -> NumberRows:
        """Some of the rows."""
        return NumberRows(self.target[index], self.predicted[index])

    @cached_property
    def residuals(self) -> NDArray[np.float64]:
        """Shape (rows,); true less predicted value."""
        return self.target - self.predicted


Rows = BinaryRows | ClassRows | NumberRows


def rows_of(problem: Problem, target: NDArray[Any], scores: Scores, threshold: float) -> Rows:
    """Put target and scores together; both have passed `find_flaw`."""
    if problem is Problem.REGRESSION:
        return NumberRows(np.asarray(target, np.float64), np.asarray(scores.prediction, np.float64))
    probability = np.asarray(scores.probability, np.float64)
    if problem is Problem.BINARY:
        return BinaryRows(np.asarray(target) == 1, probability, threshold)
    return ClassRows(np.asarray(target, np.int64), probability, np.asarray(scores.prediction, np.int64))


def _log_losses(of_true_class: NDArray[np.float64]) -> NDArray[np.float64]:
    return -np.log(np.clip(of_true_class, LEAST_PROBABILITY, 1 - LEAST_PROBABILITY))
