"""A trained model into a bundle."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from modelway.artifacts import file_digest, write_artifact, write_manifest
from modelway.bundle import layout
from modelway.bundle.card import write_card
from modelway.bundle.comparing import compare
from modelway.bundle.contents import bundle_digest
from modelway.bundle.directory import load_model, model_digest, model_needs
from modelway.bundle.examples import write_examples
from modelway.bundle.mlmodel import write_mlmodel
from modelway.bundle.opening import open_bundle
from modelway.bundle.packages import needed_packages
from modelway.bundle.provenance import make_provenance
from modelway.bundle.reference import read_reference
from modelway.bundle.sbom import make_sbom
from modelway.bundle.signing import sign
from modelway.errors import InputError
from modelway.records.base import Record
from modelway.records.bundle import BundleInfo, Comparison, Origin, Signature
from modelway.records.evaluate import Evaluation
from modelway.records.fit import Fit
from modelway.records.observe import Baseline
from modelway.records.trust import Trust

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from modelway.bundle.model import Model

MODEL = "model"
"""Where the model's own files lie in what `evaluate` wrote."""
_COPIED = (layout.METRICS, layout.BASELINE, layout.SIGNATURE, layout.REFERENCE)
_COPIED_OF_MODEL = (layout.MODEL_INFO, layout.FEATURES)

_R = TypeVar("_R", bound=Record)


@dataclass(frozen=True)
class Packed:
    """What packing gave.

    Attributes:
        digest: names the bundle.
        comparison: how the exported model was compared with the fitted one.
        trusted: the types and functions that the model needs and that were trusted.
    """

    info: BundleInfo
    digest: str
    comparison: Comparison
    trusted: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Trained:
    """What `evaluate` wrote, read."""

    directory: Path
    model: Model
    evaluation: Evaluation
    baseline: Baseline
    signature: Signature


def pack_bundle(
    training: Path,
    origin: Origin,
    output: Path,
    *,
    export: str | None = None,
    private_key: Path | None = None,
    trusted: Collection[str] = (),
) -> Packed:
    """Write a bundle from what `evaluate` wrote; the same version always gives the same bytes, but for its signature.

    Args:
        training: holds model/, metrics.json, baseline.json, signature.json, reference.parquet.
        origin: which version it is, and where that came from.
        output: where the bundle goes.
        export: the user's own export, `module:function`; for estimators that modelway does not fit itself.
        private_key: what it is signed with; not at all when absent.
        trusted: types and functions that the model may use in addition to modelway's own list.

    Raises:
        InputError: a file is missing or not what it should be, the model needs what is not trusted, or the exported
            model is not the fitted one.
        SettingsError: the export fails, or the key can't be used.
    """
    trained = _read(training, trusted)

    def finish(directory: Path) -> None:
        if private_key is not None:
            sign(directory, private_key, f"{origin.name}-v{origin.version}")

    with write_artifact(output, layout.KIND, {"model": trained.evaluation.model_digest}, finish) as directory:
        for name in _COPIED:
            shutil.copyfile(training / name, directory / name)
        for name in _COPIED_OF_MODEL:
            shutil.copyfile(training / MODEL / name, directory / name)
        info = _write_estimator(trained, origin, directory, export)
        write_examples(directory, trained.baseline, trained.signature)
        comparison = _compare(trained, directory, trusted)
        _describe(trained, origin, info, comparison, directory)
    return Packed(info, bundle_digest(output), comparison, model_needs(training / MODEL))


def _write_estimator(trained: _Trained, origin: Origin, directory: Path, export: str | None) -> BundleInfo:
    from modelway.bundle.export import export_by_hook, export_estimator

    model = trained.model
    exported = export_estimator(model.info, model.estimator)
    if exported is None and export is not None:
        exported = export_by_hook(export, model.estimator, len(model.spec.names))
    if exported is None:
        shutil.copyfile(trained.directory / MODEL / layout.SKOPS, directory / layout.SKOPS)
    else:
        (directory / layout.ONNX).write_bytes(exported)
    info = BundleInfo(
        name=origin.name,
        version=origin.version,
        model_digest=trained.evaluation.model_digest,
        run_id=origin.run_id,
        commit=origin.commit,
        created=origin.created,
        format="skops" if exported is None else "onnx",
    )
    (directory / layout.INFO).write_text(info.to_json(), encoding="utf-8")
    return info


def _compare(trained: _Trained, directory: Path, trusted: Collection[str]) -> Comparison:
    """Open what was written so far, as a server would, and compare it with the fitted model."""
    write_manifest(directory, layout.KIND)
    reference = read_reference(directory / layout.REFERENCE, trained.model.info)
    return compare(open_bundle(directory, Trust(names=tuple(trusted))), trained.model, reference)


def _describe(trained: _Trained, origin: Origin, info: BundleInfo, comparison: Comparison, directory: Path) -> None:
    """Write what is told of the model: card, provenance, materials, MLflow's files."""
    model = trained.model
    fit = _record(trained.directory / MODEL / "fit.json", Fit)
    files = {name: file_digest(directory / name) for name in (*layout.DECIDING, layout.ESTIMATORS[info.format])}
    packages = needed_packages(model.info, model.spec, info.format)
    card = write_card(info, origin, trained.signature, trained.evaluation, fit, comparison)
    (directory / layout.CARD).write_text(card, encoding="utf-8")
    provenance = make_provenance(origin, fit, trained.evaluation.model_digest, files, comparison)
    _write_json(directory / layout.PROVENANCE, provenance)
    _write_json(directory / layout.SBOM, make_sbom(info, files, packages))
    write_mlmodel(directory, info, trained.signature, packages)


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _read(training: Path, trusted: Collection[str]) -> _Trained:
    for name in _COPIED:
        if not (training / name).is_file():
            raise _missing(training / name)
    evaluation = _record(training / layout.METRICS, Evaluation)
    found = model_digest(training / MODEL)
    if found != evaluation.model_digest:
        raise InputError("the metrics are another model's", where=str(training), remedy="Evaluate the model again.")
    return _Trained(
        directory=training,
        model=load_model(training / MODEL, trusted),
        evaluation=evaluation,
        baseline=_record(training / layout.BASELINE, Baseline),
        signature=_record(training / layout.SIGNATURE, Signature),
    )


def _record(path: Path, kind: type[_R]) -> _R:
    try:
        return kind.from_json(path.read_bytes())
    except FileNotFoundError:
        raise _missing(path) from None
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(
            f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}",
            where=str(path),
            remedy="Evaluate the model again, and register it.",
        ) from error


def _missing(path: Path) -> InputError:
    return InputError(
        f"there is no {path.name}", where=str(path.parent), remedy="Evaluate the model again, and register it."
    )
