"""A local disk that is really full: a small file system that another file fills, and frees again."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from modelway.records.data import S3Options
from modelway.records.serve import LogOptions
from modelway.serve.log import Journal

KILOBYTES = 256
FULL = ("spool_full", "memory_full")


class Disk:
    """The small file system."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def fill(self) -> None:
        with suppress(OSError), (self.path / "another").open("wb", buffering=0) as file:
            while file.write(b"x" * 1024):
                pass
        with suppress(OSError), (self.path / "rest").open("wb", buffering=0) as file:
            while file.write(b"x"):
                pass

    def free(self) -> None:
        for name in ("another", "rest"):
            (self.path / name).unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    path = tmp_path / "disk"
    path.mkdir()
    mount = shutil.which("mount")
    if mount is None:
        pytest.skip("there is no mount to make a small file system with")
    argv = [mount, "-t", "tmpfs", "-o", f"size={KILOBYTES}k,nr_inodes=200", "tmpfs", str(path)]
    done = subprocess.run(argv, check=False, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"a small file system can't be mounted here: {done.stderr.strip()}")
    yield Disk(path)
    subprocess.run(["umount", "--lazy", str(path)], check=True)


def _stored(root: Path) -> list[dict[str, Any]]:
    paths = root.glob("predictions/date=*/hour=*/*.jsonl.gz")
    return [json.loads(line) for path in paths for line in gzip.decompress(path.read_bytes()).splitlines()]


