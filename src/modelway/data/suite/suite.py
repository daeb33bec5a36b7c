"""The whole of it: options and files in, results out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelway.data.suite.engine import Scan, Scanned
from modelway.data.suite.failures import Failures
from modelway.data.suite.plan import Plan, Planned
from modelway.data.suite.planner import Planner
from modelway.data.suite.survey import find_kinds, survey
from modelway.records.checks import Severity
from modelway.records.data_docs import DataCheck, DataChecks, FailedRow
from modelway.records.progress import Progress, silent
from modelway.records.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from modelway.data.suite.great_expectations import Unsupported
    from modelway.records.check_data import CheckDataOptions
    from modelway.records.data import DataOptions
    from modelway.records.data_docs import DataProfile
    from modelway.records.suite import Check

_WORST_FIRST = (Verdict.FAIL, Verdict.ERROR, Verdict.INCONCLUSIVE, Verdict.PASS)


@dataclass(frozen=True)
class Checked:
    """What was found, and the rows that broke a check."""

    result: DataChecks
    failures: Failures


def check_data_set(
    options: CheckDataOptions,
    source: DataOptions,
    files: Sequence[tuple[str, Path]],
    suites: Mapping[str, Sequence[Check | Unsupported]],
    baseline: DataProfile | None,
    now: datetime,
    progress: Progress = silent,
) -> Checked:
    """Check files against a suite.

    Args:
        options: what must hold.
        source: how the data set is written.
        files: name in messages and local path of each file.
        suites: further checks by the name of the suite that they are from.
        baseline: the profile that `baseline` checks compare with.
        now: what freshness is judged by; aware of its zone.
        progress: told after each piece.

    Raises:
        InputError: a file is missing, torn or empty, no file has a row, or a check names a column that neither
            settings nor data have.
        OutsideError: the file system fails.
        SettingsError: a check names a column that the settings don't know, or can't be asked of its column.
    """
    found = survey(files, source)
    kinds = find_kinds(found, source, options.columns)
    plan = Plan()
    planner = Planner(plan, kinds, options.columns, options.ignore or (), has_baseline=baseline is not None)
    planner.add_columns(order=options.order)
    planner.add_own(options.checks)
    for name, suite in suites.items():
        planner.add_suite(suite, name)
    looking = sum(check.probe is not None or check.key is not None for check in plan.checks)
    failures = Failures(options.failed_rows, options.samples, looking)
    scan = Scan(found, source, kinds, plan.narrow(kinds) if options.profile == "checked" else kinds, plan, failures)
    scanned = scan.run(now, baseline, progress)
    checks = _conclude(plan, scan, scanned)
    judging = [check.verdict for check in checks if check.severity is Severity.FAIL]
    return Checked(
        DataChecks(
            uri=source.uri,
            checked_at=now.isoformat(),
            verdict=next((one for one in _WORST_FIRST if one in judging), Verdict.PASS),
            files=scanned.files,
            profile=scanned.facts.profile,
            baseline=options.baseline,
            checks=tuple(checks),
            failed_rows=failures.rows,
            failed_rows_found=sum(check.failing or 0 for check in checks),
        ),
        failures,
    )


def _conclude(plan: Plan, scan: Scan, scanned: Scanned) -> list[DataCheck]:
    concluded = []
    for check in plan.checks:
        outcome = check.judge(scanned.facts)
        if check.quiet and outcome.verdict is not Verdict.FAIL:
            continue
        examples = outcome.examples
        if check.key is not None and outcome.failing:
            examples = _fetch(check, scan, scanned)
        concluded.append(
            DataCheck(
                name=check.name,
                check=check.kind,
                columns=check.columns,
                source=check.source,
                severity=check.severity,
                verdict=outcome.verdict,
                expected=check.expected,
                reason=outcome.reason,
                observed=outcome.observed,
                rows=outcome.rows,
                failing=outcome.failing,
                examples=examples,
            )
        )
    return concluded


def _fetch(check: Planned, scan: Scan, scanned: Scanned) -> tuple[FailedRow, ...]:
    """The rows whose keys repeat, read for the table and as examples."""
    assert check.key is not None  # noqa: S101 - the caller asks
    wanted = scanned.facts.keys[check.key].examples
    examples: list[FailedRow] = []
    seen = 0
    for batch in scan.read(None, wanted):
        numbers = [row - batch.start for row in wanted[batch.file.name]]
        at = [row for row in numbers if 0 <= row < len(batch.frame)]
        if at:
            examples += scanned.failures.examples(batch, at, check.key.columns, seen)
            scanned.failures.keep(check.name, batch, at, seen)
            seen += len(at)
    return tuple(examples)
