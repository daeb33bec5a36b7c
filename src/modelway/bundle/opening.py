"""The one loader that serving and batch share. It needs numpy and, for an exported model, onnxruntime; nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from pydantic import ValidationError

from modelway.artifacts import artifact_digest
from modelway.bundle.estimators import FittedEstimator, OnnxEstimator
from modelway.bundle.layout import ESTIMATORS, FEATURES, INFO, MODEL_INFO, SIGNATURE
from modelway.bundle.manifests import check_files, read_file
from modelway.bundle.scores import CHUNK_BYTES, empty_output, scores_of
from modelway.bundle.signing import check_signature
from modelway.errors import InputError
from modelway.features import Transformer, ValueBatch
from modelway.records.base import Record
from modelway.records.bundle import BundleInfo, Signature
from modelway.records.features import FeatureSpec
from modelway.records.fit import ModelInfo

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa
    from numpy.typing import NDArray

    from modelway.bundle.estimators import Estimator
    from modelway.features.columns import Batch
    from modelway.records.artifacts import Manifest
    from modelway.records.evaluate import Scores

_R = TypeVar("_R", bound=Record)


class Bundle:
    """A verified bundle, loaded; `open_bundle` makes it.

    Attributes:
        info: which model this is.
        signature: what it takes and gives.
        digest: names the bundle.
        signed: whether a signature was checked.
    """

    def __init__(
        self,
        info: BundleInfo,
        signature: Signature,
        digest: str,
        model: ModelInfo,
        spec: FeatureSpec,
        estimator: Estimator,
        *,
        signed: bool,
    ) -> None:
        self.info = info
        self.signature = signature
        self.digest = digest
        self.signed = signed
        self._model = model
        self._transformer = Transformer(spec)
        self._step = max(256, CHUNK_BYTES // (4 * len(spec.names)))
        self._estimator = estimator

    def predict(self, columns: Mapping[str, Sequence[Any] | NDArray[Any]], rows: int) -> Scores:
        """Score rows that came as Python's values or numpy's.

        Args:
            columns: every column of the signature: a sequence of `rows` values, None where missing; dates as
                microseconds since 1970-01-01 UTC or numpy's datetime64.
            rows: how many rows.

        Raises:
            InputError: a feature is infinite, or the model gives no finite score.
        """
        if rows <= self._step:
            return self._score([ValueBatch(columns, rows, self._model.inputs)], rows)
        starts = range(0, rows, self._step)
        parts = [
            ValueBatch(
                {name: values[start : start + self._step] for name, values in columns.items()},
                min(self._step, rows - start),
                self._model.inputs,
            )
            for start in starts
        ]
        return self._score(parts, rows)

    def predict_table(self, table: pa.Table) -> Scores:
        """Score a table's rows; its columns have the Arrow types that `records.tables.ARROW_TYPES` tells.

        Raises:
            InputError: a column is missing or of another type, or as with `predict`.
        """
        from modelway.features.arrow import ArrowBatch
        from modelway.features.inputs import check_inputs

        check_inputs(table, self._model.inputs)
        batches = table.select(list(self._model.inputs)).to_batches(max_chunksize=self._step)
        return self._score([ArrowBatch(batch) for batch in batches], table.num_rows)

    def _score(self, batches: Sequence[Batch], rows: int) -> Scores:
        raw = empty_output(self._model, rows)
        start = 0
        for batch in batches:
            matrix = self._transformer.matrix(batch)
            raw[start : start + batch.rows] = self._estimator.output(matrix)
            start += batch.rows
        if not np.isfinite(raw).all():
            row = int(np.argwhere(~np.isfinite(raw))[0][0])
            raise InputError(
                f"the model gives no finite score for row {row}",
                remedy="Look for a value far beyond those that the model was fitted on.",
            )
        return scores_of(self._model, raw, self.signature.threshold)


def open_bundle(directory: Path, *, public_key: Path | None = None, require_signature: bool = False) -> Bundle:
    """Verify a bundle and load it.

    Args:
        directory: what `modelway package` wrote.
        public_key: the key (PEM) that its signature is checked with, where it has one.
        require_signature: whether a bundle without a signature that was checked is refused.

    Raises:
        InputError: it does not verify, or its files can't be read.
        SettingsError: a function of the user's, or the public key, is not there.
    """
    manifest = check_files(directory)
    signed = check_signature(directory, manifest, public_key, required=require_signature)
    info = _read(directory, manifest, INFO, BundleInfo)
    model = _read(directory, manifest, MODEL_INFO, ModelInfo)
    return Bundle(
        info=info,
        signature=_read(directory, manifest, SIGNATURE, Signature),
        digest=artifact_digest(manifest),
        model=model,
        spec=_read(directory, manifest, FEATURES, FeatureSpec),
        estimator=_load_estimator(directory, manifest, info, model),
        signed=signed,
    )


def _load_estimator(directory: Path, manifest: Manifest, info: BundleInfo, model: ModelInfo) -> Estimator:
    name = ESTIMATORS[info.format]
    content = read_file(directory, manifest, name)
    if info.format == "onnx":
        return OnnxEstimator(model, content, str(directory / name))
    from modelway.bundle.skops_file import read_estimator

    return FittedEstimator(model, read_estimator(directory / name, model.trusted))


def _read(directory: Path, manifest: Manifest, name: str, kind: type[_R]) -> _R:
    try:
        return kind.from_json(read_file(directory, manifest, name))
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(
            f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}",
            where=str(directory / name),
            remedy="Package the version again, with this version of modelway.",
        ) from error
