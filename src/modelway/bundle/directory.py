"""The files of a model directory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from modelway.artifacts import digest_of, file_digest
from modelway.bundle.model import Model
from modelway.bundle.skops_file import read_estimator, write_estimator
from modelway.errors import InputError
from modelway.records.base import Record
from modelway.records.features import FeatureSpec
from modelway.records.fit import ModelInfo

if TYPE_CHECKING:
    from pathlib import Path

    from modelway.records.fit import Fit

_INFO, _FEATURES, _ESTIMATOR, _FIT = "model.json", "features.json", "model.skops", "fit.json"

_R = TypeVar("_R", bound=Record)


def save_model(directory: Path, info: ModelInfo, spec: FeatureSpec, estimator: Any, fit: Fit) -> None:
    """Write a model's files into a directory; the same model always gives the same bytes.

    Raises:
        SettingsError: the estimator holds types that are not trusted; no file is written then.
    """
    write_estimator(directory / _ESTIMATOR, estimator, info.trusted)
    for name, record in ((_INFO, info), (_FEATURES, spec), (_FIT, fit)):
        (directory / name).write_text(record.to_json(), encoding="utf-8")


def load_model(directory: Path) -> Model:
    """Load a model.

    Raises:
        InputError: a file is missing, can't be read, or holds types that are not trusted.
    """
    info = _read(directory / _INFO, ModelInfo)
    spec = _read(directory / _FEATURES, FeatureSpec)
    return Model(info=info, spec=spec, estimator=read_estimator(directory / _ESTIMATOR, info.trusted))


def model_digest(directory: Path) -> str:
    """SHA-256 (hexadecimal) of what decides the model's predictions; how it came to be (`fit.json`) is left out.

    Raises:
        InputError: a file is missing.
    """
    paths = [directory / name for name in (_INFO, _FEATURES, _ESTIMATOR)]
    for path in paths:
        if not path.is_file():
            raise _no_model(path)
    return digest_of({path.name: file_digest(path) for path in paths})


def _read(path: Path, kind: type[_R]) -> _R:
    try:
        return kind.from_json(path.read_bytes())
    except FileNotFoundError as error:
        raise _no_model(path) from error
    except ValidationError as error:
        raise InputError("the file can't be read", where=str(path), remedy="Run the fit stage again.") from error


def _no_model(path: Path) -> InputError:
    return InputError(
        f"there is no {path.name}", where=str(path.parent), remedy="Name a directory that the fit stage wrote."
    )
