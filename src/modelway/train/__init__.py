"""Estimators, their epochs and mini-batches, and the hyperparameter search."""

from __future__ import annotations

from modelway.train.fitting import Fitted, fit_model

__all__ = ["Fitted", "fit_model"]
