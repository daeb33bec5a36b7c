"""S3 and what speaks like it. Credentials are found by boto3's own chain."""

from __future__ import annotations

from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal

from modelway.errors import InputError, ModelwayError, OutsideError, UsageError
from modelway.storage.addresses import (
    DATA_SUFFIXES,
    Found,
    S3Address,
    has_wildcard,
    is_data_name,
    is_wanted,
    matches_whole,
    parse_s3,
    split_glob,
)
from modelway.storage.answers import ForeignAnswerError, TornAnswerError, make_client
from modelway.storage.calls import CHANGED, code_of, failure, refusal, translated, whole
from modelway.storage.versions import LostAnswerError
from modelway.waiting import OverdueError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_s3.type_defs import ListObjectsV2OutputTypeDef, ObjectTypeDef

    from modelway.records.data import S3Options

_MARKS = "modelway-writes"
"""The user metadata (`x-amz-meta-`) in which a document keeps the marks of its last writes."""


@lru_cache(maxsize=8)
def s3_client(options: S3Options) -> S3Client:
    """A client, safe to share between threads.

    Raises:
        UsageError: boto3 is not installed, or an option is no address or region.
    """
    try:
        import boto3
        from botocore.config import Config
    except ImportError as error:
        raise UsageError("s3:// needs boto3", remedy="pip install 'modelway[train]'") from error
    config = Config(
        s3={"addressing_style": _addressing_style(options)},
        retries={"mode": "standard", "max_attempts": 4},
        connect_timeout=10,
        read_timeout=60,
        max_pool_connections=16,
    )

    def make() -> S3Client:
        session = boto3.session.Session()
        return session.client("s3", endpoint_url=options.endpoint_url, region_name=options.region, config=config)

    where = options.endpoint_url or "s3"
    try:
        with translated(where):
            client: S3Client = make_client(make, where)
    except ValueError as error:
        raise UsageError(
            str(error), where="s3", remedy="Correct the settings' s3.endpoint_url and s3.region."
        ) from error
    return client


def list_s3(
    uri: str,
    options: S3Options,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    suffixes: tuple[str, ...] = DATA_SUFFIXES,
) -> list[Found]:
    """The objects behind an object, prefix or glob, sorted by name; see `access.list_files`."""
    address, client = parse_s3(uri), s3_client(options)
    exact = _exact(client, address)
    if exact is not None:
        return [exact]
    folder, pattern = split_glob(address.key) if has_wildcard(address.key) else (_as_folder(address.key), "")
    found = list(_below(client, address.bucket, folder, suffixes))
    wanted = [
        item
        for item in found
        if (not pattern or matches_whole(item.name, pattern)) and is_wanted(item.name, include, exclude, suffixes)
    ]
    for item in wanted:
        _check_name(item)
    return sorted(wanted, key=lambda item: item.name)


def read_s3(uri: str, options: S3Options, most_bytes: int | None = None) -> tuple[bytes, str, tuple[str, ...]]:
    """An object's content, or its first bytes, its ETag, and the marks of its last conditional writes."""
    address = parse_s3(uri)

    def read() -> tuple[bytes, str, tuple[str, ...]]:
        answer = s3_client(options).get_object(Bucket=address.bucket, Key=address.key)
        kept = {name.lower(): value for name, value in answer["Metadata"].items()}  # some servers capitalise names
        content = answer["Body"].read(most_bytes)
        wanted = answer["ContentLength"] if most_bytes is None else min(most_bytes, answer["ContentLength"])
        if len(content) < wanted:
            raise TornAnswerError(f"{len(content)} bytes came of {wanted}")
        return content, answer["ETag"].strip('"'), tuple(kept.get(_MARKS, "").split())

    return whole(read, uri, "the download")


def pages(client: S3Client, bucket: str, prefix: str) -> Iterator[ListObjectsV2OutputTypeDef]:
    """The pages of a listing; each is a call with a deadline of its own."""
    more: dict[str, Any] = {}
    while True:
        where = f"s3://{bucket}/{prefix}"

        def call(more: dict[str, Any] = more) -> ListObjectsV2OutputTypeDef:
            return client.list_objects_v2(Bucket=bucket, Prefix=prefix, **more)

        page = whole(call, where, "the listing")
        yield page
        if not page.get("IsTruncated"):
            return
        token = page.get("NextContinuationToken")
        if not token or token == more.get("ContinuationToken"):
            raise OutsideError(
                "the listing does not go on: S3 says there is more, and not where",
                where=where,
                remedy="The server has to know ListObjectsV2 (`list-type=2`) of S3's API.",
            )
        more = {"ContinuationToken": token}


