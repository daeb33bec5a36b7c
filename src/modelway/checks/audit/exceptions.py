"""The exceptions of the settings: findings that somebody looked at and accepts until a date."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelway.checks.audit.outcome import count
from modelway.checks.audit.paths import matches
from modelway.checks.verdicts import not_configured
from modelway.records.checks import CheckResult, Finding, Severity
from modelway.records.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from modelway.checks.audit.outcome import Observation, Outcome
    from modelway.records.audit import AuditException

CHECK = "exceptions"


def judge(outcomes: Iterable[Outcome], exceptions: Iterable[AuditException], today: date) -> list[CheckResult]:
    """The verdict of each check, less what is accepted, and those of the exceptions themselves.

    Args:
        outcomes: what the checks found.
        exceptions: those of the settings.
        today: an exception holds up to and including the day on which it expires.
    """
    known = tuple(exceptions)
    holding = [exception for exception in known if today <= exception.expires]
    used: dict[AuditException, list[Observation]] = {exception: [] for exception in known}
    results = []
    whole = True
    for outcome in outcomes:
        remaining = []
        for observation in outcome.observations:
            exception = next((one for one in holding if _covers(one, observation)), None)
            if exception:
                used[exception].append(observation)
            else:
                remaining.append(observation)
        results.append(_verdict(outcome, remaining))
        whole = whole and (outcome.error is None or not outcome.configured)
    if known:
        results.append(_of_exceptions(used, today))
    # A check that broke off has not shown that an exception is good for nothing.
    unused = [exception for exception in holding if not used[exception]]
    if unused and whole:
        results.append(_of_unused(unused))
    return results


def _covers(exception: AuditException, observation: Observation) -> bool:
    names = {name.lower() for name in (observation.finding.rule, *observation.names)}
    if exception.id.lower() not in names:
        return False
    if exception.package is not None and _normalized(exception.package) != observation.package:
        return False
    return exception.path is None or matches(observation.finding.path or "", (exception.path,))


def _normalized(name: str) -> str:
    from packaging.utils import canonicalize_name

    return canonicalize_name(name)


def _verdict(outcome: Outcome, observations: list[Observation]) -> CheckResult:
    if not outcome.configured:
        return not_configured(outcome.check, outcome.error or "")
    failing = [observation for observation in observations if not observation.undecided]
    undecided = len(observations) - len(failing)
    verdict = Verdict.FAIL if failing else Verdict.ERROR if undecided or outcome.error else Verdict.PASS
    parts = [count(len(failing), "finding")] if failing else []
    parts += [f"{undecided} could not be judged"] if undecided else []
    parts += [outcome.error] if outcome.error else []
    parts += [outcome.looked_at] if outcome.looked_at else []
    return CheckResult(
        check=outcome.check,
        verdict=verdict,
        reason="; ".join(parts),
        severity=outcome.severity,
        findings=tuple(observation.finding for observation in observations),
        outside=outcome.outside and verdict is Verdict.ERROR,
    )


def _of_exceptions(used: dict[AuditException, list[Observation]], today: date) -> CheckResult:
    expired = [exception for exception in used if exception.expires < today]
    accepted = [(exception, seen) for exception, found in used.items() for seen in found]
    findings = [
        _finding(exception, f"expired on {exception.expires}; it was accepted because: {exception.reason}")
        for exception in expired
    ] + [_accepted(exception, seen) for exception, seen in accepted]
    parts = [f"{count(len(expired), 'exception')} expired"] if expired else []
    parts.append(f"{count(len(accepted), 'finding')} accepted by {count(len(used), 'exception')}")
    return CheckResult(
        check=CHECK,
        verdict=Verdict.FAIL if expired else Verdict.PASS,
        reason="; ".join(parts),
        findings=tuple(findings),
    )


def _of_unused(unused: list[AuditException]) -> CheckResult:
    return CheckResult(
        check=f"{CHECK}.unused",
        verdict=Verdict.FAIL,
        reason=f"{count(len(unused), 'exception')} of the settings accepted nothing: take it out",
        severity=Severity.WARN,
        findings=tuple(_finding(exception, f"nothing to accept; reason: {exception.reason}") for exception in unused),
    )


def _finding(exception: AuditException, message: str) -> Finding:
    package = f" of {exception.package}" if exception.package else ""
    return Finding(rule=f"{exception.id}{package}", message=message, path=exception.path)


def _accepted(exception: AuditException, seen: Observation) -> Finding:
    message = f"accepted until {exception.expires}: {seen.finding.message} ({exception.reason})"
    return seen.finding.model_copy(update={"message": message})
