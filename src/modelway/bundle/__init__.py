"""The model directory: written by fit, loaded in one way by evaluation, serving and batch."""

from __future__ import annotations

from modelway.bundle.directory import load_model, model_digest, save_model
from modelway.bundle.model import Model

__all__ = ["Model", "load_model", "model_digest", "save_model"]
