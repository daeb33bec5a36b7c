"""A loaded model: a table in, scores out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from modelway.bundle.estimators import FittedEstimator
from modelway.bundle.scores import CHUNK_BYTES, empty_output, scores_of
from modelway.features.arrow import apply_features
from modelway.features.inputs import check_inputs

if TYPE_CHECKING:
    import pyarrow as pa

    from modelway.records.evaluate import Scores
    from modelway.records.features import FeatureSpec
    from modelway.records.fit import ModelInfo


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
        raw = empty_output(self.info, table.num_rows)
        step = max(256, CHUNK_BYTES // (4 * len(self.spec.names)))
        for start in range(0, table.num_rows, step):
            raw[start : start + step] = self._fitted.output(apply_features(self.spec, table.slice(start, step)))
        return scores_of(self.info, raw, threshold)

    @cached_property
    def _fitted(self) -> FittedEstimator:
        return FittedEstimator(self.info, self.estimator)
