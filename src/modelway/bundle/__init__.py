"""What a model is kept in: the directory that fit writes, and the bundle that is served.

`save_model` and `load_model` are for training; `pack_bundle` makes a bundle, and `open_bundle` is the one loader that
serving and batch share. Each is imported when it is asked for: a server has neither scikit-learn nor pyarrow nor onnx.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modelway.bundle.directory import load_model, model_digest, model_needs, save_model
    from modelway.bundle.model import Model
    from modelway.bundle.opening import Bundle, open_bundle
    from modelway.bundle.packing import pack_bundle
    from modelway.bundle.reference import write_reference
    from modelway.bundle.signature import write_signature
    from modelway.bundle.signing import public_key_text
    from modelway.bundle.verifying import bundle_digest, verify_bundle

__all__ = [
    "Bundle",
    "Model",
    "bundle_digest",
    "load_model",
    "model_digest",
    "model_needs",
    "open_bundle",
    "pack_bundle",
    "public_key_text",
    "save_model",
    "verify_bundle",
    "write_reference",
    "write_signature",
]

_MODULES = {
    "Bundle": "opening",
    "Model": "model",
    "bundle_digest": "verifying",
    "load_model": "directory",
    "model_digest": "directory",
    "model_needs": "directory",
    "open_bundle": "opening",
    "pack_bundle": "packing",
    "public_key_text": "signing",
    "save_model": "directory",
    "verify_bundle": "verifying",
    "write_reference": "reference",
    "write_signature": "signature",
}


def __getattr__(name: str) -> Any:
    """The function or class of this name, from its own module."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
