"""S3 and what speaks like it. Credentials are found by boto3's own chain."""

from __future__ import annotations

from contextlib import contextmanager
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
from modelway.storage.versions import LostAnswerError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_s3.type_defs import ObjectTypeDef

    from modelway.records.data import S3Options

_MISSING = {"404", "NoSuchKey", "NoSuchBucket", "NotFound"}
_DENIED = {"401", "403", "AccessDenied", "Forbidden", "AllAccessDisabled", "AccountProblem"}
_BAD_CREDENTIALS = {
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "InvalidToken",
    "TokenRefreshRequired",
}
_ELSEWHERE = {"301", "PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}
_CHANGED = {"412", "409", "PreconditionFailed", "ConditionalRequestConflict"}
_MARKS = "modelway-writes"
"""The user metadata (`x-amz-meta-`) in which a document keeps the marks of its last writes."""
_CREDENTIALS = "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or give the machine a role."


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
    try:
        return boto3.session.Session().client(
            "s3", endpoint_url=options.endpoint_url, region_name=options.region, config=config
        )
    except ValueError as error:
        raise UsageError(
            str(error), where="s3", remedy="Correct the settings' s3.endpoint_url and s3.region."
        ) from error


def list_s3(
    uri: str,
    options: S3Options,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    suffixes: tuple[str, ...] = DATA_SUFFIXES,
) -> list[Found]:
    """The objects behind an object, prefix or glob, sorted by name; see `access.list_files`."""
    address = parse_s3(uri)
    with translated(uri):
        exact = _exact(s3_client(options), address)
        if exact is not None:
            return [exact]
        folder, pattern = split_glob(address.key) if has_wildcard(address.key) else (_as_folder(address.key), "")
        found = list(_below(s3_client(options), address.bucket, folder, suffixes))
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
    with translated(uri):
        answer = s3_client(options).get_object(Bucket=address.bucket, Key=address.key)
        kept = {name.lower(): value for name, value in answer["Metadata"].items()}  # some servers capitalise names
        return answer["Body"].read(most_bytes), answer["ETag"].strip('"'), tuple(kept.get(_MARKS, "").split())


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
                raise _lost(_refusal(error, uri)) from error
            code = _code(error)
            if code in _CHANGED or (tag is not None and code == "NoSuchKey"):
                return None
            raise
        except (ConnectionError, HTTPClientError) as error:  # what an earlier try did is not told
            raise _lost(_failure(error, uri)) from error
        return answer["ETag"].strip('"')


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Turn boto3's errors into ours."""
    try:
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError as error:
        raise UsageError("s3:// needs boto3", remedy="pip install 'modelway[train]'") from error
    try:
        yield
    except ClientError as error:
        raise _refusal(error, where) from error
    except BotoCoreError as error:
        raise _failure(error, where) from error


def _addressing_style(options: S3Options) -> Literal["auto", "virtual", "path"]:
    """How the bucket is named; `auto` with an endpoint of one's own would mean the path at any rate."""
    if options.path_style:
        return "path"
    return "virtual" if options.endpoint_url else "auto"


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _lost(error: ModelwayError) -> LostAnswerError:
    return LostAnswerError(error.what, where=error.where, remedy=error.advice)


def _refusal(error: Any, where: str) -> ModelwayError:
    """The error for what the server answered."""
    code = _code(error)
    if code in _MISSING:
        missing = "bucket" if code == "NoSuchBucket" else "object"
        return InputError(f"there is no such {missing}", where=where, remedy="Check the address and s3.endpoint_url.")
    if code in _DENIED:
        return OutsideError("access denied", where=where, remedy="Check the rights of the credentials on the bucket.")
    if code in _BAD_CREDENTIALS:
        return OutsideError(f"the credentials are refused ({code})", where=where, remedy=_CREDENTIALS)
    if code in _ELSEWHERE:
        return OutsideError("the bucket lies in another region", where=where, remedy="Set s3.region to the bucket's.")
    if code in _CHANGED:
        return OutsideError("the object changed while it was read", where=where, remedy="Try again.")
    message = error.response.get("Error", {}).get("Message", "")
    return OutsideError(f"S3 answered {code}: {message}", where=where, remedy="Try again later.")


def _failure(error: Exception, where: str) -> ModelwayError:
    """The error for what happened before an answer came."""
    from botocore import exceptions

    if isinstance(error, exceptions.NoCredentialsError | exceptions.PartialCredentialsError):
        return UsageError("there are no credentials for S3", where=where, remedy=_CREDENTIALS)
    if isinstance(error, exceptions.ProfileNotFound | exceptions.NoRegionError):
        return UsageError(str(error).rstrip("."), where=where, remedy="Correct AWS_PROFILE or s3.region.")
    if isinstance(error, exceptions.ParamValidationError):
        return InputError("this is no address of an S3 object", where=where, remedy="Write s3://bucket/key.")
    return OutsideError(
        f"S3 can't be reached: {error}",
        where=where,
        remedy="Check the network and the settings' s3.endpoint_url and s3.path_style.",
    )


def _exact(client: S3Client, address: S3Address) -> Found | None:
    """The object of exactly this key, if there is one: of all keys that begin with it, it sorts first."""
    if not address.key or address.key.endswith("/"):
        return None
    answer = client.list_objects_v2(Bucket=address.bucket, Prefix=address.key, MaxKeys=1)
    first = answer.get("Contents", [])
    if not first or first[0]["Key"] != address.key:
        return None
    name = address.key.rpartition("/")[2]
    return _found(name, str(address), first[0])


def _below(client: S3Client, bucket: str, folder: str, suffixes: tuple[str, ...]) -> Iterator[Found]:
    """Every data file below a prefix that is empty or ends with a slash."""
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=folder):
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
