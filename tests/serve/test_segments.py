"""Segments on local disk, and lines on their way there."""

from __future__ import annotations

import gzip
import os
import shutil
import stat
import threading
from collections import Counter
from pathlib import Path

import pytest

from modelway.records.data import S3Options
from modelway.records.serve import LogOptions
from modelway.serve.log import Counts, Journal
from modelway.serve.log import delivery as delivery_module
from modelway.serve.log.left import count_left
from modelway.serve.log.segments import OpenSegment, in_memory, pack
from modelway.serve.log.spool import Spool

HOUR = 3600.0
NOON = 1_700_000_000 // 3600 * HOUR


@pytest.fixture
def options(tmp_path):
    return LogOptions(uri=str(tmp_path / "log"), spool=str(tmp_path / "spool"), flush_seconds=0.02, segment_seconds=0.1)


def _read(folder) -> list[bytes]:
    return [line for path in sorted(folder.glob("*.jsonl.gz")) for line in gzip.open(path).read().splitlines()]


def _stored(root: Path) -> list[bytes]:
    return [line for hour in sorted(root.glob("log/predictions/date=*/hour=*")) for line in _read(hour)]


def _dropped(journal: Journal) -> dict[str, int]:
    return dict(+Counter(journal.counts()["dropped"]["predictions"]))


class _Own(Spool):
    """A spool of another process, as far as its locks tell."""

    def __init__(self, root: Path) -> None:
        self.counts = Counts()
        super().__init__(root, self.counts)

    def end(self) -> None:
        for number in self._owned.values():
            os.close(number)


def test_a_record_goes_to_the_hour_in_which_its_request_came(options, tmp_path) -> None:
    journal = Journal(options, S3Options(), "r")
    for place, moment in enumerate((NOON - 1, NOON, NOON + 1, NOON + HOUR, NOON - 2)):
        journal.append("predictions", b'{"n":%d}' % place, moment)
    journal.close(5)
    hours = sorted((tmp_path / "log" / "predictions").glob("date=*/hour=*"))
    assert [path.name for path in hours] == ["hour=21", "hour=22", "hour=23"]
    assert [_read(hour) for hour in hours] == [[b'{"n":0}', b'{"n":4}'], [b'{"n":1}', b'{"n":2}'], [b'{"n":3}']]
    assert [len(list(hour.iterdir())) for hour in hours] == [1, 1, 1]


class TestSpool:
    def test_spool_with_a_torn_line_of_a_killed_process_cuts_and_counts_it(self, tmp_path) -> None:
        spool = _Own(tmp_path)
        segment = OpenSegment(spool.directory(), "predictions", "2024-01-01T10", "x")
        segment.append([b"1", b"2"])
        segment.path.write_bytes(segment.path.read_bytes() + b'{"to')
        spool.end()
        again = _Own(tmp_path)
        again.look()
        (found,) = again.segments()
        assert found.records == 2
        assert found.address == "predictions/date=2024-01-01/hour=10/x.jsonl.gz"
        assert again.counts.tree()["dropped"]["predictions"]["cut_off"] == 1

    def test_spool_with_nothing_but_a_torn_line_leaves_nothing(self, tmp_path) -> None:
        folder = tmp_path / "0"
        folder.mkdir()
        (folder / "predictions~2024-01-01T10~x.part").write_bytes(b'{"to')
        spool = _Own(tmp_path)
        spool.look()
        assert spool.segments() == []
        assert not list(folder.glob("*~*"))
        assert spool.counts.lost("predictions") == 1

    def test_spool_of_an_ended_process_is_taken_over_and_a_living_ones_is_not(self, tmp_path) -> None:
        living, ended = _Own(tmp_path), _Own(tmp_path)
        for spool in (living, ended):
            segment = OpenSegment(spool.directory(), "predictions", "2024-01-01T10", spool.directory().name)
            segment.append([b"1"])
        other = _Own(tmp_path)
        other.look()
        assert other.segments() == []
        ended.end()
        other.look()
        assert [segment.path.name for segment in other.segments()] == ["predictions~2024-01-01T10~1~1.jsonl"]
        other.delivered(other.segments()[0])
        other.look()  # it is let go of, and the next process may have it
        assert _Own(tmp_path).directory() == ended.root / "1"

    def test_spool_that_was_taken_over_and_removed_belongs_to_the_process_that_makes_it_again(self, tmp_path) -> None:
        survivor, ended = _Own(tmp_path), _Own(tmp_path)
        OpenSegment(ended.directory(), "predictions", "2024-01-01T10", "a").append([b"1"])
        ended.end()
        survivor.look()
        shutil.rmtree(tmp_path / "1")
        successor = _Own(tmp_path)
        assert successor.directory() == tmp_path / "1"
        segment = OpenSegment(successor.directory(), "predictions", "2024-01-01T10", "b")
        segment.append([b"2"])
        successor.grow(segment)
        survivor.look()
        assert [one.name for one in survivor.segments()] == ["a"]
        successor.grown(segment, segment.close())
        survivor.look()
        assert [one.name for one in survivor.segments()] == ["a"]
        assert [one.name for one in successor.segments()] == ["b"]

    def test_spool_next_to_one_that_can_not_be_opened_takes_the_others(self, tmp_path, monkeypatch) -> None:
        for name in ("1", "2"):
            (tmp_path / name).mkdir()
            (tmp_path / name / "predictions~2024-01-01T10~x~1.jsonl").write_bytes(b"1\n")
        opened = os.open

        def deny(path, *more):
            if str(path).endswith("1/.lock"):
                raise PermissionError(13, "denied")
            return opened(path, *more)

        spool = _Own(tmp_path)
        monkeypatch.setattr(os, "open", deny)
        spool.look()
        assert [segment.path.parent.name for segment in spool.segments()] == ["2"]

    def test_spool_is_for_its_own_user_alone(self, options, tmp_path) -> None:
        before = os.umask(0)
        try:
            (tmp_path / "log").write_text("away")
            journal = Journal(options, S3Options(), "r")
            for place in range(2):
                journal.append("predictions", b"%d" % place, NOON)
                journal.settle(1) if place else journal._flush(closes=True)
            journal.append("statistics", b"1", NOON)
            journal._flush(closes=False)
        finally:
            os.umask(before)
        found = list((tmp_path / "spool").rglob("*"))
        assert {path.suffix for path in found if path.is_file()} >= {".part", ".gz", ""}
        for path in (tmp_path / "spool", *found):
            assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


