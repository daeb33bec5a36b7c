"""Bring what lies below an `s3://` address into a local directory, as `aws s3 sync` does."""

from __future__ import annotations

import hashlib
import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from pydantic import ValidationError

from modelway.atomic import make_directories, replacing
from modelway.errors import InputError
from modelway.locks import locked
from modelway.records.base import Record
from modelway.records.data import S3Options
from modelway.records.progress import silent
from modelway.storage.access import list_files
from modelway.storage.addresses import DATA_SUFFIXES, parse_s3
from modelway.storage.answers import TornAnswerError
from modelway.storage.calls import whole
from modelway.storage.local import outside, write_local
from modelway.storage.s3 import s3_client

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from mypy_boto3_s3.client import S3Client

    from modelway.records.progress import Progress
    from modelway.storage.addresses import Found

STATE = ".modelway-sync.json"
"""In the directory: what was downloaded, so that it is not downloaded again."""
_WORKERS = 8
_ATTEMPTS = 3
_BLOCK = 1 << 20
_DOWNLOAD_SECONDS = 3600.0
"""How long another process's download of the same is waited for."""
_MD5_TAG = re.compile(r"[0-9a-f]{32}(?:-([1-9][0-9]*))?")
_DEFAULT = S3Options()


class _Seen(Record):
    tag: str
    size: int
    modified_ns: int
    """Of the local file, so that one that somebody changed is downloaded again."""


class _State(Record):
    files: dict[str, _Seen]


def sync(
    uri: str,
    directory: Path,
    *,
    s3: S3Options = _DEFAULT,
    include: tuple[str, ...] = (),
    exclude: tuple[str, ...] = (),
    remove: bool = False,
    suffixes: tuple[str, ...] = DATA_SUFFIXES,
    progress: Progress = silent,
) -> list[tuple[str, Path]]:
    """Download the objects behind an `s3://` address that are new or changed.

    An object is skipped when its size and ETag are those it had when it was last downloaded and the local file is
    untouched since. Each is downloaded beside its place, checked (size; and the ETag where S3 makes it from MD5 sums,
    parts included) and renamed. With `remove`, files that an earlier sync put here and that are gone from S3 go too.

    Returns:
        Name below the address and local path of each object, sorted by name.

    Raises:
        InputError: nothing is there, or nothing fits the globs.
        OutsideError: S3 fails or denies access, a download stays torn, or the disk is full.
        UsageError: there are no credentials for S3.
    """
    found = list_files(uri, s3=s3, include=include, exclude=exclude, suffixes=suffixes)
    there = {item.name for item in found} if remove else None
    paths = fetch(found, directory, s3=s3, there=there, progress=progress)
    if missing := next((item for item in found if item.name not in paths), None):
        raise InputError("the object was removed while it was read", where=missing.uri, remedy="Try again.")
    return sorted(paths.items())


def fetch(
    found: list[Found],
    directory: Path,
    *,
    s3: S3Options = _DEFAULT,
    there: Collection[str] | None = None,
    progress: Progress = silent,
) -> dict[str, Path]:
    """Download listed objects that are new or changed, as `sync` does.

    Args:
        found: the objects.
        directory: where they go.
        s3: where `s3://` leads.
        there: names of all objects that there are; copies of others are removed. No copy is removed when absent.
        progress: told of each download.

    Returns:
        Local paths by name; without those that were removed from S3 since they were listed.

    Raises:
        OutsideError: S3 fails or denies access, a download stays torn, or the disk is full.
        UsageError: there are no credentials for S3.
    """
    try:
        make_directories(directory)
        with locked(directory / f"{STATE}.lock", f"the copies in {directory}", _DOWNLOAD_SECONDS):
            seen = _read_state(directory)
            stale = [item for item in found if not _is_current(directory, item, seen.get(item.name))]
            gone: set[str] = set()
            try:
                gone = _download_all(s3_client(s3), stale, directory, seen, progress)
                if there is not None:
                    gone |= set(seen) - set(there)
                _remove(directory, seen, gone & set(seen))
            finally:
                if stale or gone:
                    write_local(str(directory / STATE), _State(files=dict(sorted(seen.items()))).to_json().encode())
    except OSError as error:
        raise outside(error, error.filename or str(directory)) from error
    return {item.name: directory / item.name for item in found if item.name not in gone}


