"""mypy."""

from __future__ import annotations

import configparser
import os
import re
from typing import TYPE_CHECKING, Any

from modelway.checks.code.dialect import Dialect, Reading, finding, has_flag, matches, said
from modelway.parsing import parse_toml

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from modelway.checks.tools import ToolRun

_FINDING = re.compile(
    r"^(?!mypy: )(?P<path>.+?):(?:(?P<line>\d+):)?(?:(?P<column>\d+):)?(?:\d+:\d+:)? error: "
    r"(?P<message>.+?)(?:  \[(?P<rule>[a-z0-9-]+)\])?$",
    re.MULTILINE,
)
_BAD_CONFIGURATION = re.compile(r"^(?P<message>.+?: \[mypy.*?\]: .+)$", re.MULTILINE)
_EMPTY = "There are no .py[i] files in directory"
_READABLE = ("--no-pretty", "--show-column-numbers", "--show-error-codes", "--no-color-output", "--hide-error-context")
_UNCONFIGURED = ("--explicit-package-bases", "--namespace-packages", "--ignore-missing-imports")
"""For a project that never thought of mypy: test folders have files of one name, libraries have no types."""
_TARGET_FLAGS = ("-m", "--module", "-p", "--package", "-c", "--command")
_TARGET_KEYS = ("files", "packages", "modules")
_LAYOUT = "src"
"""The folder that a package may lie in without being part of its name."""


def _flags(arguments: tuple[str, ...], root: Path) -> tuple[str, ...]:
    configuration = _configuration(root)
    own = configuration is not None or has_flag(arguments, "--config-file")
    targets = has_flag(arguments, *_TARGET_FLAGS) or any(not word.startswith("-") for word in arguments)
    targets = targets or any(key in (configuration or {}) for key in _TARGET_KEYS)
    return (*_READABLE, *(() if own else _UNCONFIGURED), *(() if targets else (".",)))


def _environment(root: Path) -> Mapping[str, str]:
    if _configuration(root) is not None or not (root / _LAYOUT).is_dir() or "MYPYPATH" in os.environ:
        return {}
    return {"MYPYPATH": _LAYOUT}


def _configuration(root: Path) -> Mapping[str, Any] | None:
    """The project's own configuration of mypy; None where there is none."""
    for name in ("mypy.ini", ".mypy.ini", "pyproject.toml", "setup.cfg"):
        try:
            text = (root / name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        found = _toml_section(text) if name.endswith(".toml") else _ini_section(text)
        if found is not None:
            return found
    return None


def _toml_section(text: str) -> Mapping[str, Any] | None:
    try:
        found = parse_toml(text).get("tool", {}).get("mypy")
    except ValueError:
        return {}  # mypy says best what is wrong with it
    return found if isinstance(found, dict) else None


def _ini_section(text: str) -> Mapping[str, Any] | None:
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(text)
    except configparser.Error:
        return {}
    return parser["mypy"] if parser.has_section("mypy") else None


def _read(run: ToolRun, root: Path) -> Reading:
    findings = [finding(root, found, rule="error") for found in matches(_FINDING, run.stdout + run.stderr)]
    ignored = next((found["message"] for found in matches(_BAD_CONFIGURATION, run.stdout + run.stderr)), None)
    # It also ends with 2 for code that it can't parse.
    worked = run.exit_code in {0, 1} or (bool(findings) and all(one.rule == "syntax" for one in findings))
    broken = f"part of its configuration is not applied: {ignored}" if ignored else None if worked else _cause(run)
    return Reading(tuple(findings), _EMPTY in run.stderr + run.stdout, broken)


def _cause(run: ToolRun) -> str:
    return next((found[0] for found in matches(_FINDING, run.stdout + run.stderr)), said(run))


MYPY = Dialect("mypy", _read, _flags, _environment)
