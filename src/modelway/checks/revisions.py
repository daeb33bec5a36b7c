"""What git tells of a project's revisions."""

from __future__ import annotations

import posixpath
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from modelway.errors import OutsideError, UsageError
from modelway.processes import git_environment
from modelway.waiting import VARIABLE, default_seconds

_NOTHING = re.compile(r"0{40}|0{64}")
"""What GitHub names as the commit before a branch's first push."""


@dataclass(frozen=True)
class Repository:
    """The working tree that a project lies in.

    Attributes:
        top: its directory.
        prefix: the project's directory below it, with a slash at the end; empty where it is the same.
    """

    top: Path
    prefix: str


def open_repository(root: Path) -> Repository:
    """The repository of a project's directory.

    Raises:
        UsageError: the directory lies in no working tree of git, or git refuses to look at it.
        OutsideError: git is not installed.
    """
    found = _git(root, "rev-parse", "--show-toplevel", "--show-prefix")
    if found.returncode:
        raise UsageError(
            f"this is no working tree of git: {_last_line(found.stderr)}",
            where=str(root),
            remedy="What changed is told by git; run this in a clone of the project.",
        )
    top, prefix = _text(found.stdout).split("\n")[:2]
    return Repository(Path(top), prefix)


def resolve(repository: Repository, revision: str) -> str:
    """The commit that a revision names; of zeros, as GitHub writes for "none before", the empty tree.

    Raises:
        UsageError: there is no such revision here.
    """
    if _NOTHING.fullmatch(revision):
        return _ask(repository, "hash-object", "-t", "tree", "--stdin").strip()
    found = _git(repository.top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if found.returncode == 0:
        return _text(found.stdout).strip()
    shallow = _ask(repository, "rev-parse", "--is-shallow-repository").strip() == "true"
    raise UsageError(
        f"there is no revision {revision!r} here" + (": the clone is shallow" if shallow else ""),
        where=str(repository.top),
        remedy="Let actions/checkout fetch it all with `fetch-depth: 0`, or run `git fetch --unshallow`."
        if shallow
        else "Name a branch, tag or commit that `git log` shows, or fetch it first.",
    )


def changed_paths(repository: Repository, base: str, head: str | None) -> list[str]:
    r"""The paths that differ between two commits, or between a commit and the files as they lie there.

    A renamed file counts under both names. Without `head`, files that git does not track yet count, too, but for
    those that it is told to ignore.

    Args:
        repository: where to look.
        base: a commit or tree.
        head: a commit; the files as they lie there when absent.

    Returns:
        Paths relative to the project's directory, with forward slashes; those outside of it begin with `../`. Bytes
        that are no UTF-8 are written as `\xNN`.
    """
    options = ("--name-only", "--no-renames", "--no-ext-diff", "--no-relative", "--ignore-submodules=none", "-z")
    found = _ask(repository, "diff", *options, base, *([head] if head else []), "--").split("\0")
    if head is None:
        found += _ask(repository, "ls-files", "--others", "--exclude-standard", "-z").split("\0")
    return sorted({_relative(path, repository.prefix) for path in found if path})


def file_at(repository: Repository, commit: str, path: str) -> bytes | None:
    """A file of the project's directory as it was in a commit; None where it was not there."""
    found = _git(repository.top, "cat-file", "blob", f"{commit}:{repository.prefix}{path}")
    if found.returncode and b"promisor" in found.stderr:
        raise OutsideError(f"git can't fetch what this partial clone lacks: {_last_line(found.stderr)}", where=path)
    return found.stdout if found.returncode == 0 else None


def _relative(path: str, prefix: str) -> str:
    return path.removeprefix(prefix) if path.startswith(prefix) else posixpath.relpath(path, prefix)


def _ask(repository: Repository, *argv: str) -> str:
    found = _git(repository.top, *argv)
    if found.returncode:
        raise OutsideError(f"git {argv[0]} failed: {_last_line(found.stderr)}", where=str(repository.top))
    return _text(found.stdout)


def _git(directory: Path, *argv: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(  # noqa: S603 - a list of words, no shell
            ["git", "--no-optional-locks", *argv],  # noqa: S607 - the user's own git
            cwd=directory,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            env=git_environment(),
            timeout=default_seconds(),
        )
    except subprocess.TimeoutExpired as error:
        raise OutsideError(
            f"git {argv[0]} did not end within {error.timeout:g} s",
            where=str(directory),
            remedy=f"A partial clone fetches what it lacks: check its remote. {VARIABLE} allows more time.",
        ) from error
    except FileNotFoundError as error:
        raise OutsideError("git is not installed", remedy="Install it; what changed is told by git.") from error


def _text(output: bytes) -> str:
    return output.decode("utf-8", "backslashreplace")


def _last_line(output: bytes) -> str:
    return (_text(output).strip().splitlines() or ["it said nothing"])[-1]
