"""black."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from modelway.checks.code.dialect import Dialect, Reading, finding, has_flag, matches, said

if TYPE_CHECKING:
    from pathlib import Path

    from modelway.checks.tools import ToolRun

_FINDING = re.compile(r"^would (?P<message>reformat) (?P<path>.+)$", re.MULTILINE)
_UNPARSED = re.compile(r"^error: (?P<message>cannot parse): (?P<path>.+?):(?P<line>\d+):(?P<column>\d+)$", re.MULTILINE)
_UNFORMATTED = re.compile(
    r"^error: cannot format (?P<path>.+?): (?P<message>(?:Cannot parse.*?: (?P<line>\d+):(?P<column>\d+)|.+).*)$",
    re.MULTILINE,
)
_EMPTY = "No Python files are present"
_CANNOT_FORMAT = 123


def _flags(arguments: tuple[str, ...], _root: Path) -> tuple[str, ...]:
    """A check changes nothing."""
    return () if has_flag(arguments, "--check", "--diff") else ("--check",)


def _read(run: ToolRun, root: Path) -> Reading:
    findings = [
        finding(root, found, rule="unformatted").model_copy(update={"message": "the file would be reformatted"})
        for found in matches(_FINDING, run.stderr)
    ]
    # Columns count from 0 here.
    unparsed = [
        finding(root, found, rule="invalid-syntax", base=0)
        for pattern in (_UNPARSED, _UNFORMATTED)
        for found in matches(pattern, run.stderr)
    ]
    worked = run.exit_code in {0, 1} or (run.exit_code == _CANNOT_FORMAT and bool(unparsed))
    return Reading((*findings, *unparsed), _EMPTY in run.stderr, None if worked else said(run))


BLACK = Dialect("black", _read, _flags)
