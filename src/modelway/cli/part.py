"""How a part of `ci` looks on the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from modelway.records.checks import Severity
from modelway.records.verdict import Verdict

if TYPE_CHECKING:
    import argparse

    from modelway.cli.output import Output
    from modelway.records.checks import CheckResult, Finding, PartReport

_STYLES = {Verdict.PASS: "green", Verdict.FAIL: "red", Verdict.ERROR: "red", Verdict.INCONCLUSIVE: "yellow"}
_SHOWN = 20
"""Findings of one check that are printed; the reports hold all."""


def add_output_flag(parser: argparse.ArgumentParser, part: str) -> None:
    """Where the part leaves its reports."""
    default = Path("reports") / part
    parser.add_argument(
        "--output", type=Path, default=default, metavar="DIR", help=f"where its reports go (default: {default})"
    )


def show_part(output: Output, report: PartReport, directory: Path) -> int:
    """Print what a part says, or its record; gives the command's exit code."""
    output.close()
    if not output.json:
        _show(output, report, directory)
    output.record({**report.model_dump(mode="json"), "output": str(directory)})
    return report.exit_code


def _show(output: Output, report: PartReport, directory: Path) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=f"{report.part}: {report.verdict}", title_justify="left")
    table.add_column("check", no_wrap=True)
    table.add_column("verdict")
    table.add_column("reason", ratio=1)
    for check in report.checks:
        table.add_row(escape(check.check), _word(check), escape(check.reason))
    output.console.print(table)
    for check in report.checks:
        for finding in check.findings[:_SHOWN]:
            print(_line(finding))
        if (more := len(check.findings) - _SHOWN) > 0:
            print(f"... and {more} more of {check.check}")
    for what, name in report.reports.items():
        print(f"{what}: {directory / name}")


def _word(check: CheckResult) -> str:
    if check.severity is Severity.WARN and check.verdict is not Verdict.PASS:
        return f"[yellow]{check.verdict} (warning)[/]"
    return f"[{_STYLES[check.verdict]}]{check.verdict}[/]"


def _line(finding: Finding) -> str:
    place = ":".join(str(part) for part in (finding.path, finding.line, finding.column) if part is not None)
    return f"{place}: {finding.rule} {finding.message}" if place else f"{finding.rule} {finding.message}"
