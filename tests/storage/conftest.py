"""An S3 server on the loopback, and a bucket of each test's own."""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from modelway.records.data import S3Options
from modelway.storage.s3 import s3_client

if TYPE_CHECKING:
    from collections.abc import Iterator


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


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def credentials(monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "someone")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))


@pytest.fixture
def new_clients(credentials):
    """Clients made in this test are its own; making one is slow, so others share them."""
    s3_client.cache_clear()
    yield
    s3_client.cache_clear()


@pytest.fixture
def bucket(s3_endpoint, credentials) -> Bucket:
    made = Bucket(
        f"bucket-{uuid.uuid4().hex}", S3Options(endpoint_url=s3_endpoint, region="eu-central-1", path_style=True)
    )
    made.client.create_bucket(Bucket=made.name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    return made
