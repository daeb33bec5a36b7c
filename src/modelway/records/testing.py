"""Options of `test`."""

from __future__ import annotations

from modelway.records.base import Record


class TestOptions(Record):
    """How the user's tests are run."""
