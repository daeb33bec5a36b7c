"""Parts of large files, and many files: what batch inference asks of either kind of address."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelway.errors import OutsideError
from modelway.storage.addresses import is_s3, parse_s3
from modelway.storage.answers import TornAnswerError
from modelway.storage.calls import translated, whole
from modelway.storage.local import open_regular, outside
from modelway.storage.s3 import pages, s3_client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from concurrent.futures import Future

    from mypy_boto3_s3.type_defs import DeleteObjectsOutputTypeDef

    from modelway.records.data import S3Options

_FIRST_PAUSE = 0.2
"""Seconds before the second attempt; each further pause is twice as long."""
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
            raise TornAnswerError(f"{len(content)} bytes came of {end - start}")
        return content

    return whole(read, uri, "the download", pause=_FIRST_PAUSE)


def upload(path: Path, uri: str, s3: S3Options) -> None:
    """Put a file's content as an object: large ones in parts, which S3 joins when all are there.

    It is there whole or not at all, and sums of the content are compared on the way (CRC32, by boto3 and S3).

    Raises:
        InputError: there is no such bucket.
        OutsideError: S3 fails, denies access, or the upload stays torn.
    """
    from s3transfer.manager import TransferConfig, TransferManager

    address = parse_s3(uri)
    size = path.stat().st_size
    config = TransferConfig(
        multipart_threshold=_SINGLE,
        multipart_chunksize=_SINGLE,
        max_request_concurrency=4,
        max_submission_concurrency=1,
    )

    def send() -> None:
        client = s3_client(s3)
        with TransferManager(client, config, executor_cls=_FollowingPool) as manager:
            manager.upload(str(path), address.bucket, address.key).result()
        found = client.head_object(Bucket=address.bucket, Key=address.key)["ContentLength"]
        if found != size:
            raise TornAnswerError(f"{found} bytes are there of {size}")

    whole(send, uri, "the upload", pause=_FIRST_PAUSE)


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
    found = pages(s3_client(s3), address.bucket, prefix)
    return {item["Key"][len(prefix) :]: item["Size"] for page in found for item in page.get("Contents", [])}


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
    for start in range(0, len(wanted), _KEYS):
        keys = [{"Key": f"{prefix}{name}"} for name in wanted[start : start + _KEYS]]

        def remove(keys: Any = keys) -> DeleteObjectsOutputTypeDef:
            return s3_client(s3).delete_objects(Bucket=address.bucket, Delete={"Objects": keys, "Quiet": True})

        if failed := whole(remove, uri, "the answer").get("Errors"):
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


class _FollowingPool(ThreadPoolExecutor):
    """Threads that know the deadline of the call that they work for."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        return super().submit(copy_context().run, fn, *args, **kwargs)
