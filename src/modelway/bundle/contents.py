"""A bundle's files, read once: what was verified is what is loaded.

Manifest, digest and signature come first. Nothing else is parsed before they hold, and every later step takes its bytes
from memory, so that a file that is swapped in the meantime is never read.
"""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from pydantic import ValidationError

from modelway.artifacts import MANIFEST, artifact_digest
from modelway.atomic import recover
from modelway.bundle.layout import ESTIMATORS, KIND, REQUIRED, SIGNED
from modelway.bundle.signing import check_signature
from modelway.errors import InputError
from modelway.parsing import parse_json
from modelway.records.artifacts import Manifest
from modelway.records.base import Record
from modelway.records.trust import Trust

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

REMEDY = "Don't use this bundle: it was changed. Package the version again."
_R = TypeVar("_R", bound=Record)
_KNOWN = frozenset({*REQUIRED, *ESTIMATORS.values()})


@dataclass(frozen=True)
class Contents:
    """Verified files.

    Attributes:
        directory: where they were read, for messages.
        manifest: what the bundle holds.
        digest: names the bundle.
        signed: whether a signature was checked.
        has_signature: whether there is one.
        files: the bytes of each file by its name.
    """

    directory: Path
    manifest: Manifest
    digest: str
    signed: bool
    has_signature: bool
    files: Mapping[str, bytes]

    def read(self, name: str) -> bytes:
        """Return a file's bytes; raises `InputError` where the bundle has no such file."""
        if name not in self.files:
            raise InputError(f"the bundle has no {name}", where=str(self.directory), remedy=REMEDY)
        return self.files[name]

    def where(self, name: str) -> str:
        """Return a file's path for a message."""
        return str(self.directory / name)


def read_contents(directory: Path, trust: Trust | None = None, *, digest: str | None = None) -> Contents:
    """Read a bundle's files into memory, and verify them.

    Args:
        directory: what `modelway package` wrote.
        trust: whether it has to be signed, and with which key.
        digest: the SHA-256 that it has to have.

    Raises:
        InputError: it is not a bundle, not the expected one, or its files are not those of its manifest or signature.
        SettingsError: the public key can't be read, or is missing where a signature is required.
    """
    trust = trust or Trust()
    content = _read_manifest(directory)
    manifest = parse_manifest(directory, content)
    found = artifact_digest(manifest)
    if digest is not None and found != digest.removeprefix("sha256:"):
        raise InputError(
            f"the bundle's digest is {found}, not {digest}",
            where=str(directory),
            remedy="Package the version again, and don't use this one: its manifest is another bundle's.",
        )
    signature = _read_plain(directory / SIGNED) if os.path.lexists(directory / SIGNED) else None
    signed_files = {**manifest.files, MANIFEST: hashlib.sha256(content).hexdigest()}
    signed = check_signature(directory, signature, signed_files, trust)
    _check_names(directory, manifest)
    files = {name: _read_verified(directory / name, expected) for name, expected in manifest.files.items()}
    return Contents(directory, manifest, found, signed, signature is not None, files)


def bundle_digest(directory: Path) -> str:
    """Return the SHA-256 (hexadecimal) that names a bundle: of its files, as its manifest has them.

    Raises:
        InputError: it is not a bundle.
    """
    return artifact_digest(parse_manifest(directory, _read_manifest(directory)))


def parse_manifest(directory: Path, content: bytes) -> Manifest:
    """Parse a bundle's manifest; raises `InputError` where it is invalid or of another kind."""
    manifest = parse_record(Manifest, content, str(directory / MANIFEST))
    if manifest.kind != KIND:
        raise InputError(
            f"this is an artifact of kind {manifest.kind!r}; a bundle is wanted",
            where=str(directory),
            remedy="Name a directory that `modelway package` wrote.",
        )
    return manifest


def parse_record(kind: type[_R], content: bytes, where: str) -> _R:
    """Parse a record of a bundle.

    Args:
        kind: the record.
        content: its JSON.
        where: names it in errors.

    Raises:
        InputError: it does not validate, is of a later schema, or repeats a key: other readers take the other value.
    """
    remedy = "Package the version again, with this version of modelway."
    try:
        found = kind.from_json(content)
        parse_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        if place == "schema_version":
            what = f"unknown schema version {first['input']!r}"
            remedy = "A later modelway wrote this bundle: update modelway, or package the version again with this one."
        else:
            what = f"{place}: {first['msg']}" if place else first["msg"]
        raise InputError(what, where=where, remedy=remedy) from error
    except ValueError as error:
        raise InputError(f"invalid JSON: {error}", where=where, remedy=remedy) from error
    return found


def _read_manifest(directory: Path) -> bytes:
    recover(directory)
    path = directory / MANIFEST
    if path.is_symlink() or not path.is_file():
        raise InputError(
            "there is no bundle here", where=str(directory), remedy="Name a directory that `modelway package` wrote."
        )
    return _read_plain(path)


def _check_names(directory: Path, manifest: Manifest) -> None:
    """Check that the directory holds the manifest's files, all of them a bundle's, and nothing else."""
    if foreign := sorted(manifest.files.keys() - _KNOWN):
        raise InputError(f"a bundle has no file {foreign[0]!r}", where=str(directory), remedy=REMEDY)
    if len(manifest.files.keys() & {*ESTIMATORS.values()}) > 1:
        raise InputError("the bundle holds two estimators", where=str(directory), remedy=REMEDY)
    try:
        found = {entry.name for entry in os.scandir(directory)}
    except OSError as error:
        raise InputError(f"can't be read: {error.strerror}", where=str(directory), remedy=REMEDY) from error
    if missing := sorted(manifest.files.keys() - found):
        raise InputError(f"the file {missing[0]!r} is missing", where=str(directory), remedy=REMEDY)
    if added := sorted(found - manifest.files.keys() - {MANIFEST, SIGNED}):
        raise InputError(f"{added[0]!r} is not part of the bundle", where=str(directory), remedy=REMEDY)


def _read_verified(path: Path, expected: str) -> bytes:
    content = _read_plain(path)
    if hashlib.sha256(content).hexdigest() != expected:
        raise InputError("the file is not the one of the manifest", where=str(path), remedy=REMEDY)
    return content


def _read_plain(path: Path) -> bytes:
    """Read a regular file once; a link, a pipe or a device is refused, and never waited for."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(path, flags), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise InputError("not a regular file", where=str(path), remedy=REMEDY)
            return file.read()
    except OSError as error:
        raise InputError(f"can't be read: {error.strerror}", where=str(path), remedy=REMEDY) from error
