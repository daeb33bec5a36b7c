"""Folders by date and hour, of which the old ones are removed."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from modelway.errors import OutsideError
from modelway.records.data import S3Options
from modelway.storage import remove_hours, write_bytes
from modelway.storage.s3 import s3_client

BEFORE = datetime(2024, 3, 2, 1, tzinfo=UTC).timestamp()
"""02:00 on the 2nd of March is the hour that ended first after it."""
OLD = (
    "date=2023-12-31/hour=23/a.jsonl.gz",
    "date=2024-03-01/hour=23/a.jsonl.gz",
    "date=2024-03-01/hour=23/part-0.parquet",
    "date=2024-03-01/hour=23/below/b",
    "date=2024-03-02/hour=00/a.jsonl.gz",
)
KEPT = (
    "date=2024-03-02/hour=01/a.jsonl.gz",
    "date=2025-01-01/hour=00/a.jsonl.gz",
    "date=2023-99-99/hour=00/no-day",
    "date=2023-01-01/hour=0x/no-hour",
    "date=2023-01-01/no-hour",
    "other/date=2023-01-01/hour=00/elsewhere",
)


@pytest.fixture(params=["files", "s3"])
def store(request: Any, tmp_path: Path) -> tuple[str, S3Options]:
    if request.param == "files":
        return str(tmp_path / "log" / "predictions"), S3Options()
    options = S3Options(endpoint_url=request.getfixturevalue("empty_moto"), region="us-east-1", path_style=True)
    s3_client(options).create_bucket(Bucket="bucket")
    return "s3://bucket/log/predictions", options


def _names(uri: str, s3: S3Options) -> set[str]:
    if not uri.startswith("s3://"):
        return {path.relative_to(uri).as_posix() for path in Path(uri).rglob("*") if path.is_file()}
    pages = s3_client(s3).get_paginator("list_objects_v2").paginate(Bucket="bucket", Prefix="log/predictions/")
    return {item["Key"].removeprefix("log/predictions/") for page in pages for item in page.get("Contents", [])}


def test_remove_hours_removes_whole_hours_that_are_over_and_nothing_else(store: tuple[str, S3Options]) -> None:
    uri, s3 = store
    for name in (*OLD, *KEPT):
        write_bytes(f"{uri}/{name}", b"x", s3=s3)
    assert remove_hours(uri, BEFORE, s3, requests=50) == (len(OLD), True)
    assert _names(uri, s3) == set(KEPT)
    assert remove_hours(uri, BEFORE, s3, requests=50) == (0, True)


def test_remove_hours_of_nothing_is_no_mistake(store: tuple[str, S3Options]) -> None:
    uri, s3 = store
    assert remove_hours(uri, BEFORE, s3, requests=50) == (0, True)


def test_remove_hours_makes_no_more_requests_than_it_may_and_goes_on_next_time(
    store: tuple[str, S3Options], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modelway.storage.hours._KEYS", 2)
    uri, s3 = store
    names = [f"date=2024-01-01/hour={hour:02}/{file}" for hour in range(5) for file in "ab"]
    for name in (*names, *KEPT):
        write_bytes(f"{uri}/{name}", b"x", s3=s3)
    looks = 0
    complete = False
    while not complete:
        before = len(_names(uri, s3))
        removed, complete = remove_hours(uri, BEFORE, s3, requests=4)
        looks += 1
        assert before - len(_names(uri, s3)) == removed <= 8
    assert looks >= 2
    assert _names(uri, s3) == set(KEPT)


def test_remove_hours_follows_no_link(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious").write_text("x")
    day = tmp_path / "log" / "date=2023-01-01"
    day.mkdir(parents=True)
    (day / "hour=00").symlink_to(elsewhere)
    (day / "hour=01").mkdir()
    (day / "hour=01" / "link").symlink_to(elsewhere)
    remove_hours(str(tmp_path / "log"), BEFORE, S3Options(), requests=50)
    assert (elsewhere / "precious").exists()
    assert not (day / "hour=01").exists()


def test_remove_hours_that_is_denied_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "date=2023-01-01" / "hour=00").mkdir(parents=True)

    def deny(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "denied", str(tmp_path))

    monkeypatch.setattr(os, "rmdir", deny)
    with pytest.raises(OutsideError, match="denied"):
        remove_hours(str(tmp_path), BEFORE, S3Options(), requests=50)
