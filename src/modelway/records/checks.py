"""What the parts of `ci` say: findings, checks, and the report of one part."""

from __future__ import annotations

from enum import StrEnum

from modelway.records.base import Record
from modelway.records.verdict import Verdict


class Severity(StrEnum):
    """What a check that fails does to its part."""

    WARN = "warn"
    """It is shown."""
    FAIL = "fail"
    """It fails the part."""


class Finding(Record):
    """One thing that a check found."""

    rule: str
    """The tool's own name of the rule, such as `F401`, `B602`, `PYSEC-2024-48`."""
    message: str
    path: str | None = None
    """The file, relative to the settings file's directory where it lies below it, with forward slashes."""
    line: int | None = None
    """From 1."""
    column: int | None = None
    """From 1."""


class CheckResult(Record):
    """What one check says."""

    check: str
    """The check's name, unique within its part, such as `lint`, `range.age`, `dependencies`."""
    verdict: Verdict
    reason: str
    """One sentence with the numbers that decided."""
    severity: Severity = Severity.FAIL
    findings: tuple[Finding, ...] = ()
    outside: bool = False
    """Whether an error comes from an outside system that could not be had, so that trying again may help."""


class PartReport(Record):
    """`checks.json`: what a part of `ci` says."""

    part: str
    """The command: check-code, check-data, test, audit, smoke-train."""
    verdict: Verdict
    exit_code: int
    checks: tuple[CheckResult, ...]
    reports: dict[str, str] = {}
    """The files beside this one that a person or a tool would open, by what they are, such as `data docs`."""
