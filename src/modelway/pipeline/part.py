"""What every part of `ci` leaves: `checks.json` and `junit.xml` beside its own reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelway.checks.junit import render_junit
from modelway.checks.verdicts import conclude

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from modelway.records.checks import CheckResult, PartReport

CHECKS = "checks.json"
JUNIT = "junit.xml"


def leave_report(directory: Path, part: str, checks: Iterable[CheckResult], reports: Mapping[str, str]) -> PartReport:
    """Judge a part and write what it says into its directory.

    Args:
        directory: where the part's own reports already are.
        part: the command.
        checks: what its checks say.
        reports: the files in the directory that a person or a tool would open, by what they are.
    """
    report = conclude(part, checks, {"checks": CHECKS, "junit": JUNIT, **reports})
    (directory / CHECKS).write_text(report.to_json(), encoding="utf-8")
    (directory / JUNIT).write_text(render_junit(report), encoding="utf-8")
    return report
