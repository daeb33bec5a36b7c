"""Which files of the tree the audit looks at, and how the settings name them."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from modelway.checks import changes
from modelway.checks.audit.outcome import count
from modelway.processes import git_environment
from modelway.records.artifacts import Manifest
from modelway.records.audit import SKIPPED_FOLDERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_GIT_SECONDS = 60.0
_REPORTS = frozenset({"ci", *changes.CI})
"""Kinds of artifacts that are no part of a project."""


@dataclass(frozen=True)
class Tree:
    """The files of a project.

    Attributes:
        files: relative to the project's root, with forward slashes, sorted; no links.
        from_git: whether they are those that git tracks or would add; else all there are.
    """

    files: tuple[str, ...]
    from_git: bool

    def __str__(self) -> str:
        where = "that git tracks or would add" if self.from_git else "below the settings"
        return f"{count(len(self.files), 'file')} {where}"


def matches(path: str, patterns: Iterable[str]) -> bool:
    """Whether a path is one of these files, lies in one of these folders, or fits one of these globs.

    Args:
        path: relative, with forward slashes.
        patterns: relative, too; as in `changed`, `*` stays within a folder and `**` crosses them.
    """
    for pattern in patterns:
        wanted = pattern.removeprefix("./").rstrip("/")
        if wanted in {"", "."} or path == wanted or path.startswith(f"{wanted}/"):
            return True
        if changes.matches((wanted,), path):
            return True
    return False


def list_tree(root: Path, leave_out: Sequence[Path] = ()) -> Tree:
    """The project's files, but for the reports of earlier runs that nobody gave to git: they are full of digests.

    Args:
        root: the project's directory.
        leave_out: directories whose files are not listed, such as the audit's own output.
    """
    tracked = _of_git(root, "--cached")
    new = _of_git(root, "--others", "--exclude-standard") if tracked is not None else None
    others = list(_walk(root, root)) if new is None else new
    reports = tuple(f"{folder}/" for folder in _reports(root, others))
    names = {*(tracked or ()), *(name for name in others if not name.startswith(reports))}
    outside = [_below(root, path) for path in leave_out]
    left_out = [name for name in outside if name]
    files = (name for name in names if not (left_out and matches(name, left_out)))
    return Tree(tuple(sorted(name for name in files if _is_file(root / name))), new is not None)


def list_folder(root: Path, named: Sequence[str]) -> tuple[str, ...]:
    """The files that these paths name or hold, relative to `root`, sorted; what is not there gives none."""
    found: set[str] = set()
    for name in named:
        place = root / name
        below = _walk(place, root) if place.is_dir() else [relative(place, root)]
        found.update(path for path in below if _is_file(root / path))
    return tuple(sorted(found))


def relative(path: Path, root: Path) -> str:
    """A path relative to `root` where it lies below it, with forward slashes."""
    return _below(root, path) or path.as_posix()


def shown(path: str) -> str:
    """A path as text: what is no UTF-8 in its name is written out, for reports can't hold it."""
    return path.encode("utf-8", "backslashreplace").decode("utf-8")


def _below(root: Path, path: Path) -> str | None:
    try:
        return Path(os.path.abspath(path)).relative_to(root.absolute()).as_posix()  # noqa: PTH100 - links stay links
    except ValueError:
        return None


def _is_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _reports(root: Path, names: Iterable[str]) -> Iterator[str]:
    """The folders below `root` that `ci` or a part of it left, as their manifests say."""
    for name in names:
        folder, _, file = name.rpartition("/")
        if folder and file == "manifest.json":
            try:
                kind = Manifest.from_json((root / name).read_bytes()).kind
            except (OSError, ValidationError):
                continue
            if kind in _REPORTS:
                yield folder


def _of_git(root: Path, *which: str) -> list[str] | None:
    """Files below `root` by what git knows of them; None where this is no checkout, or git can't say."""
    arguments = ["ls-files", "-z", "--deduplicate", *which]
    try:
        done = subprocess.run(  # noqa: S603 - no shell, and no argument comes from outside
            ["git", "-c", "core.fsmonitor=false", *arguments],  # noqa: S607 - git is found as the user finds it
            cwd=root,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_GIT_SECONDS,
            env=git_environment(),
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode:
        return None
    return [os.fsdecode(name) for name in done.stdout.split(b"\0") if name]


def _walk(folder: Path, root: Path) -> Iterator[str]:
    for directory, below, names in os.walk(folder):
        below[:] = sorted(name for name in below if name not in SKIPPED_FOLDERS)
        for name in sorted(names):
            yield relative(Path(directory) / name, root)
