"""Options of `changed`."""

from __future__ import annotations

from modelway.records.base import Record


class ChangedOptions(Record):
    """Which files are code, data, settings and documents."""
