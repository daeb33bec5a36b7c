"""An S3 server on the loopback, and a bucket of each test's own."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

import pytest

from modelway.records.data import S3Options
from modelway.storage.s3 import s3_client


@dataclass(frozen=True)
class Bucket:
    name: str
    options: S3Options

    @property
    def client(self):
        return s3_client(self.options)

    def uri(self, key: str = "") -> str:
        return f"s3://{self.name}/{key}"

    def put(self, key: str, content: bytes = b"x", **more) -> None:
        self.client.put_object(Bucket=self.name, Key=key, Body=content, **more)


@pytest.fixture
def new_clients(aws_keys):
    """Clients made in this test are its own; making one is slow, so others share them."""
    s3_client.cache_clear()
    yield
    s3_client.cache_clear()


@pytest.fixture
def bucket(moto_server, aws_keys) -> Bucket:
    made = Bucket(
        f"bucket-{uuid.uuid4().hex}", S3Options(endpoint_url=moto_server, region="eu-central-1", path_style=True)
    )
    made.client.create_bucket(Bucket=made.name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    return made
