"""Options of `smoke-train`."""

from __future__ import annotations

from modelway.records.base import Record


class SmokeTrainOptions(Record):
    """How small a training must do."""
