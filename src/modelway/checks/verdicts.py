"""What the checks of one part come to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelway.errors import GateError, InconclusiveError, InputError, OutsideError
from modelway.escaping import printable
from modelway.records.checks import CheckResult, PartReport, Severity
from modelway.records.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

SEVERITY = (1, InputError.exit_code, GateError.exit_code, OutsideError.exit_code, InconclusiveError.exit_code)
"""Exit codes from the worst on. A check that failed is known whatever the outside does, so 4 comes before 6."""

_WORST_FIRST = (Verdict.FAIL, Verdict.ERROR, Verdict.INCONCLUSIVE, Verdict.PASS)


def exit_code_of(check: CheckResult) -> int:
    """How a part ends that has this check alone."""
    if check.severity is Severity.WARN or check.verdict is Verdict.PASS:
        return 0
    if check.verdict is Verdict.INCONCLUSIVE:
        return InconclusiveError.exit_code
    return OutsideError.exit_code if check.outside else GateError.exit_code


def combine(codes: Iterable[int]) -> int:
    """The exit code of checks, or of parts, that end with `codes`; what is not in `SEVERITY` counts as a bug."""
    found = {code if code in (0, *SEVERITY) else 1 for code in codes}
    return next((code for code in SEVERITY if code in found), 0)


def not_configured(check: str, what: str) -> CheckResult:
    """A check that has nothing to look at yet: not a pass, but no reason to fail its part either.

    Args:
        check: its name.
        what: what is missing, and how to add it.
    """
    return CheckResult(
        check=check, verdict=Verdict.INCONCLUSIVE, severity=Severity.WARN, reason=f"not configured: {what}"
    )


def in_short(checks: Sequence[CheckResult]) -> str:
    """The checks that decided; else how many passed, or why none could."""
    bad = [check for check in checks if check.verdict is not Verdict.PASS]
    judging = [check for check in bad if check.severity is Severity.FAIL]
    if judging:
        also = ", ".join(check.check for check in judging[1:])
        return printable(f"{judging[0].check}: {judging[0].reason}{f'; also {also}' if also else ''}")
    if bad and len(bad) == len(checks):
        return printable(bad[0].reason)
    warnings = printable(f", {len(bad)} warned: {bad[0].reason}") if bad else ""
    return f"{len(checks) - len(bad)} checks passed{warnings}"


def conclude(part: str, checks: Iterable[CheckResult], reports: Mapping[str, str]) -> PartReport:
    """The report of a part.

    Args:
        part: the command.
        checks: what its checks say; a part without any checked nothing, which is an error.
        reports: the files that it leaves, by what they are.
    """
    said = tuple(checks) or (CheckResult(check=part, verdict=Verdict.ERROR, reason="nothing was checked"),)
    judging = [check.verdict for check in said if check.severity is Severity.FAIL]
    verdict = next((one for one in _WORST_FIRST if one in judging), Verdict.PASS)
    code = combine(exit_code_of(check) for check in said)
    return PartReport(part=part, verdict=verdict, exit_code=code, checks=said, reports=dict(reports))
