"""The `check-data` part of `ci`: a data set against what it must be like."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelway.artifacts import check_replaceable, digest_of, write_artifact
from modelway.data.prepare import locate_files
from modelway.data.suite.baseline import read_baseline
from modelway.data.suite.great_expectations import read_expectations
from modelway.data.suite.suggest import keep_passing, suggest_suite
from modelway.data.suite.suite import Checked, check_data_set
from modelway.errors import SettingsError
from modelway.pipeline.part import leave_report
from modelway.pipeline.prepare import cache_of
from modelway.records.checks import CheckResult, Finding
from modelway.records.data import S3Options
from modelway.records.progress import Progress, silent
from modelway.records.verdict import Verdict
from modelway.report.data_docs import render_data_docs

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from modelway.records.check_data import CheckDataOptions
    from modelway.records.checks import PartReport
    from modelway.records.data import DataOptions, PrepareOptions
    from modelway.records.data_docs import DataCheck

PART = "check-data"
CHECKS = "data_checks.json"
PROFILE = "profile.json"
FAILED_ROWS = "failed_rows.parquet"
DATA_DOCS = "data-docs/index.html"
_FINDINGS = 5
"""Rows of a check that stand in `checks.json`; `data_checks.json` has more."""


def check_data(
    options: CheckDataOptions,
    prepare: PrepareOptions | None,
    root: Path,
    output: Path,
    now: datetime,
    progress: Progress = silent,
) -> PartReport:
    """Check a data set and leave what was found.

    Args:
        options: the settings' `check_data` section.
        prepare: their `prepare` section, for what the other leaves out.
        root: the directory of the settings file; relative addresses begin there.
        output: where the artifact directory goes.
        now: what freshness is judged by; aware of its zone.
        progress: told after each piece of the data.

    Raises:
        InputError: the data, the baseline or a suite is missing or torn, there is no row, or a check names a column
            that neither settings nor data have.
        OutsideError: S3 or the file system fails.
        SettingsError: there is nothing to check, or a check can't be asked.
        UsageError: `output` holds something else than an artifact, or there are no credentials for S3.
    """
    check_replaceable(output)
    complete = with_defaults(options, prepare)
    checked = _check(complete, root, now, progress)
    result = checked.result
    with write_artifact(output, PART, {"data": digest_of({file.name: file.sha256 for file in result.files})}) as place:
        (place / CHECKS).write_text(result.to_json(), encoding="utf-8")
        (place / PROFILE).write_text(result.profile.to_json(), encoding="utf-8")
        checked.failures.write(place / FAILED_ROWS)
        (place / DATA_DOCS).parent.mkdir()
        (place / DATA_DOCS).write_text(render_data_docs(result), encoding="utf-8")
        reports = {"data docs": DATA_DOCS, "data checks": CHECKS, "profile": PROFILE, "failed rows": FAILED_ROWS}
        return leave_report(place, PART, map(_as_result, result.checks), reports)


def suggest(
    options: CheckDataOptions,
    prepare: PrepareOptions | None,
    root: Path,
    now: datetime,
    progress: Progress = silent,
) -> tuple[CheckDataOptions, int]:
    """Propose a suite that a data set fulfils; the data set is read twice.

    Args:
        options: where the data set is and what is declared of its columns; the checks don't matter.
        prepare: as for `check_data`.
        root: as there.
        now: as there.
        progress: as there.

    Returns:
        The suite and the number of rows that it comes from.

    Raises:
        InputError, OutsideError, SettingsError, UsageError: as there.
    """
    complete = with_defaults(options, prepare)
    declared = complete.columns
    bare = {"checks": (), "expectations": (), "baseline": None, "failed_rows": 0, "samples": 0, "profile": "all"}
    complete = complete.model_copy(update=bare)
    seen = _check(complete, root, now, progress).result
    proposed = suggest_suite(seen, declared)
    again = _check(proposed.model_copy(update={"data": complete.data, "s3": complete.s3}), root, now, progress).result
    return keep_passing(proposed, again), seen.profile.rows


def with_defaults(options: CheckDataOptions, prepare: PrepareOptions | None) -> CheckDataOptions:
    """The options with what they leave out taken from `prepare`; raises `SettingsError` where no data are named."""
    data = options.data or (prepare.data if prepare else None)
    if data is None:
        raise SettingsError(
            "there is no data set to check", where="check_data.data", remedy="Set it, or name one with --data."
        )
    update: dict[str, object] = {"data": data, "s3": options.s3 or (prepare.s3 if prepare else S3Options())}
    if options.columns is None and prepare is not None:
        update["columns"] = prepare.columns
    if options.ignore is None:
        update["ignore"] = prepare.ignore if prepare is not None and options.columns is None else ()
    return options.model_copy(update=update)


def _check(options: CheckDataOptions, root: Path, now: datetime, progress: Progress) -> Checked:
    source = _present(options.data)
    baseline = read_baseline(root / options.baseline) if options.baseline is not None else None
    suites = {path: read_expectations(root / path) for path in options.expectations}
    files = locate_files(source, options.s3 or S3Options(), root, cache_of(root), progress)
    return check_data_set(options, source, files, suites, baseline, now, progress)


def _present(data: DataOptions | None) -> DataOptions:
    assert data is not None  # noqa: S101 - `with_defaults` sees to it
    return data


def _as_result(check: DataCheck) -> CheckResult:
    reason = check.reason if check.verdict is Verdict.PASS else f"{check.expected}: {check.reason}"
    findings = tuple(
        Finding(
            rule=check.name,
            message=f"row {row.row} of {row.file}: "
            + ", ".join(f"{name} = {'nothing' if value is None else value}" for name, value in row.values.items()),
        )
        for row in check.examples[:_FINDINGS]
        if check.verdict is not Verdict.PASS
    )
    return CheckResult(
        check=check.name, verdict=check.verdict, reason=reason, severity=check.severity, findings=findings
    )
