"""What `doctor` finds."""

from __future__ import annotations

from enum import StrEnum

from modelway.errors import UsageError, combine_exit_codes
from modelway.records.base import Record


class State(StrEnum):
    """How something stands that a command would need."""

    OK = "ok"
    MISSING = "missing"
    FAILED = "failed"
    NOT_CHECKED = "not checked"


class Finding(Record):
    """What one check found."""

    check: str
    """What was looked at."""
    state: State
    detail: str
    """What was seen, in one line, without a secret."""
    remedy: str = ""
    """What to do; empty where there is nothing to do."""
    exit_code: int = 0
    """How a command would end that needs it; 0 also for what is missing and optional."""


class Diagnosis(Record):
    """All that was found."""

    findings: tuple[Finding, ...]

    @property
    def exit_code(self) -> int:
        """The first of the contract's order that any finding has; what is missing (2) comes after all of those."""
        codes = [one.exit_code for one in self.findings]
        return combine_exit_codes(codes) or (UsageError.exit_code if UsageError.exit_code in codes else 0)
