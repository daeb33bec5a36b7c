"""A tool that we know nothing of: what ends with 0 is content; `path:line: message` is a finding."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import TYPE_CHECKING

from modelway.checks.code.dialect import TRACEBACK, Dialect, Reading, finding, matches, said

if TYPE_CHECKING:
    from pathlib import Path

    from modelway.checks.tools import ToolRun

_FINDING = re.compile(r"^(?P<path>[^\s:][^:\n]*):(?P<line>\d+)(?::(?P<column>\d+))?:? (?P<message>\S.*)$", re.MULTILINE)
_SHELL_ERRORS = {126, 127}
"""What a shell, `env` and the like say where they can't run what they were told to."""


def read(run: ToolRun, root: Path) -> Reading:
    """What a run of any tool says; a path that does not exist is no path, so that a time of day makes no finding."""
    findings = tuple(
        finding(root, found, rule=PurePath(run.command[0]).name)
        for stream in (run.stdout, run.stderr)
        for found in matches(_FINDING, stream)
        if (root / found["path"]).exists()
    )
    crashed = run.exit_code in _SHELL_ERRORS or (run.exit_code != 0 and not findings and TRACEBACK in run.stderr)
    return Reading(findings, broken=said(run) if crashed else None)


OTHER = Dialect("", read, suffixes=())
