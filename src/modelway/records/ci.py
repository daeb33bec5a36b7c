"""Records of `ci`."""

from __future__ import annotations

from modelway.records.base import Record
from modelway.records.verdict import Verdict


class PartOutcome(Record):
    """How one part of `ci` ended."""

    verdict: Verdict
    exit_code: int
    """Its own; -N where signal N killed it."""
    seconds: float
    """Wall time."""
    reason: str
    """What failed, or what it said last where it left no report."""
    report: str | None = None
    """Its directory below that of `ci`; absent where it left none."""
    log: str
    """The file below that of `ci` with all it printed."""


class CiSummary(Record):
    """`summary.json` of `ci`: how each part ended, and all of them together."""

    exit_code: int
    parts: dict[str, PartOutcome]
    """Those that ran, by name."""
    not_run: dict[str, str] = {}
    """Why the others did not run."""
