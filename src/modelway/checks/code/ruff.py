"""ruff, as linter and as formatter."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from modelway.checks.code.dialect import Dialect, Reading, finding, has_flag, matches, said

if TYPE_CHECKING:
    from pathlib import Path

    from modelway.checks.tools import ToolRun
    from modelway.records.checks import Finding

_UNFORMATTED = "unformatted"
_RULE = r"(?P<rule>[A-Za-z][A-Za-z0-9-]*)"
_CONCISE = re.compile(
    rf"^(?P<path>.+?):(?:cell \d+:)?(?P<line>\d+):(?P<column>\d+): {_RULE}:? (?:\[\*\] )?(?P<message>.+)$", re.MULTILINE
)
_FULL = re.compile(
    rf"^{_RULE}:? (?:\[\*\] )?(?P<message>.+)\n +--> (?P<path>.+?):(?:cell \d+:)?(?P<line>\d+):(?P<column>\d+)$",
    re.MULTILINE,
)
_WOULD_REFORMAT = re.compile(r"^Would reformat: (?P<path>.+)(?P<message>)$", re.MULTILINE)
_UNPARSED = re.compile(
    r"^error: Failed to parse (?P<path>.+?):(?P<line>\d+):(?P<column>\d+): (?P<message>.+)$", re.MULTILINE
)
_UNREAD = re.compile(r"^(?P<message>.+?: (?:io:|E902) .+|warning: Failed to lint .+)$", re.MULTILINE)
_EMPTY = "No Python files found"


def _flags(arguments: tuple[str, ...], _root: Path) -> tuple[str, ...]:
    """A check changes nothing, whatever `fix` in the project's own configuration says."""
    if arguments[:1] == ("format",):
        return () if has_flag(arguments, "--check", "--diff") else ("--check",)
    if arguments[:1] == ("check",):
        return () if has_flag(arguments, "--fix", "--no-fix", "--fix-only", "--diff") else ("--no-fix",)
    return ()


def _read(run: ToolRun, root: Path) -> Reading:
    findings = [finding(root, found) for pattern in (_CONCISE, _FULL) for found in matches(pattern, run.stdout)]
    findings += [
        finding(root, found, rule=_UNFORMATTED).model_copy(update={"message": "File would be reformatted"})
        for found in matches(_WOULD_REFORMAT, run.stdout)
    ]
    findings += [finding(root, found, rule="invalid-syntax") for found in matches(_UNPARSED, run.stderr)]
    return Reading(tuple(findings), _EMPTY in run.stderr, _broken(run, findings))


def _broken(run: ToolRun, findings: list[Finding]) -> str | None:
    """The words that tell what is wrong: they stand first or last, around an excerpt of a file or a usage."""
    unread = [found["message"] for found in matches(_UNREAD, run.stdout + run.stderr)]
    # The formatter ends with 2 also for code that it can't parse; then it names the place.
    unparsed = run.exit_code == 2 and any(one.rule == "invalid-syntax" for one in findings)
    if not unread and (run.exit_code in {0, 1} or unparsed):
        return None
    causes = [line.strip() for line in run.stderr.splitlines() if line.lstrip().startswith(("Cause:", "error:"))]
    return "; ".join(dict.fromkeys((unread or [*causes[:1], said(run)])[:2]))


RUFF = Dialect(
    "ruff",
    _read,
    _flags,
    # Unlike the flag, the variable is no usage error for the formatter of older versions, which knows one form alone.
    environment=lambda _root: {"RUFF_OUTPUT_FORMAT": "concise"},
    suffixes=(".py", ".pyi", ".ipynb"),
)
