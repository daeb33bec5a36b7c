"""Local files: listing, and writes that are there whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import IO

from modelway.atomic import make_directories, replacing
from modelway.errors import InputError, OutsideError
from modelway.locks import locked
from modelway.storage.addresses import DATA_SUFFIXES, Found, has_wildcard, is_wanted, matches_whole, split_glob


def list_local(
    uri: str, include: tuple[str, ...], exclude: tuple[str, ...], suffixes: tuple[str, ...] = DATA_SUFFIXES
) -> list[Found]:
    """The files behind a path, folder or glob, sorted by name; see `access.list_files`."""
    path = Path(uri)
    if path.is_file():
        return [_stated(path.name, str(path), uri)]
    if path.is_dir():
        return _found(path, [name for name in _walk(path) if is_wanted(name, include, exclude, suffixes)])
    if not has_wildcard(uri):
        return []
    folder, pattern = split_glob(uri)
    base = Path(folder or ".")
    fitting = (name for name in _walk(base) if matches_whole(name, pattern))
    return _found(base, [name for name in fitting if is_wanted(name, include, exclude, suffixes)])


def open_regular(path: Path) -> IO[bytes]:
    """Open a regular file to read it; a FIFO or a device, which may have the reader wait forever, is refused.

    Raises:
        InputError: it is not a regular file.
        OSError: it can't be opened.
    """
    file = open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK))  # noqa: SIM115
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise InputError("not a regular file", where=str(path), remedy="Check the path.")
    return file


def read_local(uri: str, most_bytes: int | None = None) -> bytes:
    """A file's content, or its first bytes; raises `InputError` where there is none, `OutsideError` where it fails."""
    try:
        with open_regular(Path(uri)) as file:
            return file.read(-1 if most_bytes is None else most_bytes)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise InputError("there is no such file", where=uri, remedy="Check the path.") from error
    except OSError as error:
        raise outside(error, uri) from error


def write_local(uri: str, content: bytes) -> None:
    """Write a file beside its place and rename it, for its owner alone; raises `OutsideError` where that fails."""
    path = Path(uri)
    try:
        make_directories(path.parent)
        with replacing(path) as work:
            work.write_bytes(content)
    except OSError as error:
        raise outside(error, uri) from error


def write_local_if_unchanged(uri: str, content: bytes, tag: str | None) -> str | None:
    """Write a file if its content's SHA-256 still is `tag` (None: if it does not exist); None if it is not.

    Writers shut each other out by a lock on `.NAME.lock` beside the file.
    """
    path = Path(uri)
    try:
        make_directories(path.parent)
        with locked(path.with_name(f".{path.name}.lock"), uri):
            if (local_tag(read_local(uri)) if path.exists() else None) != tag:
                return None
            write_local(uri, content)
    except OSError as error:
        raise outside(error, uri) from error
    return local_tag(content)


def local_tag(content: bytes) -> str:
    """The tag of a local file: the SHA-256 of its content, hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def outside(error: OSError, where: str) -> OutsideError:
    """The error that a failing file system is to the user."""
    remedies = {
        errno.ENOSPC: "Free space or choose another place.",
        errno.EDQUOT: "Free space or choose another place.",
        errno.EACCES: "Check the permissions.",
        errno.EPERM: "Check the permissions.",
    }
    reason = error.strerror or str(error)
    return OutsideError(f"the file system failed: {reason}", where=where, remedy=remedies.get(error.errno or 0))


def _walk(folder: Path) -> list[str]:
    """The paths below a folder with forward slashes, sorted; hidden folders are not entered."""
    names = []
    try:
        for place, folders, files in os.walk(folder, onerror=_raise):
            folders[:] = [name for name in folders if not name.startswith(("_", "."))]
            below = os.path.relpath(place, folder)
            names += files if below == "." else [f"{below}/{name}" for name in files]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise outside(error, str(folder)) from error
    return sorted(names)


def _raise(error: OSError) -> None:
    raise error


def _found(folder: Path, names: list[str]) -> list[Found]:
    """The files of these names; one that was removed since its folder was listed is left out."""
    found, base = [], os.path.join(folder, "") if folder != Path() else ""  # noqa: PTH118 - a path for each is slow
    for name in names:
        path = f"{base}{name}"
        with suppress(FileNotFoundError):
            found.append(_stated(name, path, path))
    return found


def _stated(name: str, path: str, uri: str) -> Found:
    found = os.stat(path)  # noqa: PTH116 - likewise
    return Found(name, uri, found.st_size, modified=found.st_mtime)
