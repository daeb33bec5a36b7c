"""Reading, writing, writing if unchanged, and how failures are told."""

from __future__ import annotations

import errno
import os
import socket
import threading

import pytest

from modelway.errors import InputError, ModelwayError, OutsideError, UsageError
from modelway.records.data import S3Options
from modelway.serve.rollout_page import read_rollout_page
from modelway.storage import list_files, read_bytes, read_range, read_tagged, write_bytes, write_if_unchanged
from modelway.storage.local import outside
from modelway.storage.s3 import s3_client


@pytest.fixture(params=["local", "s3"])
def place(request, tmp_path):
    """An address to write below, and the options to reach it."""
    if request.param == "local":
        return lambda name: str(tmp_path / "new" / name), S3Options()
    bucket = request.getfixturevalue("bucket")
    return lambda name: bucket.uri(f"new/{name}"), bucket.options


def test_what_is_written_is_read(place):
    uri, s3 = place
    write_bytes(uri("a"), b"one", s3=s3)
    write_bytes(uri("a"), b"two", s3=s3)
    assert read_bytes(uri("a"), s3=s3) == b"two"


def test_reading_what_is_not_there_is_refused(place):
    uri, s3 = place
    with pytest.raises(InputError, match="no such") as error:
        read_bytes(uri("a"), s3=s3)
    assert error.value.where == uri("a")
    assert error.value.remedy


def test_a_write_if_unchanged_needs_the_tag_that_was_read(place):
    uri, s3 = place
    first = write_if_unchanged(uri("a"), b"one", None, s3=s3)
    assert first is not None
    assert write_if_unchanged(uri("a"), b"two", None, s3=s3) is None
    content, tag = read_tagged(uri("a"), s3=s3)
    assert (content, tag) == (b"one", first)
    second = write_if_unchanged(uri("a"), b"two", first, s3=s3)
    assert second not in (None, first)
    assert write_if_unchanged(uri("a"), b"three", first, s3=s3) is None
    assert write_if_unchanged(uri("b"), b"one", first, s3=s3) is None
    assert read_bytes(uri("a"), s3=s3) == b"two"


