"""A smoke test as JUnit's XML."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelway.checks.junit import render_junit
from modelway.records.checks import CheckResult, PartReport

if TYPE_CHECKING:
    from pathlib import Path

    from modelway.records.smoke import SmokeReport


def write_smoke_junit(report: SmokeReport, exit_code: int, path: Path) -> None:
    """Write the file beside its place and rename it."""
    from modelway.storage import write_bytes

    checks = tuple(CheckResult(check=one.name, verdict=one.verdict, reason=one.detail) for one in report.checks)
    part = PartReport(part="smoke", verdict=report.verdict, exit_code=exit_code, checks=checks)
    write_bytes(str(path), render_junit(part).encode())
