"""Artifact directories: written beside their place and renamed, so that they are there whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from modelway.atomic import make_directories, recover, replacing_directory
from modelway.errors import InputError, OutsideError, UsageError
from modelway.parsing import parse_json
from modelway.records.artifacts import Manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

MANIFEST = "manifest.json"
UNDIGESTED = frozenset({MANIFEST, "timings.json", "report.html", "summary.json"})
"""Files that no digest covers: the manifest itself, what is timed, the page that shows it, what a Dagger call adds."""


def file_digest(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_of(values: Mapping[str, str]) -> str:
    """SHA-256 (hexadecimal) of a mapping as JSON (RFC 8259) with sorted keys and no spaces."""
    text = json.dumps(dict(values), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def list_files(directory: Path) -> dict[str, str]:
    """SHA-256 of each digested file below a directory, by its path with forward slashes, sorted."""
    found = {}
    for path in sorted(directory.rglob("*")):
        if path.is_file() and path.name not in UNDIGESTED:
            found[path.relative_to(directory).as_posix()] = file_digest(path)
    return found


def artifact_digest(manifest: Manifest) -> str:
    """The digest that names an artifact directory: of its files, not of what it was made from."""
    return digest_of(manifest.files)


@contextmanager
def write_artifact(
    target: Path,
    kind: str,
    inputs: Mapping[str, str] | None = None,
    finish: Callable[[Path], object] | None = None,
) -> Iterator[Path]:
    """Give a directory to write into; on leaving, add the manifest and put it in `target`'s place.

    An artifact directory that is there already is replaced. On any error `target` stays as it was.

    Args:
        target: where the artifact directory goes.
        kind: the stage's word.
        inputs: digests of what it is made from, by name.
        finish: called with the directory when the manifest is there, such as to sign it.

    Raises:
        UsageError: `target` is a file, or a directory that holds something else than an artifact.
        OutsideError: the disk is full, or the place can't be written.
    """
    check_replaceable(target)
    try:
        make_directories(target.parent)
        with replacing_directory(target) as work:
            yield work
            write_manifest(work, kind, inputs)
            if finish is not None:
                finish(work)
    except OSError as error:
        raise OutsideError(
            f"can't write: {error.strerror or error}", where=str(target), remedy="Free space or choose another place."
        ) from error


def write_manifest(directory: Path, kind: str, inputs: Mapping[str, str] | None = None) -> None:
    """Write the manifest of the files that a directory holds now."""
    manifest = Manifest(kind=kind, files=list_files(directory), inputs=dict(sorted((inputs or {}).items())))
    (directory / MANIFEST).write_text(manifest.to_json(), encoding="utf-8")


def check_replaceable(target: Path) -> None:
    """Raise `UsageError` unless an artifact may be written at `target`."""
    try:
        mode = target.stat().st_mode  # once: another process may put a directory here between two checks
    except (FileNotFoundError, NotADirectoryError):
        return
    if not stat.S_ISDIR(mode):
        raise UsageError("this is a file, not a directory", where=str(target), remedy="Name a directory.")
    if _holds_other_files(target):
        raise UsageError(
            "the directory holds files that are not a modelway artifact",
            where=str(target),
            remedy="Name an empty directory or one that a stage wrote.",
        )


def _holds_other_files(target: Path) -> bool:
    """Whether a directory holds anything, but no manifest. Another process may replace it at this very moment."""
    while True:
        try:
            number = os.open(target, os.O_RDONLY | os.O_DIRECTORY)
        except OSError:
            return False
        try:
            names, looked_at = os.listdir(number), os.fstat(number)  # noqa: PTH208 - pathlib lists no open directory
        finally:
            os.close(number)
        with suppress(FileNotFoundError):
            if os.path.samestat(target.stat(), looked_at):
                return bool(names) and MANIFEST not in names


def read_manifest(directory: Path, kind: str | None = None) -> Manifest:
    """Read and check a directory's manifest, and the digests of all its files.

    Raises:
        InputError: there is no such directory, it is of another kind, or its files are not those it was made with.
    """
    recover(directory)
    path = directory / MANIFEST
    if not path.is_file():
        raise InputError(
            "there is no artifact directory here", where=str(directory), remedy="Run the stage that writes it."
        )
    try:
        content = path.read_bytes()
        manifest = Manifest.from_json(content)
        parse_json(content)  # a repeated key stands for two digests
    except ValueError as error:
        raise InputError("the manifest can't be read", where=str(path), remedy="Run the stage again.") from error
    if kind is not None and manifest.kind != kind:
        raise InputError(f"this is an artifact of kind {manifest.kind!r}; {kind!r} is wanted", where=str(directory))
    if (found := list_files(directory)) != manifest.files:
        names = sorted(name for name in {*found, *manifest.files} if found.get(name) != manifest.files.get(name))
        raise InputError(
            f"the files are not those of the manifest: {', '.join(names[:5])}",
            where=str(directory),
            remedy="Run the stage that writes it again.",
        )
    return manifest
