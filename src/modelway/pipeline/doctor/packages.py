"""Which of modelway's extras are installed, and which of them these settings need."""

from __future__ import annotations

import platform
import re
from importlib import metadata
from typing import TYPE_CHECKING

from modelway.pipeline.doctor.findings import missing, ok
from modelway.records.environment import LocalOptions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelway.pipeline.doctor.scene import Scene
    from modelway.records.doctor import Finding

_OPTIONAL = ("serve", "check-code", "check-data", "test", "audit")
_REQUIREMENT = re.compile(
    r"(?P<name>[A-Za-z0-9._-]+)(?:\[(?P<extras>[^]]*)\])?\s*(?:>=\s*(?P<least>[0-9.]+))?"
    r"[^;]*(?:;.*extra\s*==\s*['\"](?P<extra>[^'\"]+)['\"])?"
)


def check_packages(scene: Scene) -> Iterator[Finding]:
    """One finding for Python and the core, and one for each extra."""
    yield ok("Python", f"{platform.python_version()}, {platform.system()} {platform.machine()}")
    needed = extras_needed(scene)
    for extra in ("", *needed, *(name for name in _OPTIONAL if name not in needed)):
        lacking = lacking_of(extra)
        name = f"packages: {extra or 'core'}"
        if not lacking:
            yield ok(name, "all installed")
            continue
        remedy = f"pip install 'modelway[{extra}]'" if extra else "Install modelway again."
        words = remedy if extra in needed or not extra else f"Where its commands are wanted: {remedy}"
        yield missing(name, "; ".join(lacking), words, needed=not extra or extra in needed)


def extras_needed(scene: Scene) -> tuple[str, ...]:
    """The extras without which a command on these settings can't do its work."""
    found = ["train"] if scene.settings.prepare is not None else []
    if scene.environment is not None:
        found.append("package")
        if isinstance(scene.environment.place.options.target, LocalOptions):
            found.append("serve")
    if scene.settings.batch.engine == "ray":
        found.append("ray")
    return tuple(found)


def lacking_of(extra: str) -> list[str]:
    """The packages of an extra that are not installed, or too old; extras that it names itself included."""
    lacking = []
    for requirement in metadata.requires("modelway") or []:
        found = _REQUIREMENT.match(requirement)
        if found is None or (found["extra"] or "") != extra:
            continue
        if found["name"] == "modelway":
            lacking += [one for inner in found["extras"].split(",") for one in lacking_of(inner.strip())]
        elif fault := _fault(found["name"], found["least"]):
            lacking.append(fault)
    return list(dict.fromkeys(lacking))


def _fault(name: str, least: str | None) -> str | None:
    try:
        here = metadata.version(name)
    except metadata.PackageNotFoundError:
        return f"{name} is not installed"
    if least is not None and _numbers(here) < _numbers(least):
        return f"{name} is {here}, and {least} is the least"
    return None


def _numbers(version: str) -> tuple[int, ...]:
    """The numbers that a version begins with; enough for the bounds that modelway sets."""
    return tuple(int(part) for part in re.findall(r"\d+", version.partition("+")[0])[:3])
