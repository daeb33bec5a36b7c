"""Lock files in pip's requirements format, as `pip-compile` and `uv export` write them.

All that a line says counts, whatever its environment marker: a lock for every platform is audited for every platform.
Source of the format: https://pip.pypa.io/en/stable/reference/requirements-file-format/
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from modelway.checks.audit.outcome import AuditFaultError
from modelway.checks.audit.paths import relative
from modelway.checks.audit.pins import Lock, Pin, pinned_version, unpinned

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modelway.checks.audit.outcome import Observation

_COMMENT = re.compile(r"(^|\s+)#.*$")
_HASH = re.compile(r"--hash[=\s]\s*([A-Za-z0-9]+:[0-9A-Fa-f]+)")
_INCLUDE = re.compile(r"^(?:-r\s*|--requirement[=\s]\s*)(\S.*)$")
_EDITABLE = re.compile(r"^(?:-e\s*|--editable[=\s]\s*)(\S.*)$")
_NAME = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*@")
_ITSELF = frozenset({".", "./", "file:.", "file:./"})
"""How a lock names the project whose lock it is; `uv export` writes that line. Its code is audited by other checks."""


def read_requirements(path: Path, root: Path) -> Lock:
    """What a requirements file and those it includes pin.

    Args:
        path: the file.
        root: the project's directory, which the paths of findings are relative to.

    Raises:
        AuditFaultError: it, or one that it includes, can't be read.
    """
    pins: list[Pin] = []
    problems: list[Observation] = []
    seen: set[Path] = set()
    _read(path, root, seen, pins, problems)
    return Lock(tuple(pins), tuple(problems))


def _read(path: Path, root: Path, seen: set[Path], pins: list[Pin], problems: list[Observation]) -> None:
    if path.resolve() in seen:
        return
    seen.add(path.resolve())
    name = relative(path, root)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise AuditFaultError(f"{name} can't be read: {type(error).__name__}") from error
    for number, line in _logical_lines(text):
        if included := _INCLUDE.match(line):
            _read(path.parent / included[1].strip(), root, seen, pins, problems)
        elif editable := _EDITABLE.match(line):
            if editable[1].strip() not in _ITSELF:
                problems.append(unpinned("an editable package", name, number, "it has no version"))
        elif not line.startswith("-") and line not in _ITSELF:
            entry = _entry(line, name, number)
            if isinstance(entry, Pin):
                pins.append(entry)
            else:
                problems.append(entry)


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines with continuations joined and comments taken out, each with the number of its first line."""
    begin, held = 0, ""
    for number, line in enumerate(text.splitlines(), start=1):
        begin = begin or number
        if line.endswith("\\") and not line.lstrip().startswith("#"):
            held += line[:-1] + " "
            continue
        joined = _COMMENT.sub("", held + line).strip()
        if joined:
            yield begin, joined
        begin, held = 0, ""
    if rest := _COMMENT.sub("", held).strip():
        yield begin, rest


def _entry(line: str, lock: str, number: int) -> Pin | Observation:
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name

    text = re.split(r"\s--", line, maxsplit=1)[0].strip()
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        named = _NAME.match(text)
        return unpinned(named[1] if named else "a requirement", lock, number, "this is no `name==version`")
    version = pinned_version(requirement)
    if version is None:
        what = "it comes from an address" if requirement.url else "it is not pinned to one version by =="
        return unpinned(requirement.name, lock, number, what)
    return Pin(
        name=canonicalize_name(requirement.name),
        version=version,
        lock=lock,
        line=number,
        marker=str(requirement.marker) if requirement.marker else None,
        hashes=tuple(sorted(_HASH.findall(line))),
    )
