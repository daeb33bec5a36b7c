"""Options of `check-code`."""

from __future__ import annotations

from modelway.records.base import Record


class CheckCodeOptions(Record):
    """Which tools look at the code."""