class TestDurability:
    """A file is brought to disk before its new name says that it is whole: a power loss must not empty it."""

    @pytest.fixture
    def synced(self, monkeypatch) -> list[tuple[str, int, int]]:
        """What was synced and renamed, in order, by inode."""
        sync, rename, found = os.fsync, Path.rename, []

        def note_sync(number: int) -> None:
            sync(number)
            found.append(("synced", os.fstat(number).st_ino, os.fstat(number).st_size))

        def note_rename(path: Path, target: Path) -> Path:
            found.append(("renamed", path.stat().st_ino, path.stat().st_size))
            return rename(path, target)

        monkeypatch.setattr(os, "fsync", note_sync)
        monkeypatch.setattr(Path, "rename", note_rename)
        return found

    def test_segments_are_synced_whole_before_each_rename(self, tmp_path, synced) -> None:
        segment = OpenSegment(tmp_path, "predictions", "2024-01-01T10", "x")
        for _ in range(2):
            segment.append([b"1", b"2"])
        closed = segment.close()
        packed = pack(closed, gzip.compress(b"1\n2\n" * 2), tmp_path)
        pack(in_memory("predictions", "2024-01-01T10", "y", [b"1"], 0.0), gzip.compress(b"1\n"), tmp_path)
        assert [what for what, *_ in synced] == ["synced", "renamed"] * 3
        assert [one[1:] for one in synced[::2]] == [one[1:] for one in synced[1::2]]
        assert synced[1][2] == 8
        assert packed.size == synced[3][2] == (tmp_path / packed.path.name).stat().st_size


