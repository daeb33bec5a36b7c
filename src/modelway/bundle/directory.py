"""The files of a model directory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from modelway.artifacts import digest_of, file_digest
from modelway.bundle.model import Model
from modelway.bundle.skops_file import read_estimator, untrusted_types, write_estimator
from modelway.bundle.trust import functions_of, refuse_untrusted
from modelway.errors import InputError
from modelway.records.base import Record
from modelway.records.features import FeatureSpec
from modelway.records.fit import ModelInfo
from modelway.records.trust import join_names

if TYPE_CHECKING:
    from collections.abc import Collection
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


def load_model(directory: Path, trusted: Collection[str] = ()) -> Model:
    """Load a model.

    Args:
        directory: what the `fit` stage wrote.
        trusted: types and functions that the reader trusts in addition to modelway's own list.

    Raises:
        InputError: a file is missing, can't be read, or the model needs types or functions that are not trusted.
    """
    info = _read(directory / _INFO, ModelInfo)
    spec = _read(directory / _FEATURES, FeatureSpec)
    content = _content(directory / _ESTIMATOR)
    refuse_untrusted(_needs(spec, content, directory), trusted, str(directory))
    return Model(info=info, spec=spec, estimator=read_estimator(content, trusted, str(directory / _ESTIMATOR)))


def model_needs(directory: Path) -> tuple[str, ...]:
    """Return the types and functions that a model needs, of those that modelway does not trust itself; loads nothing.

    Raises:
        InputError: a file is missing or can't be read.
    """
    spec = _read(directory / _FEATURES, FeatureSpec)
    return _needs(spec, _content(directory / _ESTIMATOR), directory)


def _needs(spec: FeatureSpec, content: bytes, directory: Path) -> tuple[str, ...]:
    try:
        return join_names(functions_of(spec), untrusted_types(content))
    except Exception as error:
        what = f"the model can't be read: {type(error).__name__}: {error}"
        raise InputError(what, where=str(directory / _ESTIMATOR)) from error


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


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise _no_model(path) from error


def _read(path: Path, kind: type[_R]) -> _R:
    try:
        return kind.from_json(_content(path))
    except ValidationError as error:
        raise InputError("the file can't be read", where=str(path), remedy="Run the fit stage again.") from error


def _no_model(path: Path) -> InputError:
    return InputError(
        f"there is no {path.name}", where=str(path.parent), remedy="Name a directory that the fit stage wrote."
    )
