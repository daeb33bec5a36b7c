"""Parts that do as a test says, and a little project that passes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

REPORTING = """
import sys
from pathlib import Path
from modelway.artifacts import write_artifact
from modelway.pipeline.part import leave_report
from modelway.records.checks import CheckResult, Severity
from modelway.records.verdict import Verdict
output = Path(sys.argv[sys.argv.index("--output") + 1])
with write_artifact(output, "planted") as directory:
    checks = [CheckResult(check=f"check{{at}}", verdict=Verdict(word), reason="it is planted", outside={outside})
              for at, word in enumerate({verdicts!r})]
    report = leave_report(directory, "planted", checks, {{}})
print("reports:", output)
{after}
sys.exit(report.exit_code)
"""


@pytest.fixture
def reporting() -> Callable[..., list[str]]:
    """The command of a part that leaves a report with these verdicts, and then does something more."""

    def command(*verdicts: str, outside: bool = False, after: str = "") -> list[str]:
        return [sys.executable, "-c", REPORTING.format(verdicts=verdicts, outside=outside, after=after)]

    return command


@pytest.fixture
def planted() -> Callable[[str], list[str]]:
    """The command of a part that runs this code and leaves no report."""
    return lambda code: [sys.executable, "-c", code]