class TestJournal:
    @pytest.mark.parametrize(
        "error", [OSError(28, "full"), MemoryError(), UnicodeError("odd"), RuntimeError("bug")], ids=repr
    )
    def test_journal_whose_disk_fails_in_any_way_goes_on(self, options, tmp_path, monkeypatch, until, error) -> None:
        write, failing = os.pwrite, True

        def fail(number, content, place):
            if failing:
                write(number, bytes(content)[: len(content) // 2], place)
                raise error
            return write(number, content, place)

        monkeypatch.setattr(os, "pwrite", fail)
        journal = Journal(options, S3Options(), "r")
        for place in range(10):
            journal.append("predictions", b"%d" % place, NOON)
            until(lambda: journal.away)
        failing = False
        journal.append("predictions", b"10", NOON)
        journal.close(5)
        assert sorted(_stored(tmp_path), key=int) == [b"%d" % place for place in range(11)]
        assert _dropped(journal) == {}

    @pytest.mark.parametrize("error", [MemoryError(), UnicodeError("odd"), KeyError("bug")], ids=repr)
    def test_journal_whose_store_fails_in_any_way_goes_on(self, options, tmp_path, monkeypatch, until, error) -> None:
        write, failing = delivery_module.write_bytes, True

        def fail(uri, content, *, s3):
            if failing:
                raise error
            write(uri, content, s3=s3)

        monkeypatch.setattr(delivery_module, "write_bytes", fail)
        monkeypatch.setattr(delivery_module, "_LONGEST_WAIT", 0.1)
        monkeypatch.setattr(delivery_module, "_FIRST_WAIT", 0.1)
        journal = Journal(options, S3Options(), "r")
        journal.append("predictions", b"1", NOON)
        until(lambda: journal.away)
        failing = False
        until(lambda: _stored(tmp_path) == [b"1"])
        journal.close(5)

    def test_journal_that_ends_while_the_store_hangs_spills_to_a_disk_that_has_room_again(
        self, options, tmp_path, monkeypatch, until
    ) -> None:
        append, full, hung = OpenSegment.append, True, threading.Event()

        def fail(self, lines):
            if full:
                raise OSError(28, "full")
            append(self, lines)

        monkeypatch.setattr(OpenSegment, "append", fail)
        monkeypatch.setattr(delivery_module, "pack", lambda *more: _refuse() if full else pack(*more))
        monkeypatch.setattr(delivery_module, "write_bytes", lambda *_, **__: hung.wait(60))
        journal = Journal(options, S3Options(), "r")
        journal.append("predictions", b"1", NOON)
        until(journal._delivery.held)
        full = False
        journal.close(0.5)
        dropped, left = _dropped(journal), count_left(tmp_path / "spool")[0]
        hung.set()  # from now on the store has it, and it goes from the spool
        assert (dropped, left) == ({}, 1)

    def test_journal_without_disk_or_store_counts_what_it_lost_at_the_end(self, options, tmp_path) -> None:
        (tmp_path / "log").write_text("away")
        journal = Journal(options, S3Options(), "r")
        for place in range(10):
            journal.append("predictions", b"%d" % place, NOON)
        shutil.rmtree(tmp_path / "spool", ignore_errors=True)
        (tmp_path / "spool").write_text("a file where the spool was")
        journal.append("predictions", b"10", NOON)
        journal.close(2)
        assert sum(_dropped(journal).values()) == journal.dropped == 11
        assert _dropped(journal)["shutdown"] >= 1

    def test_journal_whose_spool_is_removed_makes_another(self, options, tmp_path, until) -> None:
        journal = Journal(options.model_copy(update={"segment_seconds": 60.0}), S3Options(), "r")
        journal.append("predictions", b"1", NOON)
        until(lambda: list((tmp_path / "spool").rglob("*.part")))
        until(lambda: journal.backlog().disk_bytes)
        shutil.rmtree(tmp_path / "spool")
        journal.append("predictions", b"2", NOON)
        journal.close(5)
        assert _stored(tmp_path) == [b"2"]
        assert _dropped(journal) == {"unreadable": 1}

    def test_journal_that_is_closed_counts_what_still_comes(self, options) -> None:
        journal = Journal(options, S3Options(), "r")
        journal.close(5)
        journal.append("predictions", b"1", NOON)
        assert _dropped(journal) == {"shutdown": 1}

    def test_journal_with_a_backlog_tells_records_bytes_and_age(self, options, tmp_path, until) -> None:
        (tmp_path / "log").write_text("away")
        journal = Journal(options, S3Options(), "r")
        assert journal.backlog().oldest is None
        for place in range(10):
            journal.append("predictions", b"%d" % place, NOON)
            assert journal.backlog().records["predictions"] == place + 1
        until(lambda: journal.backlog().disk_bytes and journal.away)
        assert journal.backlog().records["predictions"] == 10
        assert journal.backlog().oldest is not None
        journal.close(2)


def _refuse() -> None:
    raise OSError(28, "full")


class TestMemoryOfLargeRequests:
    """Lines of large requests fill half of the memory, and wait for more where they may."""

    def test_append_bulk_leaves_half_of_the_memory_to_others(self, options):
        options = options.model_copy(update={"flush_seconds": 60.0, "queue_bytes": 1000})
        journal = Journal(options, S3Options(), "r")
        line = b"x" * 99
        assert [journal.append("predictions", line, NOON, bulk=True) for _ in range(7)] == [True] * 5 + [False] * 2
        assert [journal.append("predictions", line, NOON) for _ in range(7)] == [True] * 5 + [False] * 2
        assert not journal.append("predictions", b"", NOON, bulk=True)
        assert not journal.wait_for_room(1, 0.05)
        journal.close(5)
        assert _dropped(journal) == {"memory_full": 5}

    def test_wait_for_room_ends_when_the_lines_before_are_written(self, options):
        options = options.model_copy(update={"flush_seconds": 0.3, "queue_bytes": 1000})
        journal = Journal(options, S3Options(), "r")
        for _ in range(3):
            while journal.append("predictions", b"x" * 99, NOON, bulk=True):
                pass
            assert journal.wait_for_room(99, 60)
        journal.close(5)
        assert _dropped(journal) == {"memory_full": 3}

    def test_wait_for_room_ends_with_the_log(self, options):
        options = options.model_copy(update={"flush_seconds": 60.0, "queue_bytes": 100})
        journal = Journal(options, S3Options(), "r")
        waiting = threading.Thread(target=journal.wait_for_room, args=(1000, 3600))
        waiting.start()
        journal.close(5)
        waiting.join(30)
        assert not waiting.is_alive()
