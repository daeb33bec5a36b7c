"""Stores over real HTTP: moto's server, and what is wrong with addresses, rights and credentials."""

from __future__ import annotations

import os
import urllib.request
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from modelway.records.data import S3Options
from modelway.storage import is_writable
from modelway.storage.s3 import s3_client

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Project


@pytest.fixture
def store(project: Project, empty_moto: str) -> str:
    """A bucket with one data file; `project` unset all that `empty_moto` then sets."""
    client = s3_client(S3Options(endpoint_url=empty_moto, region="us-east-1", path_style=True))
    client.create_bucket(Bucket="models")
    client.put_object(Bucket="models", Key="data/loans.csv", Body=b"income,defaulted\n1,true\n")
    return empty_moto


@pytest.fixture
def remote(settings: Callable[[str], None]) -> Callable[..., tuple[str, ...]]:
    """Settings of which data, state and log lie in a bucket; gives the flags."""

    def make(endpoint: str, bucket: str = "models", *, path_style: bool = True) -> tuple[str, ...]:
        s3 = f"{{endpoint_url: '{endpoint}', region: us-east-1, path_style: {str(path_style).lower()}}}"
        settings(f"environments:\n  local:\n    state: s3://{bucket}/state\n    log: s3://{bucket}/log\n    s3: {s3}\n")
        return ("--env", "local", "--set", f"prepare.data.uri=s3://{bucket}/data", "--set", f"prepare.s3={s3}")

    return make


@pytest.fixture
def guarded(store: str) -> Iterator[str]:
    """The same store, which now asks who we are: moto checks signatures against users that it has none of."""

    def allow(requests: bytes) -> None:
        asked = urllib.request.Request(f"{store}/moto-api/reset-auth", requests, {"content-type": "text/plain"})
        urllib.request.urlopen(asked, timeout=20).close()

    allow(b"0")
    yield store
    allow(b"inf")


def test_data_state_and_log_are_listed_and_read(store: str, remote: Any, seen: Callable[..., Any]) -> None:
    found = seen(*remote(store))
    assert found["exit"] == 0, found
    assert {found[name]["state"] for name in ("data", "state", "flags", "prediction log")} == {"ok"}
    assert "data/loans.csv may be read" in found["data"]["detail"]
    assert "nothing lies there yet" in found["state"]["detail"]


def test_what_would_take_a_write_is_said_not_to_be_checked(store: str, remote: Any, seen: Callable[..., Any]) -> None:
    found = seen(*remote(store))
    assert found["state: conditional writes"]["state"] == "not checked"
    assert {found[f"{name}: writing"]["state"] for name in ("state", "flags", "prediction log")} == {"not checked"}
    client = s3_client(S3Options(endpoint_url=store, region="us-east-1", path_style=True))
    assert [one["Key"] for one in client.list_objects_v2(Bucket="models")["Contents"]] == ["data/loans.csv"]


def test_a_wrong_endpoint_fails(
    store: str, remote: Any, seen: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    found = seen(*remote("http://127.0.0.1:9"))
    assert found["exit"] == 6
    assert {found[name]["state"] for name in ("data", "state", "flags", "prediction log")} == {"failed"}
    assert "s3.endpoint_url" in found["data"]["remedy"]


def test_a_bucket_that_is_not_there_fails(store: str, remote: Any, seen: Callable[..., Any]) -> None:
    found = seen(*remote(store, "elsewhere"))
    assert (found["exit"], found["state"]["state"]) == (3, "failed")
    assert "bucket" in found["state"]["detail"]


def test_wrong_keys_fail_and_are_not_told(guarded: str, remote: Any, seen: Callable[..., Any]) -> None:
    assert os.environ["AWS_SECRET_ACCESS_KEY"] == "secret"
    found = seen(*remote(guarded))
    assert (found["exit"], found["data"]["state"]) == (6, "failed")
    assert "refused" in found["data"]["detail"]


def test_no_keys_are_missing(
    store: str, remote: Any, seen: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    s3_client.cache_clear()
    found = seen(*remote(store))
    assert (found["exit"], found["data"]["state"]) == (2, "missing")
    assert "AWS_ACCESS_KEY_ID" in found["data"]["remedy"]


def test_a_bucket_in_the_host_name_needs_a_server_that_has_such_names(
    store: str, remote: Any, seen: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    found = seen(*remote(store.replace("127.0.0.1", "no-such-host.invalid"), path_style=False))
    assert found["exit"] == 6
    assert "path_style" in found["data"]["remedy"]


def test_a_place_that_may_not_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert is_writable(str(tmp_path / "a" / "b"))
    assert not is_writable(str(tmp_path / "file" / "below"))
    assert not is_writable(str(tmp_path / "file"))
