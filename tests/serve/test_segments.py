"""Segments on local disk, and lines on their way there."""

from __future__ import annotations

import gzip

import pytest

from modelway.records.data import S3Options
from modelway.records.serve import LogOptions
from modelway.serve.log import Journal
from modelway.serve.log.spool import OpenSegment, Spool

HOUR = 3600.0
NOON = 1_700_000_000 // 3600 * HOUR


@pytest.fixture
def options(tmp_path):
    return LogOptions(uri=str(tmp_path / "log"), spool=str(tmp_path / "spool"), flush_seconds=0.02)


def _read(folder) -> list[bytes]:
    return [line for path in sorted(folder.glob("*.jsonl.gz")) for line in gzip.open(path).read().splitlines()]


def test_a_record_goes_to_the_hour_in_which_its_request_came(options, tmp_path) -> None:
    journal = Journal(options, S3Options(), "r")
    for place, moment in enumerate((NOON - 1, NOON, NOON + 1, NOON + HOUR)):
        journal.append("predictions", b'{"n":%d}' % place, moment)
    journal.close(5)
    hours = sorted((tmp_path / "log" / "predictions").glob("date=*/hour=*"))
    assert [path.name for path in hours] == ["hour=21", "hour=22", "hour=23"]
    assert [_read(hour) for hour in hours] == [[b'{"n":0}'], [b'{"n":1}', b'{"n":2}'], [b'{"n":3}']]


def test_a_torn_line_of_a_killed_process_is_cut_off(tmp_path) -> None:
    spool = Spool(tmp_path)
    segment = OpenSegment(spool.directory, "predictions", "2024-01-01T10", "x")
    segment.append([b"1", b"2"])
    (part,) = spool.directory.glob("*.part")
    part.write_bytes(part.read_bytes() + b'{"to')
    spool._lock.close()
    (found,) = Spool(tmp_path).segments()
    assert found.records == 2
    assert gzip.decompress(found.path.read_bytes()) == b"1\n2\n"
    assert found.address == "predictions/date=2024-01-01/hour=10/x.jsonl.gz"


def test_a_segment_of_nothing_but_a_torn_line_leaves_nothing(tmp_path) -> None:
    spool = Spool(tmp_path)
    (spool.directory / "predictions~2024-01-01T10~x.part").write_bytes(b'{"to')
    spool._lock.close()
    again = Spool(tmp_path)
    assert again.segments() == []
    assert not list(again.directory.glob("*~*"))


def test_what_another_left_is_adopted_once_it_has_ended(tmp_path) -> None:
    living, ended = Spool(tmp_path), Spool(tmp_path)
    for spool in (living, ended):
        OpenSegment(spool.directory, "predictions", "2024-01-01T10", spool.directory.name).append([b"1"])
    ended._lock.close()
    third = Spool(tmp_path)
    assert third.directory == ended.directory
    fourth = Spool(tmp_path)
    fourth.adopt()
    assert fourth.segments() == []
    third._lock.close()
    fourth.adopt()
    assert [segment.path.name for segment in fourth.segments()] == ["predictions~2024-01-01T10~1~1.jsonl.gz"]


def test_a_disk_that_is_full_loses_nothing_once_it_has_room(options, tmp_path, monkeypatch) -> None:
    full = True
    append = OpenSegment.append

    def fail(self, lines):
        if full:
            raise OSError(28, "No space left on device")
        append(self, lines)

    monkeypatch.setattr(OpenSegment, "append", fail)
    journal = Journal(options, S3Options(), "r")
    for place in range(10):
        journal.append("predictions", b"%d" % place, NOON)
    while not journal.away:
        pass
    full = False
    journal.close(5)
    (hour,) = (tmp_path / "log" / "predictions").glob("date=*/hour=*")
    assert _read(hour) == [b"%d" % place for place in range(10)]
    assert journal.dropped == 0
