"""Format, lint and types of the project's code, side by side."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TYPE_CHECKING

from modelway.artifacts import write_artifact
from modelway.checks.code.check import check_code as check
from modelway.checks.sarif import render_sarif
from modelway.checks.tools import Tools
from modelway.escaping import log_text
from modelway.pipeline.part import leave_report
from modelway.records.progress import Progress, silent

if TYPE_CHECKING:
    from pathlib import Path

    from modelway.checks.code.check import Checked
    from modelway.records.check_code import CheckCodeOptions
    from modelway.records.checks import PartReport

PART = "check-code"
SARIF = "findings.sarif"


def check_code(options: CheckCodeOptions, root: Path, output: Path, *, progress: Progress = silent) -> PartReport:
    """Run the tools of the settings on the project, and leave what they say.

    Args:
        options: the settings' `check_code` section.
        root: the directory of the settings file, where the tools run.
        output: where the artifact directory goes.
        progress: told after each tool.
    """
    with write_artifact(output, PART) as directory:
        checked = _run(options, root, progress)
        logs = {}
        for one in checked:
            name = logs[one.result.check] = f"{one.result.check}.txt"
            (directory / name).write_text(log_text(one.log), encoding="utf-8")
        sarif = render_sarif(PART, [(one.result, one.tool) for one in checked])
        (directory / SARIF).write_text(sarif, encoding="utf-8")
        return leave_report(directory, PART, [one.result for one in checked], {"sarif": SARIF, **logs})


def _run(options: CheckCodeOptions, root: Path, progress: Progress) -> list[Checked]:
    """What each tool says, in the order of the settings."""
    wanted = options.tools()
    # The tools' block ends first: it stops what still runs, so that an interrupt does not wait for the threads.
    with ThreadPoolExecutor(max_workers=max(len(wanted), 1)) as pool, Tools() as tools:
        futures = {pool.submit(check, name, tool, root, tools): name for name, tool in wanted.items()}
        for done, future in enumerate(as_completed(futures), start=1):
            progress(PART, done, len(futures), futures[future])
        return [future.result() for future in futures]