def write_s3(uri: str, options: S3Options, content: bytes) -> str:
    """Put an object; its new ETag."""
    address = parse_s3(uri)
    with translated(uri):
        return s3_client(options).put_object(Bucket=address.bucket, Key=address.key, Body=content)["ETag"].strip('"')


def write_s3_if_unchanged(
    uri: str, options: S3Options, content: bytes, tag: str | None, marks: tuple[str, ...]
) -> str | None:
    """Put an object if its ETag still is `tag` (None: if it does not exist); the new ETag, or None if it is not.

    A conditional write of S3 itself (If-Match, If-None-Match), so it holds against writers anywhere. boto3 sends a
    request again when no answer came. What S3 refuses then may be what it took the first time, so a refusal counts only
    if it answers the first request; any other one raises `LostAnswerError`, and so does no answer at all.
    """
    from botocore.exceptions import ClientError, ConnectionError, HTTPClientError  # noqa: A004

    address = parse_s3(uri)
    condition: dict[str, Any] = {"IfNoneMatch": "*"} if tag is None else {"IfMatch": f'"{tag}"'}
    kept = {_MARKS: " ".join(marks)} if marks else {}
    with translated(uri):
        client = s3_client(options)
        try:
            answer = client.put_object(Bucket=address.bucket, Key=address.key, Body=content, Metadata=kept, **condition)
        except ClientError as error:
            told = error.response["ResponseMetadata"]
            if told.get("RetryAttempts") or told["HTTPStatusCode"] >= HTTPStatus.INTERNAL_SERVER_ERROR:
                raise _lost(refusal(error, uri)) from error
            code = code_of(error)
            if code in CHANGED or (tag is not None and code == "NoSuchKey"):
                return None
            raise
        except (ConnectionError, HTTPClientError) as error:  # what an earlier try did is not told
            raise _lost(failure(error, uri)) from error
        except (OverdueError, ForeignAnswerError) as error:
            raise _lost(error) from error
        return answer["ETag"].strip('"')


def _addressing_style(options: S3Options) -> Literal["auto", "virtual", "path"]:
    """How the bucket is named; `auto` with an endpoint of one's own would mean the path at any rate."""
    if options.path_style:
        return "path"
    return "virtual" if options.endpoint_url else "auto"


def _lost(error: ModelwayError) -> LostAnswerError:
    return LostAnswerError(error.what, where=error.where, remedy=error.advice)


def _exact(client: S3Client, address: S3Address) -> Found | None:
    """The object of exactly this key, if there is one: of all keys that begin with it, it sorts first."""
    if not address.key or address.key.endswith("/"):
        return None
    answer = whole(
        lambda: client.list_objects_v2(Bucket=address.bucket, Prefix=address.key, MaxKeys=1),
        str(address),
        "the listing",
    )
    first = answer.get("Contents", [])
    if not first or first[0]["Key"] != address.key:
        return None
    name = address.key.rpartition("/")[2]
    return _found(name, str(address), first[0])


def _below(client: S3Client, bucket: str, folder: str, suffixes: tuple[str, ...]) -> Iterator[Found]:
    """Every data file below a prefix that is empty or ends with a slash."""
    for page in pages(client, bucket, folder):
        for item in page.get("Contents", []):
            name = item["Key"][len(folder) :]
            if is_data_name(name, suffixes):
                yield _found(name, str(S3Address(bucket, item["Key"])), item)


def _found(name: str, uri: str, item: ObjectTypeDef) -> Found:
    return Found(name, uri, item["Size"], item["ETag"].strip('"'), item["LastModified"].timestamp())


def _as_folder(key: str) -> str:
    return key if not key or key.endswith("/") else f"{key}/"


def _check_name(item: Found) -> None:
    """Keys are free text: one with `..` in it would leave the folder it is synced into."""
    if any(part in {"", ".", ".."} for part in item.name.split("/")):
        raise InputError(
            "the object's key can't be a path",
            where=item.uri,
            remedy="Rename the object, or exclude it in the settings.",
        )
