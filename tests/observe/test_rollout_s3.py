"""The log in a bucket: the storage's own time of each file, and copies of no more hours than are needed."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from modelway.observe.key_ledger import KeyLedger
from modelway.observe.log_hours import LogPlace, hours_between
from modelway.observe.log_tables import hour_files
from modelway.observe.rollout_log import RolloutWindow, read_intervals
from modelway.observe.rollout_outcomes import read_outcomes
from modelway.records.data import S3Options, Task
from modelway.records.observe import Baseline
from modelway.records.progress import silent
from modelway.records.rollout import OutcomeGuard
from modelway.storage.s3 import s3_client

from .rollout_fleet import BINARY, EPOCH, NOON, OPTIONS, Fleet, Request


@pytest.fixture
def s3(empty_moto: str) -> S3Options:
    options = S3Options(endpoint_url=empty_moto, region="us-east-1", path_style=True)
    s3_client(options).create_bucket(Bucket="bucket")
    return options


@pytest.fixture
def fleet(tmp_path) -> Fleet:
    return Fleet(tmp_path)


def put(fleet: Fleet, s3: S3Options, paths: list[Path]) -> list[str]:
    names = [f"log/{path.relative_to(fleet.log).as_posix()}" for path in paths]
    for name, path in zip(names, paths, strict=True):
        s3_client(s3).put_object(Bucket="bucket", Key=name, Body=path.read_bytes())
    return names


def test_a_log_in_a_bucket_is_read_and_written_is_the_buckets_time(fleet, s3, tmp_path) -> None:
    begin = time.time() // 10 * 10 - 100
    before = int(time.time())
    put(fleet, s3, fleet.serve([Request(begin + 1, key=1), Request(begin + 65, key=2)], begin, begin + 90))
    after = time.time()
    window = RolloutWindow(begin, begin + 95, EPOCH, 1, 0.5, shadow=False)
    arguments = (window, KeyLedger(), BINARY, OPTIONS, 10.0, s3, tmp_path / "cache", silent)
    (interval,) = read_intervals("s3://bucket/log", *arguments).intervals
    assert interval.requests == 1
    (report,) = interval.reports
    assert before <= report.written <= after
    # Another look needs no download, and gives the same.
    downloads = []
    again = (*arguments[:-1], lambda step, *_: downloads.append(step))
    assert read_intervals("s3://bucket/log", *again).intervals == (interval,)
    assert "download" not in downloads


def test_an_upload_that_was_tried_again_cries_no_wolf(fleet, s3, tmp_path) -> None:
    paths = fleet.serve([Request(NOON + 1, key=1)])
    put(fleet, s3, paths)
    put(fleet, s3, paths)
    window = RolloutWindow(NOON, NOON + 95, EPOCH, 1, 0.5, shadow=False)
    cache = tmp_path / "cache"
    (interval,) = read_intervals(
        "s3://bucket/log", window, KeyLedger(), BINARY, OPTIONS, 10.0, s3, cache, silent
    ).intervals
    assert [report.requests for report in interval.reports] == [1]
    assert interval.requests == 1


def test_copies_of_hours_that_are_over_are_removed(fleet, s3, tmp_path) -> None:
    put(fleet, s3, fleet.serve([Request(NOON + 1, key=1)]))
    place = LogPlace("s3://bucket/log", s3, tmp_path / "cache", silent)
    (hour,) = hours_between(NOON, NOON + 3600)
    assert len(hour_files(place, "predictions", hour).segments) == 1
    place.forget(hour)
    assert list((tmp_path / "cache").rglob("*.jsonl.gz"))
    place.forget(next(iter(hours_between(NOON + 3600, NOON + 3601))))
    assert not list((tmp_path / "cache").rglob("*.jsonl.gz"))


def test_outcomes_are_joined_again_without_the_hours_copies(fleet, s3, tmp_path) -> None:
    put(fleet, s3, fleet.serve([Request(NOON + 1, key=1, score=0.9)]))
    (tmp_path / "labels.csv").write_text("id,bad\nr0-0,yes\n")
    baseline = Baseline(
        rows=1, columns={}, predictions=None, metrics={}, task=Task.CLASSIFICATION, target="bad", classes=("no", "yes")
    )
    cache, steps = tmp_path / "cache", []

    def outcomes() -> int:
        guard = OutcomeGuard(uri=str(tmp_path / "labels.csv"), alpha=0.1)
        about = (guard, {EPOCH}, baseline, NOON, NOON + 100, s3, cache, lambda step, *_: steps.append(step))
        return read_outcomes("s3://bucket/log", guard.uri, *about).champion.keys

    assert outcomes() == 1
    assert "download" in steps
    LogPlace("s3://bucket/log", s3, cache, silent).forget(next(iter(hours_between(NOON + 3600, NOON + 3601))))
    steps.clear()
    assert outcomes() == 1
    assert steps == ["outcomes"]


def test_a_log_that_nobody_wrote_yet_has_no_file(s3, tmp_path) -> None:
    place = LogPlace("s3://bucket/log", s3, tmp_path / "cache", silent)
    assert hour_files(place, "predictions", next(iter(hours_between(NOON, NOON + 1)))).segments == []
    place.forget(next(iter(hours_between(NOON, NOON + 1))))