def test_of_many_local_writers_each_change_counts(tmp_path):
    uri = str(tmp_path / "counter")
    write_bytes(uri, b"0")

    def count() -> None:
        for _ in range(10):
            while True:
                content, tag = read_tagged(uri)
                if write_if_unchanged(uri, str(int(content) + 1).encode(), tag):
                    break

    writers = [threading.Thread(target=count) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert read_bytes(uri) == b"40"


@pytest.mark.parametrize(
    ("number", "remedy"),
    [(errno.ENOSPC, "Free space"), (errno.EDQUOT, "Free space"), (errno.EACCES, "permissions"), (errno.EIO, None)],
)
def test_outside_names_the_place_and_a_remedy(number, remedy):
    error = outside(OSError(number, os.strerror(number)), "somewhere")
    assert (error.where, error.exit_code) == ("somewhere", 6)
    assert os.strerror(number) in error.what
    assert (remedy or "") in (error.remedy or "")
    assert (remedy is None) == (error.remedy is None)


def test_a_directory_is_no_file_to_read(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_bytes(str(tmp_path))


@pytest.mark.parametrize(
    "use",
    [
        read_bytes,
        read_tagged,
        lambda uri: read_range(uri, 0, 1, "", S3Options()),
        lambda uri: write_if_unchanged(uri, b"x", "a" * 64),
        read_rollout_page,
    ],
    ids=["read_bytes", "read_tagged", "read_range", "write_if_unchanged", "rollout page"],
)
@pytest.mark.parametrize("kind", ["fifo", "device"])
def test_reading_what_is_no_regular_file_never_waits(tmp_path, use, kind):
    path = tmp_path / "flags.json"
    os.mkfifo(path) if kind == "fifo" else path.symlink_to("/dev/zero")
    said = []

    def reading():
        try:
            said.append(use(str(path)))
        except InputError as error:
            said.append(error.what)

    thread = threading.Thread(target=reading, daemon=True)
    thread.start()
    thread.join(20)
    assert said == [None if use is read_rollout_page else "not a regular file"]


def test_a_place_that_is_a_file_can_hold_nothing(tmp_path):
    (tmp_path / "a").write_text("x")
    for write in (write_bytes, lambda uri, content: write_if_unchanged(uri, content, None)):
        with pytest.raises(OutsideError):
            write(str(tmp_path / "a" / "b"), b"x")


def refused_with(bucket, code: str, status: int = 400) -> ModelwayError:
    """The error for a server that answers with this code."""
    from botocore.exceptions import ClientError

    from modelway.storage.s3 import translated

    answer = {"Error": {"Code": code, "Message": "why"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    with pytest.raises(ModelwayError) as error, translated("s3://b/k"):
        raise ClientError(answer, "GetObject")
    return error.value


@pytest.mark.parametrize(
    ("code", "exit_code", "says"),
    [
        ("NoSuchBucket", 3, "no such bucket"),
        ("NoSuchKey", 3, "no such object"),
        ("404", 3, "no such object"),
        ("AccessDenied", 6, "access denied"),
        ("403", 6, "access denied"),
        ("ExpiredToken", 6, "credentials"),
        ("SignatureDoesNotMatch", 6, "credentials"),
        ("PermanentRedirect", 6, "another region"),
        ("PreconditionFailed", 6, "changed"),
        ("SlowDown", 6, "SlowDown: why"),
    ],
)
def test_every_answer_has_its_exit_code_place_and_remedy(aws_keys, code, exit_code, says):
    error = refused_with(None, code)
    assert (error.exit_code, error.where) == (exit_code, "s3://b/k")
    assert says in error.what
    assert error.remedy


def test_a_bucket_that_is_not_there_is_refused(bucket):
    for action in (
        lambda uri: list_files(uri, s3=bucket.options),
        lambda uri: read_bytes(uri, s3=bucket.options),
        lambda uri: write_bytes(uri, b"", s3=bucket.options),
    ):
        with pytest.raises(InputError, match="no such bucket"):
            action("s3://there-is-none/data.csv")


def test_nothing_below_a_prefix_is_refused(bucket):
    with pytest.raises(InputError, match="no data file"):
        list_files(bucket.uri("gone"), s3=bucket.options)


def test_an_endpoint_that_does_not_answer_is_outside(aws_keys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        options = S3Options(endpoint_url=f"http://127.0.0.1:{taken.getsockname()[1]}", region="us-east-1")
        with pytest.raises(OutsideError, match="can't be reached") as error:
            read_bytes("s3://bucket/key", s3=options)
    assert "endpoint_url" in error.value.remedy
    assert "path_style" in error.value.remedy


def test_missing_credentials_are_wrong_usage(new_clients, bucket, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    s3_client.cache_clear()
    with pytest.raises(UsageError, match="no credentials") as error:
        read_bytes(bucket.uri("a"), s3=bucket.options)
    assert "AWS_ACCESS_KEY_ID" in error.value.remedy


def test_an_endpoint_that_is_no_address_is_wrong_usage(aws_keys):
    with pytest.raises(UsageError) as error:
        read_bytes("s3://bucket/key", s3=S3Options(endpoint_url="no address", region="us-east-1"))
    assert "s3.endpoint_url" in error.value.remedy


def test_a_bucket_name_that_can_not_be_is_refused(bucket):
    with pytest.raises(InputError, match="no address"):
        read_bytes("s3://no bucket/key", s3=bucket.options)


def test_path_style_puts_the_bucket_into_the_path(aws_keys):
    def address(path_style: bool) -> str:
        client = s3_client(S3Options(endpoint_url="http://store.test:9000", region="us-west-2", path_style=path_style))
        return client.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "key"})

    assert address(True).startswith("http://store.test:9000/bucket/key?")
    assert s3_client(S3Options(region="us-west-2")).meta.region_name == "us-west-2"
    assert address(False).startswith("http://bucket.store.test:9000/key?")


def test_without_boto3_the_extra_is_named(new_clients, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "boto3", None)
    monkeypatch.setitem(sys.modules, "botocore.exceptions", None)
    for action in (list_files, read_bytes):
        with pytest.raises(UsageError) as error:
            action("s3://bucket/key")
        assert "modelway[train]" in error.value.remedy
