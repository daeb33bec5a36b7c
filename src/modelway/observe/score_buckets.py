"""What an answer says, as one of 20 buckets: a rollout compares how the arms' answers are distributed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from modelway.records.data import Task
from modelway.records.rollout_seen import SCORE_BUCKETS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from modelway.records.data import ColumnType
    from modelway.records.observe import Baseline, Distribution

NOTHING = -1
"""The code of an answer that says nothing: there was none."""


@dataclass(frozen=True)
class ScoreBuckets:
    """How the answers of one model and its challenger are read.

    Attributes:
        task: what is predicted; None where the baseline does not know, and then nothing is counted.
        classes: the classes; for two classes the positive one is last.
        bounds: upper bounds of all buckets but the last, where the answers are numbers; shape (buckets - 1,).
        columns: the types of the model's columns, by whose values answers are compared.
    """

    task: Task | None
    classes: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()
    columns: Mapping[str, ColumnType] = field(default_factory=dict)

    @classmethod
    def of(cls, baseline: Baseline) -> ScoreBuckets:
        """Those of the champion: equal widths of the positive class's probability, its classes, or quantiles."""
        columns = {name: found.type for name, found in baseline.columns.items() if name != baseline.target}
        bounds: tuple[float, ...] = ()
        if baseline.task is Task.REGRESSION:
            bounds = _quantiles(baseline.predictions)
        elif len(baseline.classes) == 2:
            bounds = tuple(at / SCORE_BUCKETS for at in range(1, SCORE_BUCKETS))
        known = baseline.task is not None and (bool(bounds) or len(baseline.classes) > 2)
        return cls(baseline.task if known else None, baseline.classes, bounds, columns)

    @property
    def binary(self) -> bool:
        """Whether the answer's number is the last class's probability."""
        return self.task is not None and self.task is not Task.REGRESSION and len(self.classes) == 2

    def codes(self, numbers: NDArray[np.float64]) -> NDArray[np.int8]:
        """The bucket of each answer, `NOTHING` where there is none.

        Args:
            numbers: probabilities, values, or numbers of classes, as `bounds` and `task` have it; NaN where there is no
                answer. Shape (answers,).
        """
        there = np.isfinite(numbers)
        safe = np.where(there, numbers, 0.0)
        found = np.searchsorted(self.bounds, safe, side="right") if self.bounds else safe.astype(np.int64)
        kept: NDArray[np.int8] = np.where(there, np.minimum(found, SCORE_BUCKETS - 1), NOTHING).astype(np.int8)
        return kept


def _quantiles(predictions: Distribution | None) -> tuple[float, ...]:
    """The values that cut a distribution into equal parts, straight lines between its edges; none where it is empty."""
    if predictions is None or not sum(predictions.counts):
        return ()
    ranks = np.concatenate([[0.0], np.cumsum(predictions.counts)])
    wanted = np.arange(1, SCORE_BUCKETS) / SCORE_BUCKETS * ranks[-1]
    return tuple(np.interp(wanted, ranks, predictions.edges).tolist())
