"""Fitted estimators into ONNX; the only place that needs onnx. Written by hand: see docs/adr/0008."""

from __future__ import annotations

from modelway.bundle.export.estimators import export_estimator

__all__ = ["export_estimator"]
