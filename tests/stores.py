"""A store of each kind, local files and S3, written and listed without modelway's own readers and writers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from modelway.records.data import S3Options
from modelway.storage.s3 import s3_client
from tests.every_step import Fault

BUCKET = "bucket"
REMOTE_FAULTS = (Fault.BROKEN, Fault.LOST, Fault.KILLED)
"""A request knows no other: it does not arrive, its answer does not, or the process ends."""
EACH_STORE_AND_FAULT = pytest.mark.parametrize(
    ("store", "fault"),
    [("files", fault) for fault in Fault] + [("s3", fault) for fault in REMOTE_FAULTS],
    indirect=["store"],
)


def name_of(root: Path) -> str:
    """The part of an address that the files of a directory have in common, in every store."""
    return root.name


@dataclass(frozen=True)
class Store:
    """Where a state lies: in a directory, or below the prefix of the directory's name in a bucket.

    Attributes:
        s3: options of the server; None of a store of local files.
    """

    s3: S3Options | None = None

    @property
    def options(self) -> S3Options:
        """What functions of the storage are given, whatever the store."""
        return self.s3 or S3Options()

    @property
    def client(self) -> Any:
        return s3_client(self.options)

    def uri(self, root: Path, name: str = "") -> str:
        """The address of a file of this name, or of the directory."""
        base = f"s3://{BUCKET}/{root.name}" if self.s3 else str(root)
        return f"{base}/{name}".rstrip("/")

    def put(self, root: Path, name: str, content: bytes) -> None:
        """Write a file."""
        if self.s3:
            self.client.put_object(Bucket=BUCKET, Key=f"{root.name}/{name}", Body=content)
        else:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(content)

    def get(self, root: Path, name: str) -> bytes | None:
        """A file's content; None where there is none."""
        if not self.s3:
            return (root / name).read_bytes() if (root / name).is_file() else None
        try:
            content: bytes = self.client.get_object(Bucket=BUCKET, Key=f"{root.name}/{name}")["Body"].read()
        except self.client.exceptions.NoSuchKey:
            return None
        return content

    def names(self, root: Path) -> list[str]:
        """All there is: files, directories, objects, and uploads that were begun and neither ended nor aborted."""
        found = [str(path.relative_to(root)) for path in root.rglob("*")]
        return sorted([*found, *(self._keys(root) if self.s3 else ()), *(self._uploads(root) if self.s3 else ())])

    def _keys(self, root: Path) -> list[str]:
        prefix = f"{root.name}/"
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        return [one["Key"].removeprefix(prefix) for page in pages for one in page.get("Contents", [])]

    def _uploads(self, root: Path) -> list[str]:
        answer = self.client.list_multipart_uploads(Bucket=BUCKET, Prefix=f"{root.name}/")
        return [f"upload of {one['Key'].removeprefix(f'{root.name}/')}" for one in answer.get("Uploads", [])]


def s3_store(endpoint: str) -> Store:
    """A store on a server of S3, in a bucket that is made."""
    made = Store(S3Options(endpoint_url=endpoint, region="us-east-1", path_style=True))
    made.client.create_bucket(Bucket=BUCKET)
    return made
