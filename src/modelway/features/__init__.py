"""Columns in, matrix out: fitted once into a JSON spec, applied everywhere by one implementation on numpy.

Arrow comes in at the edge alone, where tables are: a server has none, and no pyarrow either.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from modelway.features.applying import Transformer
from modelway.features.columns import ValueBatch
from modelway.features.functions import resolve
from modelway.features.layout import source_columns

if TYPE_CHECKING:
    from modelway.features.arrow import apply_features
    from modelway.features.fitting import fit_features
    from modelway.features.inputs import check_inputs

__all__ = [
    "Transformer",
    "ValueBatch",
    "apply_features",
    "check_inputs",
    "fit_features",
    "resolve",
    "source_columns",
]

_NEED_ARROW = {"apply_features": "arrow", "check_inputs": "inputs", "fit_features": "fitting"}


def __getattr__(name: str) -> Any:
    """What works on tables is imported when it is asked for."""
    if name not in _NEED_ARROW:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_NEED_ARROW[name]}"), name)
