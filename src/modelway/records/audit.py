"""Options of `audit`."""

from __future__ import annotations

from modelway.records.base import Record


class AuditOptions(Record):
    """What is audited, and which exceptions hold."""
