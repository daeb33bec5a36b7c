"""flake8."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from modelway.checks.code.dialect import TRACEBACK, Dialect, Reading, finding, has_flag, matches, said

if TYPE_CHECKING:
    from pathlib import Path

    from modelway.checks.tools import ToolRun

_FINDING = re.compile(
    r"^(?P<path>.+?):(?P<line>\d+):(?P<column>\d+): (?P<rule>[A-Z]+[0-9]+) (?P<message>.+)$", re.MULTILINE
)
_CRITICAL = "critical error during execution"
_UNREAD = "E902"


def _flags(arguments: tuple[str, ...], _root: Path) -> tuple[str, ...]:
    quiet = has_flag(arguments, "--format", "-q", "-qq", "--quiet")
    return () if quiet else ("--format=default",)


def _read(run: ToolRun, root: Path) -> Reading:
    findings = tuple(finding(root, found) for found in matches(_FINDING, run.stdout))
    crashed = TRACEBACK in run.stderr or _CRITICAL in run.stdout + run.stderr
    unread = next((one for one in findings if one.rule == _UNREAD), None)
    if unread is not None:
        return Reading(findings, broken=f"{unread.path} can't be read: {unread.message}")
    return Reading(findings, broken=said(run) if crashed or run.exit_code not in {0, 1} else None)


FLAKE8 = Dialect("flake8", _read, _flags)
