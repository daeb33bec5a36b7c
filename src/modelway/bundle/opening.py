"""The one loader that serving and batch share. It needs numpy and, for an exported model, onnxruntime; nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from modelway.bundle.contents import parse_record, read_contents
from modelway.bundle.estimators import FittedEstimator, OnnxEstimator
from modelway.bundle.layout import (
    BASELINE,
    ESTIMATORS,
    FEATURES,
    INFO,
    MODEL_INFO,
    SERVING_EXAMPLE,
    SIGNATURE,
    SKOPS,
)
from modelway.bundle.scores import CHUNK_BYTES, empty_output, scores_of
from modelway.bundle.trust import functions_of, refuse_untrusted
from modelway.errors import InputError, NoScoreError
from modelway.features import Transformer, ValueBatch
from modelway.records.base import Record
from modelway.records.bundle import BundleInfo, Signature
from modelway.records.features import FeatureSpec
from modelway.records.fit import ModelInfo
from modelway.records.trust import Trust, join_names

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa
    from numpy.typing import NDArray

    from modelway.bundle.contents import Contents
    from modelway.bundle.estimators import Estimator
    from modelway.features.columns import Batch
    from modelway.records.evaluate import Scores

_R = TypeVar("_R", bound=Record)


class Bundle:
    """A verified bundle, loaded; `open_bundle` makes it.

    Attributes:
        info: which model this is.
        signature: what it takes and gives.
        digest: names the bundle.
        signed: whether a signature was checked.
        files: bytes of the baseline and of the example of a request, by file name.
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
        files: Mapping[str, bytes],
    ) -> None:
        self.info = info
        self.signature = signature
        self.digest = digest
        self.signed = signed
        self.files = files
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
            InputError: a feature is infinite.
            NoScoreError: the model gives no finite score.
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
            raise NoScoreError(
                f"the model gives no finite score for row {row}",
                remedy="Look for a value far beyond those that the model was fitted on.",
            )
        return scores_of(self._model, raw, self.signature.threshold)


def open_bundle(directory: Path, trust: Trust | None = None, *, digest: str | None = None) -> Bundle:
    """Verify a bundle and load it; each file is read once.

    Args:
        directory: what `modelway package` wrote.
        trust: the types and functions that it may use in addition to modelway's own list, the key that its signature is
            checked with, and whether it has to be signed; built-in types alone when absent.
        digest: the SHA-256 that it has to have.

    Raises:
        InputError: it does not verify, its files can't be read, or it needs what is not trusted; nothing ran then.
        SettingsError: the public key can't be read.
    """
    trust = trust or Trust()
    return load_contents(read_contents(directory, trust, digest=digest), trust.names)


def load_contents(contents: Contents, trusted: Collection[str]) -> Bundle:
    """Load a bundle from its verified files.

    Args:
        contents: the files.
        trusted: types and functions that it may use in addition to modelway's own list.

    Raises:
        InputError: a file can't be read, or the bundle needs what is not trusted.
    """
    info = read_record(contents, INFO, BundleInfo)
    model = read_record(contents, MODEL_INFO, ModelInfo)
    spec = read_record(contents, FEATURES, FeatureSpec)
    refuse_untrusted(bundle_needs(contents, info, spec), trusted, str(contents.directory))
    return Bundle(
        info=info,
        signature=read_record(contents, SIGNATURE, Signature),
        digest=contents.digest,
        model=model,
        spec=spec,
        estimator=_load_estimator(contents, info, model, trusted),
        signed=contents.signed,
        files={name: contents.files[name] for name in (BASELINE, SERVING_EXAMPLE) if name in contents.files},
    )


def bundle_needs(contents: Contents, info: BundleInfo, spec: FeatureSpec) -> tuple[str, ...]:
    """Return the types and functions that a bundle needs, of those that modelway does not trust itself; loads nothing.

    Raises:
        InputError: the estimator's file is corrupt.
    """
    if info.format == "onnx":
        return functions_of(spec)
    from modelway.bundle.skops_file import untrusted_types

    try:
        return join_names(functions_of(spec), untrusted_types(contents.read(SKOPS)))
    except InputError:
        raise
    except Exception as error:
        what = f"the model can't be read: {type(error).__name__}: {error}"
        raise InputError(what, where=contents.where(SKOPS)) from error


def _load_estimator(contents: Contents, info: BundleInfo, model: ModelInfo, trusted: Collection[str]) -> Estimator:
    name = ESTIMATORS[info.format]
    content = contents.read(name)
    if info.format == "onnx":
        return OnnxEstimator(model, content, contents.where(name))
    from modelway.bundle.skops_file import read_estimator

    return FittedEstimator(model, read_estimator(content, trusted, contents.where(name)))


def read_record(contents: Contents, name: str, kind: type[_R]) -> _R:
    """Parse one of a bundle's files; raises `InputError` where it is missing or invalid."""
    return parse_record(kind, contents.read(name), contents.where(name))
