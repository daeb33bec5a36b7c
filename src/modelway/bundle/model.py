"""A loaded model: a table in, scores out."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from modelway.features.arrow import apply_features
from modelway.features.inputs import check_inputs
from modelway.records.data import Task
from modelway.records.evaluate import Scores

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    import pyarrow as pa
    from numpy.typing import NDArray

    from modelway.records.features import FeatureSpec
    from modelway.records.fit import ModelInfo

_CHUNK_BYTES = 32 * 2**20
"""Size of the feature matrix that is built and scored at a time."""
_LARGEST_LOG = 700.0
"""expm1 of more is infinite."""


@dataclass(frozen=True)
class Model:
    """What `load_model` gives; reading it from its directory is the only way that models are made."""

    info: ModelInfo
    spec: FeatureSpec
    estimator: Any

    def predict(self, table: pa.Table, threshold: float = 0.5) -> Scores:
        """Score each row of a table, a part at a time, so that memory does not grow with the features' number.

        Args:
            table: the columns of `info.inputs`, with the types that `records.tables.ARROW_TYPES` tells; values may be
                missing anywhere, and other columns are ignored.
            threshold: the probability from which on the positive (second) of two classes is predicted.

        Raises:
            InputError: a column is missing or of another type, or a feature is infinite.
        """
        check_inputs(table, self.info.inputs)
        classes = len(self.info.classes)
        classifies = self.info.task is Task.CLASSIFICATION
        raw = np.empty((table.num_rows, classes) if classifies else table.num_rows, dtype=np.float64)
        step = max(256, _CHUNK_BYTES // (4 * len(self.spec.names)))
        for start in range(0, table.num_rows, step):
            matrix = apply_features(self.spec, table.slice(start, step))
            with self._one_thread():
                raw[start : start + step] = self._probability(matrix) if classifies else self.estimator.predict(matrix)
        if not classifies:
            if self.info.target_transform == "log1p":
                np.expm1(np.minimum(raw, _LARGEST_LOG, out=raw), out=raw)
            return Scores(prediction=raw)
        prediction = (raw[:, 1] >= threshold).astype(np.int64) if classes == 2 else raw.argmax(axis=1)
        return Scores(prediction=prediction, probability=raw)

    def _probability(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """Shape (rows, classes); a class that the estimator never saw has probability 0."""
        if hasattr(self.estimator, "predict_proba"):
            probability = np.zeros((len(matrix), len(self.info.classes)))
            probability[:, self.estimator.classes_] = self.estimator.predict_proba(matrix)
            return probability
        found: NDArray[np.float64] = self.estimator.predict(matrix)  # a LightGBM booster
        return found if found.ndim == 2 else np.column_stack([1 - found, found])

    def _one_thread(self) -> AbstractContextManager[Any]:
        """Linear algebra on one thread: with more of them the last bits differ. Trees are the same on any number."""
        return nullcontext() if self._is_booster else self._thread_pools.limit(limits=1, user_api="blas")

    @property
    def _is_booster(self) -> bool:
        return type(self.estimator).__module__ == "lightgbm.basic"

    @cached_property
    def _thread_pools(self) -> Any:
        from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped,unused-ignore]

        return ThreadpoolController()