def _read_state(directory: Path) -> dict[str, _Seen]:
    """What earlier syncs recorded; a state that can't be read only costs downloads."""
    try:
        return dict(_State.from_json((directory / STATE).read_bytes()).files)
    except (FileNotFoundError, ValidationError):
        return {}


def _is_current(directory: Path, item: Found, seen: _Seen | None) -> bool:
    if seen is None or (seen.tag, seen.size) != (item.tag, item.size):
        return False
    try:
        found = (directory / item.name).stat()
    except OSError:
        return False
    return (found.st_size, found.st_mtime_ns) == (seen.size, seen.modified_ns)


def _download_all(
    client: S3Client, stale: list[Found], directory: Path, seen: dict[str, _Seen], progress: Progress
) -> set[str]:
    """Download all of them; gives the names of those that are not there any more."""
    gone = set()
    pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="modelway-sync")
    try:
        jobs = [pool.submit(_download, client, item, directory / item.name) for item in stale]
        for done, (item, job) in enumerate(zip(stale, jobs, strict=True), start=1):
            try:
                seen[item.name] = job.result()
            except InputError:
                gone.add(item.name)
            progress("download", done, len(stale), item.name)
    finally:
        pool.shutdown(cancel_futures=True)
    return gone


def _download(client: S3Client, item: Found, target: Path) -> _Seen:
    """Download one object, again where what came is not what S3 has."""
    make_directories(target.parent)

    def once() -> _Seen:
        with replacing(target) as work:
            _download_once(client, item, work)
            modified = work.stat().st_mtime_ns
        return _Seen(tag=item.tag, size=item.size, modified_ns=modified)

    return whole(once, item.uri, "the download", _ATTEMPTS)


def _download_once(client: S3Client, item: Found, work: Path) -> None:
    """Write an object into a file; raises `TornAnswerError` unless it is whole."""
    address = parse_s3(item.uri)
    answer = client.get_object(Bucket=address.bucket, Key=address.key, IfMatch=f'"{item.tag}"')
    with work.open("wb") as file:
        for block in answer["Body"].iter_chunks(_BLOCK):
            file.write(block)
    if (size := work.stat().st_size) != item.size:
        raise TornAnswerError(f"{size} bytes came of {item.size}")
    # The ETag of what a KMS key or the caller's own key encrypts is no MD5 sum (S3's API reference, "Object").
    encrypted = answer.get("ServerSideEncryption", "AES256") != "AES256" or "SSECustomerAlgorithm" in answer
    if not encrypted and not _has_tag(client, item, work):
        raise TornAnswerError("what came is not what its ETag says")


def _has_tag(client: S3Client, item: Found, path: Path) -> bool:
    """Whether a file has the MD5 sum that an ETag tells; true where the ETag is no MD5 sum."""
    form = _MD5_TAG.fullmatch(item.tag)
    if form is None:
        return True
    if form[1] is None:
        return _md5_of_parts(path, [item.size])[0].hex() == item.tag
    sums = _md5_of_parts(path, list(_part_sizes(client, item, int(form[1]))))
    return f"{hashlib.md5(b''.join(sums), usedforsecurity=False).hexdigest()}-{len(sums)}" == item.tag


def _part_sizes(client: S3Client, item: Found, parts: int) -> Iterator[int]:
    """The sizes of an object's parts. Tools cut equal ones; only where they did not, S3 is asked for each."""
    address = parse_s3(item.uri)

    def size_of(part: int) -> int:
        return client.head_object(Bucket=address.bucket, Key=address.key, PartNumber=part)["ContentLength"]

    first, last = size_of(1), size_of(parts)
    if first * (parts - 1) + last == item.size:
        yield from [first] * (parts - 1)
    else:
        yield from (size_of(part) for part in range(1, parts))
    yield last


def _md5_of_parts(path: Path, sizes: list[int]) -> list[bytes]:
    """The MD5 sum of each part of a file."""
    sums = []
    with path.open("rb") as file:
        for size in sizes:
            digest, left = hashlib.md5(usedforsecurity=False), size
            while left and (block := file.read(min(_BLOCK, left))):
                digest.update(block)
                left -= len(block)
            sums.append(digest.digest())
    return sums


def _remove(directory: Path, seen: dict[str, _Seen], gone: set[str]) -> None:
    """Remove copies that an earlier sync put here and that S3 no longer has."""
    for name in sorted(gone):
        (directory / name).unlink(missing_ok=True)
        del seen[name]
