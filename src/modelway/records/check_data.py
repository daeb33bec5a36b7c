"""Options of `check-data`."""

from __future__ import annotations

from modelway.records.base import Record


class CheckDataOptions(Record):
    """What a data set must be like."""
