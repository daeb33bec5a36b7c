"""How a part of `ci` looks on the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from modelway.cli.output import VERDICT_STYLES, Column, Styled, show, show_table
from modelway.escaping import printable, printable_lines
from modelway.records.checks import Severity
from modelway.records.verdict import Verdict

if TYPE_CHECKING:
    import argparse

    from modelway.cli.output import Output
    from modelway.records.checks import CheckResult, Finding, PartReport

_SHOWN = 20
"""Findings of one check that are printed; the reports hold all."""


def add_output_flag(parser: argparse.ArgumentParser, part: str) -> None:
    """Where the part leaves its reports."""
    default = Path("reports") / part
    parser.add_argument(
        "--output",
        "--output-dir",
        type=Path,
        default=default,
        metavar="DIR",
        help=f"where its reports go (default: {default})",
    )


def show_part(output: Output, report: PartReport, directory: Path) -> int:
    """Print what a part says, or its record; gives the command's exit code."""
    output.close()
    if not output.json:
        _show(report, directory)
    output.record({**report.model_dump(mode="json"), "output": str(directory)})
    return report.exit_code


def _show(report: PartReport, directory: Path) -> None:
    columns = (Column("check", no_wrap=True), Column("verdict"), Column("reason", ratio=1))
    rows = [(check.check, _word(check), check.reason) for check in report.checks]
    show_table(columns, rows, title=f"{report.part}: {report.verdict}")
    for check in report.checks:
        for finding in check.findings[:_SHOWN]:
            first, *more_lines = printable_lines(_line(finding))
            show(first, *(f"  | {line}" for line in more_lines))
        if (more := len(check.findings) - _SHOWN) > 0:
            show(f"... and {more} more of {check.check}")
    for what, name in report.reports.items():
        show(f"{what}: {directory / name}")


def _word(check: CheckResult) -> Styled:
    if check.severity is Severity.WARN and check.verdict is not Verdict.PASS:
        return Styled(f"{check.verdict} (warning)", "yellow")
    return Styled(check.verdict, VERDICT_STYLES[check.verdict])


def _line(finding: Finding) -> str:
    place = ":".join(str(part) for part in (finding.path, finding.line, finding.column) if part is not None)
    words = f"{finding.rule} {finding.message}"
    return f"{printable(place)}: {words}" if place else words
