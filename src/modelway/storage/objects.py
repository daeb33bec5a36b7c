"""Parts of large files, and many files: what batch inference asks of either kind of address."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from modelway.errors import OutsideError
from modelway.storage.addresses import is_s3, parse_s3
from modelway.storage.local import open_regular, outside
from modelway.storage.s3 import s3_client, translated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from modelway.records.data import S3Options

_T = TypeVar("_T")
_ATTEMPTS = 4
_FIRST_PAUSE = 0.2
_SINGLE = 8 << 20
"""Bytes of an object that is put at once; larger ones go up in parts of this size."""
_KEYS = 1000
"""How many keys one request deletes."""


def read_range(uri: str, start: int, end: int, tag: str, s3: S3Options) -> bytes:
    """Bytes of a file or object, which still has to have the ETag `tag` where it has one.

    Raises:
        InputError: there is none.
        OutsideError: S3 or the file system fails, the object changed, or what comes stays torn.
    """
    if end <= start:
        return b""
    if not is_s3(uri):
        try:
            with open_regular(Path(uri)) as file:
                file.seek(start)
                return file.read(end - start)
        except OSError as error:
            raise outside(error, uri) from error
    address = parse_s3(uri)
    condition: dict[str, Any] = {"IfMatch": f'"{tag}"'} if tag else {}

    def read() -> bytes:
        answer = s3_client(s3).get_object(
            Bucket=address.bucket, Key=address.key, Range=f"bytes={start}-{end - 1}", **condition
        )
        content = answer["Body"].read()
        if len(content) != end - start:
            raise _TornError(f"{len(content)} bytes came of {end - start}")
        return content

    return _again(read, uri, "the download")


def upload(path: Path, uri: str, s3: S3Options) -> None:
    """Put a file's content as an object: large ones in parts, which S3 joins when all are there.

    It is there whole or not at all, and sums of the content are compared on the way (CRC32, by boto3 and S3).

    Raises:
        InputError: there is no such bucket.
        OutsideError: S3 fails, denies access, or the upload stays torn.
    """
    from boto3.s3.transfer import TransferConfig

    address = parse_s3(uri)
    size = path.stat().st_size
    config = TransferConfig(multipart_threshold=_SINGLE, multipart_chunksize=_SINGLE, max_concurrency=4)

    def send() -> None:
        from boto3.exceptions import S3UploadFailedError

        client = s3_client(s3)
        try:
            client.upload_file(str(path), address.bucket, address.key, Config=config)
        except S3UploadFailedError as error:
            raise error.__context__ or error from error
        found = client.head_object(Bucket=address.bucket, Key=address.key)["ContentLength"]
        if found != size:
            raise _TornError(f"{found} bytes are there of {size}")

    _again(send, uri, "the upload")


def list_below(uri: str, s3: S3Options) -> dict[str, int]:
    """Sizes of all files below a directory or prefix by their names, hidden ones too; none where nothing is there.

    Raises:
        InputError: there is no such bucket.
        OutsideError: S3 or the file system fails.
    """
    if not is_s3(uri):
        root = Path(uri)
        try:
            return {
                path.relative_to(root).as_posix(): path.stat().st_size
                for path in sorted(root.rglob("*"))
                if path.is_file()
            }
        except OSError as error:
            raise outside(error, uri) from error
    address = parse_s3(uri)
    prefix = f"{address.key.rstrip('/')}/"
    with translated(uri):
        pages = s3_client(s3).get_paginator("list_objects_v2").paginate(Bucket=address.bucket, Prefix=prefix)
        return {item["Key"][len(prefix) :]: item["Size"] for page in pages for item in page.get("Contents", [])}


def remove_below(uri: str, names: Iterable[str], s3: S3Options) -> None:
    """Remove files below a directory or prefix; those that are gone already are no error.

    Raises:
        OutsideError: S3 or the file system fails.
    """
    wanted = list(names)
    if not is_s3(uri):
        for name in wanted:
            try:
                (Path(uri) / name).unlink(missing_ok=True)
            except OSError as error:
                raise outside(error, uri) from error
        return
    address = parse_s3(uri)
    prefix = f"{address.key.rstrip('/')}/"
    with translated(uri):
        for start in range(0, len(wanted), _KEYS):
            keys = [{"Key": f"{prefix}{name}"} for name in wanted[start : start + _KEYS]]
            answer = s3_client(s3).delete_objects(Bucket=address.bucket, Delete={"Objects": keys, "Quiet": True})  # type: ignore[typeddict-item]
            if failed := answer.get("Errors"):
                raise OutsideError(
                    f"{len(failed)} objects can't be removed: {failed[0].get('Message', failed[0].get('Code'))}",
                    where=uri,
                )


def abort_uploads(uri: str, s3: S3Options) -> None:
    """End uploads below a prefix that somebody began and never finished: nobody sees them, but they are paid for."""
    if not is_s3(uri):
        return
    address = parse_s3(uri)
    with translated(uri):
        client = s3_client(s3)
        answer = client.list_multipart_uploads(Bucket=address.bucket, Prefix=f"{address.key.rstrip('/')}/")
        for item in answer.get("Uploads", []):
            client.abort_multipart_upload(Bucket=address.bucket, Key=item["Key"], UploadId=item["UploadId"])


def _again(action: Callable[[], _T], where: str, what: str) -> _T:
    """Do something until it is whole; boto3 itself tries requests again, but not what breaks within an answer."""
    from botocore import exceptions

    torn = (
        exceptions.ConnectionClosedError,
        exceptions.FlexibleChecksumError,
        exceptions.IncompleteReadError,
        exceptions.ReadTimeoutError,
        exceptions.ResponseStreamingError,
        _TornError,
    )
    for attempt in range(_ATTEMPTS):
        last = attempt == _ATTEMPTS - 1
        try:
            with translated(where):
                try:
                    return action()
                except torn as error:
                    if last:
                        raise OutsideError(
                            f"{what} stays torn: {error}", where=where, remedy="Try again later."
                        ) from error
        except OutsideError as error:
            if last or not _is_throttled(error):
                raise
        time.sleep(_FIRST_PAUSE * 2**attempt)
    raise AssertionError  # the loop returns or raises


def _is_throttled(error: OutsideError) -> bool:
    return any(code in error.what for code in ("SlowDown", "Throttling", "RequestLimitExceeded", "503"))


class _TornError(Exception):
    """What came or went is not the whole."""
