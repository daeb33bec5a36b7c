"""The user's own export: a function that gives a fitted estimator as ONNX."""

from __future__ import annotations

from typing import Any

from onnx import ModelProto, checker, load_from_string

from modelway.bundle.onnx_guard import refuse_outside
from modelway.errors import SettingsError
from modelway.features import resolve

_WHERE = "package.export"


def export_by_hook(function: str, estimator: Any, features: int) -> bytes:
    """Call the user's function and check what it gives.

    Args:
        function: `module:function`.
        estimator: fitted.
        features: columns of the matrix that it takes.

    Raises:
        SettingsError: there is no such function, it raises an error, or gives no valid ONNX model.
        InputError: the model has data in other files, or operators that load a library.
    """
    call = resolve(function)
    try:
        given = call(estimator, features)
    except Exception as error:
        raise SettingsError(f"{function} raised {type(error).__name__}: {error}", where=_WHERE) from error
    content = given.SerializeToString(deterministic=True) if isinstance(given, ModelProto) else given
    if not isinstance(content, bytes):
        raise SettingsError(
            f"{function} gave {type(given).__name__}; an onnx.ModelProto or its bytes are wanted", where=_WHERE
        )
    refuse_outside(content, _WHERE)
    try:
        checker.check_model(load_from_string(content))
    except Exception as error:
        raise SettingsError(f"{function} gave no valid ONNX model: {error}", where=_WHERE) from error
    return content
