"""pylint."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from modelway.checks.code.dialect import TRACEBACK, Dialect, Reading, finding, has_flag, matches, said

if TYPE_CHECKING:
    from pathlib import Path

    from modelway.checks.tools import ToolRun

_FINDING = re.compile(
    r"^(?P<path>[^:\n]+):(?P<line>\d+):(?P<column>\d+): (?P<rule>[A-Z]\d{4}): (?P<message>.+)$", re.MULTILINE
)
_TEMPLATE = "{path}:{line}:{column}: {msg_id}: {msg} ({symbol})"
_FATAL, _USAGE = 1, 32
"""Bits of its exit code; the others count findings by kind."""


def _flags(arguments: tuple[str, ...], _root: Path) -> tuple[str, ...]:
    if has_flag(arguments, "--output-format", "-f", "--msg-template"):
        return ()
    return ("--output-format=text", f"--msg-template={_TEMPLATE}")


def _read(run: ToolRun, root: Path) -> Reading:
    findings = tuple(finding(root, found, base=0) for found in matches(_FINDING, run.stdout))
    fatal = next((one for one in findings if one.rule.startswith("F")), None)
    if fatal is not None:
        return Reading(findings, broken=fatal.message)
    broken = (run.exit_code or 0) & (_FATAL | _USAGE) or (run.exit_code and not findings and TRACEBACK in run.stderr)
    return Reading(findings, broken=said(run) if broken else None)


PYLINT = Dialect("pylint", _read, _flags)
