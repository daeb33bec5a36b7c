"""Sync brings what is new or changed, whole, and nothing else."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from modelway.errors import OutsideError
from modelway.storage import sync
from modelway.storage.mirror import STATE

if TYPE_CHECKING:
    from pathlib import Path

MEBIBYTE = 1 << 20


@pytest.fixture
def downloads(bucket, monkeypatch):
    """The keys that are downloaded from here on."""
    keys = []
    original = bucket.client.get_object

    def counting(**arguments):
        keys.append(arguments["Key"])
        return original(**arguments)

    monkeypatch.setattr(bucket.client, "get_object", counting)
    return keys


def run(bucket, directory, prefix="data", **more):
    return sync(bucket.uri(prefix), directory, s3=bucket.options, **more)


def visible(directory: Path) -> list[str]:
    return sorted(path.relative_to(directory).as_posix() for path in directory.rglob("[!.]*") if path.is_file())


def test_a_prefix_is_mirrored(bucket, tmp_path):
    bucket.put("data/a.csv", b"one")
    bucket.put("data/deep/b.csv", b"two")
    bucket.put("data/c.txt", b"no data")
    found = run(bucket, tmp_path / "cache")
    assert found == [("a.csv", tmp_path / "cache/a.csv"), ("deep/b.csv", tmp_path / "cache/deep/b.csv")]
    assert [path.read_bytes() for _, path in found] == [b"one", b"two"]


def test_one_object_is_mirrored(bucket, tmp_path):
    bucket.put("data/a.csv", b"one")
    assert [path.read_bytes() for _, path in run(bucket, tmp_path, "data/a.csv")] == [b"one"]


def test_only_what_changed_is_downloaded_again(bucket, tmp_path, downloads):
    bucket.put("data/a.csv", b"one")
    bucket.put("data/b.csv", b"two")
    run(bucket, tmp_path)
    assert sorted(downloads) == ["data/a.csv", "data/b.csv"]
    downloads.clear()
    run(bucket, tmp_path)
    assert downloads == []
    bucket.put("data/b.csv", b"TWO")  # the same size, another ETag
    run(bucket, tmp_path)
    assert downloads == ["data/b.csv"]
    assert (tmp_path / "b.csv").read_bytes() == b"TWO"


@pytest.mark.parametrize("harm", ["changed", "touched", "removed", "state torn", "state gone"])
def test_what_was_harmed_locally_is_downloaded_again(bucket, tmp_path, downloads, harm):
    bucket.put("data/a.csv", b"one")
    run(bucket, tmp_path)
    downloads.clear()
    file = tmp_path / "a.csv"
    if harm == "changed":
        file.write_bytes(b"two!")
    elif harm == "touched":
        file.write_bytes(b"two")
        os.utime(file, ns=(1, 1))
    elif harm == "removed":
        file.unlink()
    elif harm == "state torn":
        (tmp_path / STATE).write_text("{")
    else:
        (tmp_path / STATE).unlink()
    run(bucket, tmp_path)
    assert downloads == ["data/a.csv"]
    assert file.read_bytes() == b"one"


def test_what_is_gone_is_removed_only_if_asked_and_only_if_synced(bucket, tmp_path):
    bucket.put("data/a.csv")
    bucket.put("data/b.csv")
    run(bucket, tmp_path)
    (tmp_path / "mine.csv").write_text("mine")
    bucket.client.delete_object(Bucket=bucket.name, Key="data/b.csv")
    assert [name for name, _ in run(bucket, tmp_path)] == ["a.csv"]
    assert visible(tmp_path) == ["a.csv", "b.csv", "mine.csv"]
    run(bucket, tmp_path, remove=True)
    assert visible(tmp_path) == ["a.csv", "mine.csv"]


def put_in_parts(bucket, key, *sizes):
    content = os.urandom(sum(sizes))
    upload = bucket.client.create_multipart_upload(Bucket=bucket.name, Key=key)["UploadId"]
    parts, start = [], 0
    for number, size in enumerate(sizes, start=1):
        answer = bucket.client.upload_part(
            Bucket=bucket.name, Key=key, UploadId=upload, PartNumber=number, Body=content[start : start + size]
        )
        parts.append({"PartNumber": number, "ETag": answer["ETag"]})
        start += size
    done = bucket.client.complete_multipart_upload(
        Bucket=bucket.name, Key=key, UploadId=upload, MultipartUpload={"Parts": parts}
    )
    assert f"-{len(sizes)}" in done["ETag"]
    return content


@pytest.mark.parametrize("sizes", [(5, 5, 1), (5, 6, 1), (5,)])
def test_an_object_of_several_parts_is_checked_and_skipped(bucket, tmp_path, downloads, sizes):
    content = put_in_parts(bucket, "data/a.csv", *(size * MEBIBYTE for size in sizes))
    run(bucket, tmp_path)
    assert (tmp_path / "a.csv").read_bytes() == content
    downloads.clear()
    run(bucket, tmp_path)
    assert downloads == []


class Body:
    """Hands out other bytes than S3 has, or breaks."""

    def __init__(self, content: bytes, error: Exception | None = None) -> None:
        self.content, self.error = content, error

    def iter_chunks(self, size: int):
        yield self.content
        if self.error:
            raise self.error


def serve(bucket, monkeypatch, *bodies):
    """The next downloads get these bodies, the later ones the true one."""
    left, original = list(bodies), bucket.client.get_object

    def get_object(**arguments):
        answer = original(**arguments)
        return answer | ({"Body": left.pop(0)} if left else {})

    monkeypatch.setattr(bucket.client, "get_object", get_object)
    return left


def broken(content: bytes) -> Body:
    from botocore.exceptions import IncompleteReadError

    return Body(content, IncompleteReadError(actual_bytes=1, expected_bytes=3))


def test_a_torn_download_is_tried_again(bucket, tmp_path, monkeypatch):
    bucket.put("data/a.csv", b"one")
    left = serve(bucket, monkeypatch, Body(b"on"), broken(b"o"))
    run(bucket, tmp_path)
    assert left == []
    assert (tmp_path / "a.csv").read_bytes() == b"one"


@pytest.mark.parametrize("content", [b"on", b"eno"], ids=["short", "other bytes"])
@pytest.mark.parametrize("parts", [False, True])
def test_a_download_that_stays_torn_leaves_what_was_there(bucket, tmp_path, monkeypatch, content, parts):
    bucket.put("data/a.csv", b"old")
    run(bucket, tmp_path)
    if parts:
        content = content[:1] + put_in_parts(bucket, "data/a.csv", 5 * MEBIBYTE, 10)[len(content[:1]) :]
    else:
        bucket.put("data/a.csv", b"one")
    serve(bucket, monkeypatch, *[Body(content)] * 3)
    with pytest.raises(OutsideError, match="torn") as error:
        run(bucket, tmp_path)
    assert error.value.where == bucket.uri("data/a.csv")
    assert (tmp_path / "a.csv").read_bytes() == b"old"
    assert visible(tmp_path) == ["a.csv"]
    assert not list(tmp_path.glob("*.part")) + list(tmp_path.glob(".*.part"))


def test_an_encrypted_object_has_no_md5_to_compare(bucket, tmp_path, monkeypatch):
    bucket.put("data/a.csv", b"one")
    original = bucket.client.get_object
    monkeypatch.setattr(
        bucket.client,
        "get_object",
        lambda **a: original(**a) | {"ServerSideEncryption": "aws:kms", "Body": Body(b"eno")},
    )
    run(bucket, tmp_path)
    assert (tmp_path / "a.csv").read_bytes() == b"eno"


def test_an_object_that_changes_after_the_listing_is_not_mixed_up(bucket, tmp_path, monkeypatch):
    bucket.put("data/a.csv", b"one")
    original = bucket.client.get_object

    def changed_before(**arguments):
        bucket.put("data/a.csv", b"two")
        return original(**arguments)

    monkeypatch.setattr(bucket.client, "get_object", changed_before)
    with pytest.raises(OutsideError, match="changed"):
        run(bucket, tmp_path)
    assert visible(tmp_path) == []


def test_what_came_before_a_failure_is_kept(bucket, tmp_path, monkeypatch, downloads):
    bucket.put("data/a.csv", b"one")
    bucket.put("data/b.csv", b"two")
    original = bucket.client.get_object

    def failing(**arguments):
        answer = original(**arguments)
        return answer if arguments["Key"].endswith("a.csv") else answer | {"Body": Body(b"")}

    with monkeypatch.context() as patch:
        patch.setattr(bucket.client, "get_object", failing)
        with pytest.raises(OutsideError):
            run(bucket, tmp_path)
    downloads.clear()
    run(bucket, tmp_path)
    assert downloads == ["data/b.csv"]


def test_progress_counts_the_downloads(bucket, tmp_path):
    bucket.put("data/a.csv")
    bucket.put("data/b.csv")
    steps = []
    run(bucket, tmp_path, progress=lambda step, done, total, note="": steps.append((step, done, total, note)))
    assert steps == [("download", 1, 2, "a.csv"), ("download", 2, 2, "b.csv")]
