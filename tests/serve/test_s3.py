"""The prediction log and the flag document on S3, over real HTTP."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from modelway.flags import update_flags, with_shares
from modelway.records.data import S3Options
from modelway.records.flags import Shares
from modelway.storage.s3 import s3_client


@pytest.fixture
def s3(empty_moto: str) -> S3Options:
    options = S3Options(endpoint_url=empty_moto, region="us-east-1", path_style=True)
    s3_client(options).create_bucket(Bucket="bucket")
    return options


def _lines(s3: S3Options, bucket: str = "bucket") -> list[dict]:
    client = s3_client(s3)
    keys = [
        item["Key"] for item in client.list_objects_v2(Bucket=bucket, Prefix="log/predictions/").get("Contents", [])
    ]
    bodies = [client.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys]
    return [json.loads(line) for body in bodies for line in gzip.decompress(body).splitlines()]


def test_the_log_goes_to_a_bucket(start, s3, until) -> None:
    server = start(log__uri="s3://bucket/log", s3=s3.model_dump())
    ids = {server.predict().headers["x-prediction-id"] for _ in range(20)}
    assert server.stop() == 0
    # On a busy machine the store may be too slow for a server that ends; the next one brings what was left.
    start(log__uri="s3://bucket/log", s3=s3.model_dump())
    until(lambda: {line["id"] for line in _lines(s3)} == ids, seconds=60)
    assert len(_lines(s3)) == 20


def test_a_bucket_that_is_not_there_is_survived(start, s3, until) -> None:
    server = start(
        log__uri="s3://later/log",
        s3=s3.model_dump(),
        log__flush_seconds=0.05,
        log__segment_seconds=0.1,
    )
    server.predict()
    until(lambda: server.metric("modelway_log_away") == 1)
    s3_client(s3).create_bucket(Bucket="later")
    until(lambda: server.metric("modelway_log_away") == 0)
    # One stream's delivery ends the trouble; the others follow.
    until(lambda: len(_lines(s3, "later")) == 1)


def test_flags_are_read_from_a_bucket(start, bundle, s3, until) -> None:
    def put(share: float) -> None:
        update_flags("s3://bucket/flags.json", lambda found: with_shares(found, Shares(new_model=share)), s3=s3)

    put(0)
    server = start(
        *("--challenger", str(bundle(4)), "--flags", "s3://bucket/flags.json"),
        s3=s3.model_dump(),
        routing__poll_seconds=0.05,
    )
    assert server.predict().json["model_version"] == "3"
    put(1)
    until(lambda: server.predict().json["model_version"] == "4")


@pytest.fixture
def dribbling() -> Iterator[S3Options]:
    """A store that takes requests and answers a byte at a time, for good."""
    listener, held = socket.create_server(("127.0.0.1", 0), backlog=64), []

    def dribble(client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client.sendall(b"H")
                time.sleep(0.2)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                held.append(listener.accept()[0])
                threading.Thread(target=dribble, args=(held[-1],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    yield S3Options(endpoint_url=url, region="us-east-1", path_style=True)
    for one in (listener, *held):
        one.close()


def test_a_store_that_dribbles_counts_as_away_and_holds_up_nothing(start, dribbling: S3Options, until) -> None:
    server = start(
        log__uri="s3://bucket/log",
        s3=dribbling.model_dump(),
        log__flush_seconds=0.05,
        log__segment_seconds=0.1,
        env={"MODELWAY_OUTSIDE_SECONDS": "1"},
    )
    assert server.predict().status == 200
    until(lambda: server.metric("modelway_log_away") == 1, seconds=60)
    for _ in range(20):
        assert server.predict().status == 200
    assert server.stop() == 0


def test_flags_on_a_store_that_dribbles_hold_up_nothing(start, bundle, dribbling: S3Options) -> None:
    server = start(
        *("--challenger", str(bundle(4)), "--flags", "s3://bucket/flags.json"),
        s3=dribbling.model_dump(),
        routing__poll_seconds=0.05,
        env={"MODELWAY_OUTSIDE_SECONDS": "1"},
    )
    for _ in range(20):
        assert server.predict().json["model_version"] == "3"
    assert server.stop() == 0
