"""Base images and interpreters that are behind Python's security releases.

Judged by `base_images.lock`, which knows the releases up to one day: a later one is not known, and an old list says so.
"""

from __future__ import annotations

import platform
import re
from typing import TYPE_CHECKING

from modelway.checks.audit.dockerfiles import base_images, is_dockerfile
from modelway.checks.audit.outcome import Observation, Outcome, count
from modelway.checks.audit.paths import matches, shown
from modelway.records.checks import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date
    from pathlib import Path

    from modelway.checks.audit.paths import Tree
    from modelway.records.audit import BaseImageAuditOptions
    from modelway.records.base_images import BaseImages, PythonReleases

CHECK = "base-images"
INTERPRETER = "interpreter"
UNKNOWN = f"{CHECK}.unknown"
BEHIND, ENDED = "python-behind", "python-end-of-life"
UNDECIDED, OLD_LIST = "unknown-image", "releases-outdated"
_PYTHON = re.compile(r"(?:.*/)?python:(?P<version>\d+(?:\.\d+)*)(?P<stage>(?:a|b|rc)\d+)?(?:-[^@]*)?(?:@.*)?")
_NUMBERS = 3


def audit_base_images(
    root: Path, tree: Tree, options: BaseImageAuditOptions, known: BaseImages, today: date
) -> tuple[Outcome, ...]:
    """Compare the base images of the Dockerfiles, modelway's own, and this interpreter with Python's releases.

    Args:
        root: the project's directory.
        tree: its files.
        options: what is looked at.
        known: modelway's own base images, and the releases.
        today: versions end, and the list ages, by this day.
    """
    failing: list[Observation] = []
    unknown: list[Observation] = []
    seen = others = 0
    for path, line, image, written in _named(root, tree, options, known):
        seen += 1
        python = image is not None and _PYTHON.fullmatch(image)
        if image is None:
            what = f"{written}: an argument without a default decides which image this is"
            unknown.append(_observe(UNDECIDED, what, path, line, undecided=True))
        elif not python:
            others += 1
        elif found := _judge(python["version"], known.python, today, bool(python["stage"])):
            rule, what = found
            into = unknown if rule == UNDECIDED else failing
            into.append(_observe(rule, f"{image}: {what}", path, line, undecided=rule == UNDECIDED))
    looked_at = f"{count(seen, 'base image')}, compared with Python's releases as of {known.python.refreshed}"
    looked_at += f"; of {others} modelway knows no releases" if others else ""
    outcomes = [Outcome(CHECK, looked_at, tuple(failing)), _of_interpreter(options, known.python, today)]
    if (today - known.python.refreshed).days > options.max_age:
        what = f"the list of Python's releases is of {known.python.refreshed}, older than {options.max_age} days "
        what += "(audit.base_images.max_age): later releases are not known; upgrade modelway"
        unknown.append(_observe(OLD_LIST, what, None, None, undecided=True))
    if unknown:
        outcomes.append(Outcome(UNKNOWN, "", tuple(unknown), severity=Severity.WARN))
    return tuple(outcomes)


def _of_interpreter(options: BaseImageAuditOptions, known: PythonReleases, today: date) -> Outcome:
    """The Python that runs this: in a container, the base image's."""
    version = platform.python_version()
    number = re.match(r"\d+\.\d+\.\d+", version)
    stage = number is not None and number.group() != version
    found = _judge(number.group() if number else version, known, today, stage)
    severity = Severity.FAIL if options.interpreter == "fail" else Severity.WARN
    observations: tuple[Observation, ...] = ()
    if found and options.interpreter != "allow":
        rule, what = found
        observations = (_observe(rule, f"Python {version}: {what}", None, None, undecided=rule == UNDECIDED),)
    return Outcome(INTERPRETER, f"Python {version}", observations, severity=severity)


def _named(
    root: Path, tree: Tree, options: BaseImageAuditOptions, known: BaseImages
) -> Iterator[tuple[str | None, int | None, str | None, str]]:
    """Each base image: file, line, image, and what is written there."""
    for path in tree.files:
        if is_dockerfile(path) and not matches(path, options.exclude):
            text = (root / path).read_text(encoding="utf-8", errors="replace")
            for one in base_images(text):
                yield shown(path), one.line, one.image, one.written
    for image in known.images:
        yield None, None, image, image


def _judge(version: str, known: PythonReleases, today: date, prerelease: bool) -> tuple[str, str] | None:
    """The rule that a version breaks, and how; None where it is the newest, or a tag that moves with the newest."""
    parts = tuple(int(part) for part in version.split("."))
    if len(parts) < 2:
        return None
    cycle = f"{parts[0]}.{parts[1]}"
    release = known.releases.get(cycle)
    if release is None and parts[:2] >= min(_parse(one) for one in known.releases):
        return UNDECIDED, f"Python {cycle} is not in the list of releases of {known.refreshed}"
    if release is None or today > release.end_of_life:
        when = "" if release is None else f" on {release.end_of_life}"
        return ENDED, f"Python {cycle} reached its end of life{when} and gets no security releases"
    latest = _parse(release.latest)
    if len(parts) == _NUMBERS and (parts < latest or (prerelease and parts <= latest)):
        return BEHIND, f"behind the security releases of Python {cycle}: {release.latest} is of {release.released}"
    return None


def _parse(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _observe(rule: str, message: str, path: str | None, line: int | None, *, undecided: bool) -> Observation:
    return Observation(Finding(rule=rule, message=message, path=path, line=line), undecided=undecided)