class _Feed:
    """Hands records to a log, faster than the small disk could hold them for long."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.number = 0

    def run(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.burst(20)
            time.sleep(0.02)

    def burst(self, records: int) -> None:
        for _ in range(records):
            line = json.dumps({"n": self.number, "much": os.urandom(100).hex()}).encode()
            self.journal.append("predictions", line, time.time())
            self.number += 1


def _options(disk: Disk, tmp_path: Path, **more: Any) -> LogOptions:
    return LogOptions(
        uri=str(tmp_path / "log"), spool=str(disk.path / "spool"), flush_seconds=0.02, segment_seconds=0.1, **more
    )


def test_log_on_a_disk_that_is_full_twice_resumes_and_loses_nothing(disk: Disk, tmp_path: Path, until: Any) -> None:
    journal = Journal(_options(disk, tmp_path), S3Options(), "r")
    feed = _Feed(journal)
    for _ in range(2):
        feed.run(0.3)
        disk.fill()
        feed.run(1)
        disk.free()
        feed.run(0.3)
        until(lambda: len(_stored(tmp_path / "log")) == feed.number)
    until(lambda: not journal.away)
    journal.close(5)
    assert sorted(record["n"] for record in _stored(tmp_path / "log")) == list(range(feed.number))
    assert journal.dropped == 0


def test_log_on_a_full_disk_without_a_store_counts_what_it_drops(disk: Disk, tmp_path: Path, until: Any) -> None:
    journal = Journal(_options(disk, tmp_path, queue_bytes=20_000, spool_bytes=60_000), S3Options(), "r")
    feed = _Feed(journal)
    (tmp_path / "log").write_text("away")
    for _ in range(2):
        feed.run(0.5)
        disk.fill()
        feed.run(0.5)
        before = journal.dropped
        until(lambda before=before: feed.burst(200) or journal.dropped > before)
        dropped = journal.dropped
        assert dropped + journal.backlog().records["predictions"] == feed.number
        disk.free()
    # Bursts of more than memory holds: how much is dropped, and why, must not depend on the machine's speed.
    until(lambda: feed.burst(200) or all(journal.counts()["dropped"]["predictions"][reason] for reason in FULL))
    (tmp_path / "log").unlink()
    feed.run(0.2)
    until(lambda: not journal.backlog().records["predictions"])
    stored = sorted(record["n"] for record in _stored(tmp_path / "log"))
    assert stored == sorted(set(stored))
    assert len(stored) + journal.dropped == feed.number
    counts = journal.counts()
    assert counts["dropped"]["predictions"]["spool_full"] > 0
    assert counts["dropped"]["predictions"]["memory_full"] > 0
    assert sum(counts["dropped"]["predictions"][reason] for reason in FULL) == journal.dropped
    journal.close(5)


def test_log_that_begins_on_a_full_disk_resumes(disk: Disk, tmp_path: Path, until: Any) -> None:
    disk.fill()
    for number in range(300):
        with suppress(OSError):
            (disk.path / f"inode{number}").touch()
    journal = Journal(_options(disk, tmp_path), S3Options(), "r")
    feed = _Feed(journal)
    feed.run(0.3)
    until(lambda: journal.counts()["delivered"]["predictions"])  # straight from memory
    for path in disk.path.glob("inode*"):
        path.unlink()
    disk.free()
    feed.run(0.3)
    until(lambda: len(_stored(tmp_path / "log")) == feed.number)
    until(lambda: list((disk.path / "spool").rglob(".lock")))
    journal.close(5)


FAST = {"log__flush_seconds": 0.05, "log__segment_seconds": 0.2}


def _sum(server: Any) -> float:
    names = ("delivered_records_total", "undelivered_records", "dropped_records_total")
    return sum(server.metric(f"modelway_log_{name}", stream="predictions") for name in names)


def test_server_whose_disk_is_full_twice_logs_all_it_answered(disk: Disk, start: Any, until: Any) -> None:
    server = start(**FAST, log__spool=str(disk.path / "spool"))
    ids = set()

    def ask(number: int) -> None:
        ids.update(server.predict().headers["x-prediction-id"] for _ in range(number))

    for _ in range(2):
        ask(20)
        disk.fill()
        ask(200)
        until(lambda: server.metric("modelway_log_failures_total") > 0)
        assert server.metric("modelway_log_records_total", stream="predictions") == len(ids)
        disk.free()
        ask(20)
        until(lambda: {line["id"] for line in server.lines()} == ids)
    assert len(server.lines()) == len(ids)
    until(lambda: server.metric("modelway_log_undelivered_records", stream="predictions") == 0)
    assert _sum(server) == server.metric("modelway_log_records_total", stream="predictions") == len(ids)
    assert server.metric("modelway_log_dropped_records_total", stream="predictions") == 0
    assert len(server.events("log_spool_failed")) <= 2
    assert server.stop() == 0


def test_server_that_ends_on_a_full_disk_delivers_from_memory(disk: Disk, start: Any) -> None:
    server = start(log__flush_seconds=60, log__segment_seconds=60, log__spool=str(disk.path / "spool"))
    disk.fill()
    ids = {server.predict().headers["x-prediction-id"] for _ in range(500)}
    assert server.stop() == 0
    assert {line["id"] for line in server.lines()} == ids
    assert sum(line["requests"] for line in server.lines("statistics")) == len(ids)


def test_server_that_ends_on_a_full_disk_without_a_store_says_what_it_lost(
    disk: Disk, start: Any, tmp_path: Path
) -> None:
    server = start(log__flush_seconds=60, log__segment_seconds=60, log__spool=str(disk.path / "spool"))
    disk.fill()
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "predictions").write_text("away")
    for _ in range(500):
        server.predict()
    assert server.stop() == 0
    (last,) = server.events("log_closed")
    assert last["handed"]["predictions"] == 500
    lost = last["dropped"]["predictions"]["shutdown"]
    spooled = sum(path.read_bytes().count(b"\n") for path in (disk.path / "spool").rglob("predictions~*.jsonl"))
    assert lost + spooled == 500
    assert lost > 0
    assert sum(event["records"] for event in server.events("log_lost")) == lost
    # The statistics still got out, and say it, too.
    assert max(line["log_dropped"] for line in server.lines("statistics")) == lost
