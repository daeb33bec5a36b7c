"""A trained model into a bundle."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from pydantic import ValidationError

from modelway.artifacts import write_artifact
from modelway.bundle import layout
from modelway.bundle.directory import load_model, model_digest
from modelway.bundle.examples import write_examples
from modelway.bundle.signing import sign
from modelway.errors import InputError
from modelway.records.base import Record
from modelway.records.bundle import BundleInfo, Origin, Signature
from modelway.records.evaluate import Evaluation
from modelway.records.observe import Baseline

if TYPE_CHECKING:
    from pathlib import Path

    from modelway.bundle.model import Model

MODEL = "model"
"""Where the model's own files lie in what `evaluate` wrote."""
_COPIED = (layout.METRICS, layout.BASELINE, layout.SIGNATURE, layout.REFERENCE)
_COPIED_OF_MODEL = (layout.MODEL_INFO, layout.FEATURES)

_R = TypeVar("_R", bound=Record)


@dataclass(frozen=True)
class _Trained:
    """What `evaluate` wrote, read."""

    directory: Path
    model: Model
    evaluation: Evaluation
    baseline: Baseline
    signature: Signature


def pack_bundle(training: Path, origin: Origin, output: Path, *, private_key: Path | None = None) -> BundleInfo:
    """Write a bundle from what `evaluate` wrote; the same version always gives the same bytes, but for its signature.

    Args:
        training: holds model/, metrics.json, baseline.json, signature.json, reference.parquet.
        origin: which version it is, and where that came from.
        output: where the bundle goes.
        private_key: what it is signed with; not at all when absent.

    Raises:
        InputError: a file is missing or not what it should be.
    """
    trained = _read(training)
    with write_artifact(output, layout.KIND, {"model": trained.evaluation.model_digest}) as directory:
        for name in _COPIED:
            shutil.copyfile(training / name, directory / name)
        for name in _COPIED_OF_MODEL:
            shutil.copyfile(training / MODEL / name, directory / name)
        info = _write_estimator(trained, origin, directory)
        (directory / layout.INFO).write_text(info.to_json(), encoding="utf-8")
        write_examples(directory, trained.baseline, trained.signature)
    if private_key is not None:
        sign(output, private_key, f"{origin.name}-v{origin.version}")
    return info


def _write_estimator(trained: _Trained, origin: Origin, directory: Path) -> BundleInfo:
    from modelway.bundle.export import export_estimator

    exported = export_estimator(trained.model.info, trained.model.estimator)
    if exported is None:
        shutil.copyfile(trained.directory / MODEL / layout.SKOPS, directory / layout.SKOPS)
    else:
        (directory / layout.ONNX).write_bytes(exported)
    return BundleInfo(
        name=origin.name,
        version=origin.version,
        model_digest=trained.evaluation.model_digest,
        run_id=origin.run_id,
        commit=origin.commit,
        created=origin.created,
        format="skops" if exported is None else "onnx",
    )


def _read(training: Path) -> _Trained:
    evaluation = _record(training / layout.METRICS, Evaluation)
    found = model_digest(training / MODEL)
    if found != evaluation.model_digest:
        raise InputError("the metrics are another model's", where=str(training), remedy="Evaluate the model again.")
    return _Trained(
        directory=training,
        model=load_model(training / MODEL),
        evaluation=evaluation,
        baseline=_record(training / layout.BASELINE, Baseline),
        signature=_record(training / layout.SIGNATURE, Signature),
    )


def _record(path: Path, kind: type[_R]) -> _R:
    try:
        return kind.from_json(path.read_bytes())
    except FileNotFoundError:
        raise InputError(
            f"there is no {path.name}", where=str(path.parent), remedy="Evaluate the model again, and register it."
        ) from None
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(
            f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}",
            where=str(path),
            remedy="Evaluate the model again, and register it.",
        ) from error
