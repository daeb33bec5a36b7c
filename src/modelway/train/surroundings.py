"""What besides data and settings decides a model's bits."""

from __future__ import annotations

import platform
from importlib import metadata

from threadpoolctl import threadpool_info  # type: ignore[import-untyped,unused-ignore]

_LIBRARIES = ("numpy", "pyarrow", "scikit-learn", "scipy", "lightgbm", "optuna", "skops")


def kernels() -> dict[str, str]:
    """The kernel that each loaded linear algebra library chose for this CPU, by the library's name."""
    found = {
        str(library["prefix"]): str(library["architecture"])
        for library in threadpool_info()
        if "architecture" in library
    }
    return {"machine": platform.machine(), **dict(sorted(found.items()))}


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that compute the model."""
    return {"python": platform.python_version(), **{name: metadata.version(name) for name in _LIBRARIES}}
