"""What one check of the audit found out, before the exceptions of the settings are applied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelway.records.checks import Severity

if TYPE_CHECKING:
    from modelway.records.checks import Finding


class AuditFaultError(Exception):
    """A check could not find out what it was asked.

    Args:
        reason: what went wrong, and what to do about it.
        outside: whether an outside system is at fault, so that trying again may help.
    """

    def __init__(self, reason: str, *, outside: bool = False) -> None:
        self.reason = reason
        self.outside = outside
        super().__init__(reason)


class NotConfiguredError(AuditFaultError):
    """A check has nothing to look at in this project yet."""


@dataclass(frozen=True)
class Observation:
    """A finding, with what an exception may name it by.

    Attributes:
        finding: what is shown.
        names: further names of the rule, such as a CVE.
        package: the normalized name of the package concerned.
        undecided: whether nothing could be found out, which is no pass, but no failure either.
    """

    finding: Finding
    names: tuple[str, ...] = ()
    package: str | None = None
    undecided: bool = False


@dataclass(frozen=True)
class Outcome:
    """What one check found out.

    Attributes:
        check: its name.
        looked_at: what it has seen, with numbers.
        observations: what it found.
        error: why it could not find out what it was asked; what it found nevertheless still counts.
        outside: whether the error is an outside system's.
        severity: what a failure does to the audit.
        configured: false where there is nothing to look at yet; `error` says what is missing.
    """

    check: str
    looked_at: str
    observations: tuple[Observation, ...] = ()
    error: str | None = None
    outside: bool = False
    severity: Severity = Severity.FAIL
    configured: bool = True


def count(number: int, noun: str) -> str:
    """A number of things in words: `1 file`, `2 files`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
