"""Fitted estimators into ONNX; the only place that needs onnx. Written by hand: see docs/adr/0008."""

from __future__ import annotations

from modelway.bundle.export.estimators import export_estimator
from modelway.bundle.export.hook import export_by_hook

__all__ = ["export_by_hook", "export_estimator"]
