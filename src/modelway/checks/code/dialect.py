"""What there is to know of a tool: how to ask it so that its answer can be read, and how to read it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from modelway.checks.streams import last_line
from modelway.records.checks import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from modelway.checks.tools import ToolRun

TRACEBACK = "Traceback (most recent call last)"
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(frozen=True)
class Reading:
    """What a tool's run says.

    Attributes:
        findings: what it found.
        empty: whether it says that there was no file to check.
        broken: why it did not do its work, in its own words; None where it did.
    """

    findings: tuple[Finding, ...] = ()
    empty: bool = False
    broken: str | None = None


def _nothing(_arguments: tuple[str, ...], _root: Path) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True)
class Dialect:
    """A tool that we know.

    Attributes:
        name: of the tool.
        read: what a run says; `root` is where it ran.
        flags: what to add to some arguments, so that its answer can be read and nothing of the project is changed.
        environment: variables for it, by `root`.
        suffixes: of the files that it checks; none where that is not known.
    """

    name: str
    read: Callable[[ToolRun, Path], Reading]
    flags: Callable[[tuple[str, ...], Path], tuple[str, ...]] = _nothing
    environment: Callable[[Path], Mapping[str, str]] = field(default=lambda _root: {})
    suffixes: tuple[str, ...] = (".py", ".pyi")


def has_flag(arguments: tuple[str, ...], *flags: str) -> bool:
    """Whether arguments hold one of some flags, as `--flag` or `--flag=value`."""
    return any(word.partition("=")[0] in flags for word in arguments)


def matches(pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    """Where a pattern fits in a tool's output, whether or not it was coloured."""
    return pattern.finditer(_ANSI.sub("", text))


def finding(root: Path, found: re.Match[str], *, rule: str | None = None, base: int = 1) -> Finding:
    """The finding of a match with the groups path and message, and perhaps line, column and rule.

    Args:
        root: where the tool ran.
        found: the match.
        rule: the rule, where the match has none.
        base: the number that the tool gives to the first column.
    """
    groups = found.groupdict()
    column = groups.get("column")
    return Finding(
        rule=groups.get("rule") or rule or "",
        message=found["message"].strip(),
        path=relative(found["path"], root),
        line=int(groups["line"]) if groups.get("line") not in {None, "0"} else None,
        column=max(int(column) + 1 - base, 1) if column else None,
    )


def relative(path: str, root: Path) -> str:
    """A path as findings have it: relative to `root` where it lies below it, with forward slashes."""
    inside = os.path.relpath(path, root) if path.startswith("/") else os.path.normpath(path)
    return path if inside.startswith("..") else inside.replace(os.sep, "/")


def said(run: ToolRun) -> str:
    """A tool's last words, best those on stderr."""
    return last_line(_ANSI.sub("", run.stderr)) or last_line(_ANSI.sub("", run.stdout)) or "it said nothing"
