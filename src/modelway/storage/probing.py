"""What can be seen of a place without writing to it: whether it lists, whether it reads, what kind of server it is."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from modelway.storage.addresses import has_wildcard, parse_s3, split_glob
from modelway.storage.calls import translated, whole
from modelway.storage.s3 import s3_client

if TYPE_CHECKING:
    from modelway.records.data import S3Options


@dataclass(frozen=True)
class Probe:
    """What a bucket showed.

    Attributes:
        server: what the server calls itself; empty where it does not say.
        region: the bucket's region, where the server says.
        read: the key of the object that was looked at; None where nothing lies below the address yet.
    """

    server: str
    region: str | None
    read: str | None


def probe_s3(uri: str, options: S3Options) -> Probe:
    """List one object below an address and look at its head: two requests, none of which changes anything.

    A head asks for the same permission as a read.

    Raises:
        InputError: there is no such bucket.
        OutsideError: the server can't be reached, refuses the credentials, or denies one of the two.
        UsageError: there are no credentials.
    """
    address = parse_s3(uri)
    prefix = split_glob(address.key)[0] if has_wildcard(address.key) else address.key
    client = s3_client(options)
    told = whole(lambda: client.list_objects_v2(Bucket=address.bucket, Prefix=prefix, MaxKeys=1), uri, "the listing")
    headers = told["ResponseMetadata"]["HTTPHeaders"]
    keys = [item["Key"] for item in told.get("Contents", [])]
    for key in keys:
        # A refused head has no body, so the bare status is all that is told.
        with translated(f"s3://{address.bucket}/{key}"):
            client.head_object(Bucket=address.bucket, Key=key)
    return Probe(headers.get("server", ""), headers.get("x-amz-bucket-region"), keys[0] if keys else None)


def is_writable(path: str) -> bool:
    """Whether a directory may be written, or made: by its rights, and those of the nearest one above it that exists."""
    nearest = next(one for one in (Path(path).absolute(), *Path(path).absolute().parents) if one.exists())
    return nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)
