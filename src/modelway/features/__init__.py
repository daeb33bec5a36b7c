"""Columns in, matrix out: fitted once into a JSON spec, applied everywhere by numpy and Arrow alone."""

from __future__ import annotations

from modelway.features.applying import apply_features
from modelway.features.fitting import fit_features
from modelway.features.functions import resolve
from modelway.features.inputs import check_inputs
from modelway.features.layout import source_columns

__all__ = ["apply_features", "check_inputs", "fit_features", "resolve", "source_columns"]
