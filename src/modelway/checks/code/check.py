"""Runs a tool on the project's code and says what came of it."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

from modelway.checks.code.black import BLACK
from modelway.checks.code.dialect import Reading, said
from modelway.checks.code.flake8 import FLAKE8
from modelway.checks.code.mypy import MYPY
from modelway.checks.code.other import OTHER
from modelway.checks.code.pylint import PYLINT
from modelway.checks.code.ruff import RUFF
from modelway.checks.files import holds
from modelway.checks.tools import environment, tools_path
from modelway.checks.verdicts import not_configured
from modelway.records.checks import CheckResult
from modelway.records.verdict import Verdict

if TYPE_CHECKING:
    from pathlib import Path

    from modelway.checks.code.dialect import Dialect
    from modelway.checks.tools import ToolRun, Tools
    from modelway.records.check_code import ToolOptions

DIALECTS = {dialect.name: dialect for dialect in (RUFF, MYPY, BLACK, FLAKE8, PYLINT)}
_BROUGHT = ("ruff", "mypy")
"""Tools that come with `modelway[check-code]`."""
_RUNNERS = ("uv", "uvx", "poetry", "pdm", "pipenv", "pipx", "hatch")
"""Commands whose arguments may name the tool that they run."""
_NO_COLOUR = ("FORCE_COLOR", "CLICOLOR_FORCE", "PY_COLORS", "MYPY_FORCE_COLOR", "MYPY_FORCE_TERMINAL_WIDTH")
_NO_MODULE = re.compile(r"^\S+: No module named \S+$", re.MULTILINE)
_CODE = (".py", ".pyi", ".ipynb")


@dataclass(frozen=True)
class Checked:
    """A check's result, with the tool that it used and the tool's own words."""

    result: CheckResult
    tool: str
    log: str


def check_code(name: str, options: ToolOptions, root: Path, tools: Tools) -> Checked:
    """Run one tool in `root` and judge what it says.

    Args:
        name: the check's.
        options: the tool, and what its findings mean.
        root: the project's directory.
        tools: what runs it.
    """
    dialect, at = _recognise(options.command)
    command = _complete(options.command, at, dialect, root)
    surroundings = environment(_NO_COLOUR, NO_COLOR="1", PATH=tools_path(), **dialect.environment(root))
    run = tools.run(command, root, timeout=options.timeout, environment=surroundings)
    tool = dialect.name or PurePath(command[0]).name
    if run.problem is None and not holds(root, lambda name: name.endswith(_CODE)):
        nothing = not_configured(name, "the project has no Python file yet")
        return Checked(nothing, tool, _log(run, nothing.reason))
    verdict, reason, reading = _judge(dialect, tool, run, root, options.command[at + 1 :])
    result = CheckResult(
        check=name,
        verdict=verdict,
        reason=reason,
        severity=options.severity,
        findings=reading.findings,
    )
    return Checked(result, tool, _log(run, reason))


def _recognise(command: tuple[str, ...]) -> tuple[Dialect, int]:
    """The dialect of a command, and where in it the tool's name stands: `python -m black .` is black's."""
    words = [PurePath(word).name for word in command]
    indirect = words[0] in _RUNNERS or words[1:2] == ["-m"]
    for at, word in enumerate(words if indirect else words[:1]):
        if word in DIALECTS:
            return DIALECTS[word], at
    return OTHER, 0


def _complete(command: tuple[str, ...], at: int, dialect: Dialect, root: Path) -> tuple[str, ...]:
    """The command with what its tool needs to be told besides; what follows `--` are paths."""
    flags = dialect.flags(command[at + 1 :], root)
    end = command.index("--") if "--" in command else len(command)
    return (*command[:end], *flags, *command[end:])


def _judge(
    dialect: Dialect, tool: str, run: ToolRun, root: Path, arguments: tuple[str, ...]
) -> tuple[Verdict, str, Reading]:
    """What a run comes to: a tool that broke off, or that looked at nothing, passes nothing."""
    if run.problem is not None:
        return Verdict.ERROR, f"{run.problem}; {_remedy(tool)}" if run.missing else run.problem, Reading()
    reading = dialect.read(run, root)
    if reading.empty or (dialect.suffixes and run.exit_code == 0 and not _has_code(root, arguments, dialect.suffixes)):
        return Verdict.INCONCLUSIVE, f"{tool} found no Python file to check", reading
    ended = f"{tool} ended with exit code {run.exit_code}"
    if run.exit_code and not reading.findings and _NO_MODULE.search(run.stderr):
        return Verdict.ERROR, f"{ended}: {said(run)}; {_remedy(tool)}", reading
    if reading.broken is not None:
        return Verdict.ERROR, f"{ended}: {reading.broken}", reading
    if run.exit_code == 0:
        passed = ", which its settings let pass" if reading.findings else ""
        return Verdict.PASS, f"{tool}: {_count(reading)}{passed}", reading
    return Verdict.FAIL, f"{tool}: {_count(reading)}" if reading.findings else f"{ended}: {said(run)}", reading


def _count(reading: Reading) -> str:
    findings, files = len(reading.findings), len({finding.path for finding in reading.findings})
    if not findings:
        return "no findings"
    return f"{findings} finding{'s' * (findings > 1)} in {files} file{'s' * (files > 1)}"


def _remedy(tool: str) -> str:
    if tool in _BROUGHT:
        return "`pip install 'modelway[check-code]'` brings it"
    return "install it beside modelway, or name another tool in check_code"


def _has_code(root: Path, arguments: tuple[str, ...], suffixes: tuple[str, ...]) -> bool:
    """Whether a file to check lies where the arguments say, or anywhere if they name no place for sure.

    Some tools are content with nothing. A folder that follows an option may be a place or the option's value.
    """
    places = [word for word in arguments if (root / word).is_dir() or word.endswith(suffixes)]
    sure = any(
        word in places and not before.startswith("-") for before, word in zip(("", *arguments), arguments, strict=False)
    )
    searched = places if sure else [".", *places]
    return any(holds(root / place, lambda name: name.endswith(suffixes)) for place in searched)


def _log(run: ToolRun, reason: str) -> str:
    parts = [f"$ {shlex.join(run.command)}", run.stdout.rstrip(), run.stderr.rstrip(), reason]
    return "\n".join(part for part in parts if part) + "\n"
