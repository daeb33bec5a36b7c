"""A bundle's files against its manifest, more strictly than other artifacts: nothing else may lie there."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from pydantic import ValidationError

from modelway.artifacts import MANIFEST, artifact_digest, file_digest
from modelway.bundle.layout import KIND, SIGNED
from modelway.errors import InputError
from modelway.records.artifacts import Manifest

_REMEDY = "Package the version again, and don't use this one: somebody changed it."


def read_manifest(directory: Path) -> Manifest:
    """A bundle's manifest.

    Raises:
        InputError: there is none, or it is not a bundle's.
    """
    path = directory / MANIFEST
    if path.is_symlink() or not path.is_file():
        raise InputError(
            "there is no bundle here", where=str(directory), remedy="Name a directory that `modelway package` wrote."
        )
    try:
        manifest = Manifest.from_json(path.read_bytes())
    except ValidationError as error:
        raise InputError("the manifest can't be read", where=str(path), remedy=_REMEDY) from error
    if manifest.kind != KIND:
        raise InputError(
            f"this is an artifact of kind {manifest.kind!r}; a bundle is wanted",
            where=str(directory),
            remedy="Name a directory that `modelway package` wrote.",
        )
    return manifest


def check_files(directory: Path) -> Manifest:
    """See that a bundle holds the files of its manifest, each with its digest, and nothing else.

    Raises:
        InputError: there is no bundle, or a file is missing, other, added, or no plain file.
    """
    manifest = read_manifest(directory)
    found = _plain_files(directory)
    if missing := sorted(manifest.files.keys() - found.keys()):
        raise InputError(f"the file {missing[0]!r} is missing", where=str(directory), remedy=_REMEDY)
    if added := sorted(found.keys() - manifest.files.keys() - {MANIFEST, SIGNED}):
        raise InputError(f"the file {added[0]!r} is not the bundle's", where=str(directory), remedy=_REMEDY)
    for name, digest in manifest.files.items():
        if file_digest(found[name]) != digest:
            raise _changed(found[name])
    return manifest


def read_file(directory: Path, manifest: Manifest, name: str) -> bytes:
    """A file's bytes, which are those of the manifest at the time they are used.

    Raises:
        InputError: it is missing, or another.
    """
    path = directory / name
    if name not in manifest.files:
        raise InputError(f"the bundle has no {name}", where=str(directory), remedy=_REMEDY)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"can't be read: {error.strerror}", where=str(path), remedy=_REMEDY) from error
    if hashlib.sha256(content).hexdigest() != manifest.files[name]:
        raise _changed(path)
    return content


def bundle_digest(directory: Path) -> str:
    """SHA-256 (hexadecimal) that names a bundle: of its files, as its manifest has them; raises `InputError`."""
    return artifact_digest(read_manifest(directory))


def _plain_files(directory: Path) -> dict[str, Path]:
    """Every file below a directory by its path with forward slashes; raises `InputError` for anything but files."""
    found = {}
    for folder, folders, files in os.walk(directory):
        for name in (*folders, *files):
            path = Path(folder, name)
            if path.is_symlink():
                raise InputError("this is a symbolic link; a bundle has none", where=str(path), remedy=_REMEDY)
        if not files and not folders and Path(folder) != directory:
            raise InputError("this directory is not the bundle's", where=folder, remedy=_REMEDY)
        for name in files:
            path = Path(folder, name)
            if not path.is_file():
                raise InputError("this is no plain file", where=str(path), remedy=_REMEDY)
            found[path.relative_to(directory).as_posix()] = path
    return found


def _changed(path: Path) -> InputError:
    return InputError("the file is not the one of the manifest", where=str(path), remedy=_REMEDY)
