"""Answers of the log's requests as numbers, and those of two models to one request compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from modelway.observe.log_tables import field_of, is_answered
from modelway.records.data import Task

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from modelway.observe.score_buckets import ScoreBuckets

    Floats = NDArray[np.float64]


class Answers:
    """The answers of some requests.

    Attributes:
        answered: whether a request got one, shape (requests,).

    Args:
        table: lines of the log; the columns of the challenger in shadow only where they are compared.
        buckets: how answers are read.
    """

    def __init__(self, table: pa.Table, buckets: ScoreBuckets) -> None:
        self.answered = _flags(is_answered(table))
        self._table = table
        self._buckets = buckets
        self._classes = pa.array(buckets.classes, pa.string())

    def codes(self) -> NDArray[np.int8]:
        """The bucket of what answered, shape (requests,); -1 where there is none."""
        return self._buckets.codes(self._numbers(""))

    def flips(self) -> NDArray[np.bool_]:
        """Whether the challenger had another class, or none where the champion had one; for values, or none alone."""
        if self._buckets.task is None:
            return np.zeros(self._table.num_rows, bool)
        one, other = self._table["prediction"], self._table["shadow_prediction"]
        silent = pc.and_(pc.is_valid(one), pc.is_null(other))
        if self._buckets.task is Task.REGRESSION:
            return _flags(silent)
        return _flags(pc.or_(silent, pc.fill_null(pc.not_equal(one, other), False)))

    def shifts(self) -> Floats:
        """The challenger's number less the champion's, shape (requests,); NaN where either has none.

        The number is the value, the last of two classes' probability, or that of the class that the champion chose.
        """
        if self._buckets.task is None:
            return np.full(self._table.num_rows, np.nan)
        if self._buckets.task is Task.REGRESSION or self._buckets.binary:
            return self._numbers("shadow_") - self._numbers("")
        chosen = self._chosen("")
        known = np.isfinite(chosen)
        at = np.where(known, chosen, 0).astype(np.int64)
        one, other = (self._probabilities(prefix)[np.arange(len(at)), at] for prefix in ("", "shadow_"))
        return np.where(known, other - one, np.nan)

    def _numbers(self, prefix: str) -> Floats:
        """What `ScoreBuckets.codes` takes."""
        if self._buckets.task is None:
            return np.full(self._table.num_rows, np.nan)
        if self._buckets.task is Task.REGRESSION:
            return _floats(self._table[f"{prefix}prediction"])
        if self._buckets.binary:
            return _floats(field_of(self._table[f"{prefix}probabilities"], self._buckets.classes[-1]))
        return self._chosen(prefix)

    def _chosen(self, prefix: str) -> Floats:
        return _floats(pc.index_in(self._table[f"{prefix}prediction"], value_set=self._classes).cast(pa.float64()))

    def _probabilities(self, prefix: str) -> Floats:
        """Shape (requests, classes)."""
        column = self._table[f"{prefix}probabilities"]
        return np.stack([_floats(field_of(column, name)) for name in self._buckets.classes], axis=1)


def _floats(values: pa.ChunkedArray) -> Floats:
    """Numbers, NaN where there is none."""
    found: Floats = values.to_numpy().astype(np.float64)
    return found


def _flags(values: pa.ChunkedArray) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = values.to_numpy()
    return found
