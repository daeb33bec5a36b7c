"""Compacting the log: whatever happens, and whenever one reads, each record is there exactly once."""

from __future__ import annotations

import gzip
import json
import os
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from modelway.errors import OutsideError
from modelway.observe import log_compaction, log_tables
from modelway.observe.log_compaction import Compaction, compact_hours, settled
from modelway.observe.log_hours import LogPlace, hours_between
from modelway.observe.log_tables import LogReader, hour_files
from modelway.records.data import S3Options
from modelway.records.progress import silent
from modelway.storage import LostAnswerError, read_bytes, remove_below, write_bytes
from modelway.storage.s3 import s3_client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HOUR = datetime(2026, 11, 25, 10, tzinfo=UTC)
SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("row", pa.int64()),
        ("time", pa.timestamp("us", tz="UTC")),
        ("key", pa.string()),
        ("latency_ms", pa.float64()),
        ("features", pa.struct([("age", pa.float64()), ("city", pa.string()), ("day", pa.timestamp("us", tz="UTC"))])),
        ("prediction", pa.string()),
        ("probabilities", pa.struct([("no", pa.float64()), ("yes", pa.float64())])),
    ]
)


class Killed(BaseException):
    """The process ended there."""


def lines_of(segment: int, records: int = 4) -> list[dict[str, Any]]:
    """Records as docs/reference/log.md has them, and a field that a later version may add."""
    return [
        {
            "id": f"{segment}-{at}", "request": f"{segment}-{at}", "row": 0, "rows": 1,
            "time": f"2026-11-25T10:{segment % 60:02}:{at:02}.000001Z",
            "key": None if at == 1 else f"{segment:08x}{at:08x}",
            "variant": "champion", "version": "3", "epoch": "e1", "status": 200, "latency_ms": segment + at / 8,
            "probability": 1.0,
            "features": {"age": at, "city": "Ürdingen", "day": "2024-02-29T00:00:00Z"} if at else None,
            "prediction": "yes", "probabilities": {"no": 0.25, "yes": 0.75},
            "shadow_version": None, "shadow_prediction": None, "shadow_probabilities": None,
            "added_later": [{"at": "2024-01-01", "n": at}],
        }
        for at in range(records)
    ]  # fmt: skip


class Log:
    """A log in a folder or a bucket, written and checked without modelway's readers."""

    def __init__(self, place: LogPlace) -> None:
        self.place = place
        self.written: list[bytes] = []

    def put(self, name: str, content: bytes | list[dict[str, Any]], stream: str = "predictions") -> None:
        lines: list[bytes] = []
        if isinstance(content, list):
            lines = [json.dumps(line, ensure_ascii=False).encode() for line in content]
            content = gzip.compress(b"".join(line + b"\n" for line in lines))
        write_bytes(f"{self.place.address(stream, HOUR)}/{name}", content, s3=self.place.s3)
        self.written += lines  # what a reader has to find from now on

    def fill(self, segments: int, start: int = 0) -> None:
        for number in range(start, start + segments):
            self.put(f"host-{number:04}.jsonl.gz", lines_of(number))

    def raw(self) -> list[str]:
        return [one.name for one in self.place.listed("predictions", HOUR).segments]

    def check(self, reader: LogReader | None = None) -> None:
        """Both ways of reading give what was written, by polars' reading of the lines."""
        reader = reader or LogReader(self.place, "predictions")
        read = [line for text in reader.texts([HOUR]) for line in text.lines]
        assert Counter(read) == Counter(self.written)
        assert_same(pa.concat_tables(reader.tables([HOUR], (SCHEMA,))), self.written)


def assert_same(found: pa.Table, written: list[bytes]) -> None:
    wanted = polars.read_ndjson(b"\n".join(written), infer_schema_length=None)
    assert found.num_rows == wanted.height
    assert sorted(found["id"].to_pylist()) == sorted(wanted["id"])
    assert pc.sum(found["latency_ms"]).as_py() == wanted["latency_ms"].sum()
    assert Counter(found["key"].to_pylist()) == Counter(wanted["key"])
    assert Counter(found["time"].cast(pa.int64()).to_pylist()) == Counter(
        wanted["time"].str.to_datetime("%+", time_unit="us").dt.timestamp("us")
    )
    features = wanted["features"].struct.unnest()
    age, city, day = (pc.struct_field(found["features"], name) for name in ("age", "city", "day"))
    assert Counter(age.to_pylist()) == Counter(features["age"])
    assert Counter(city.to_pylist()) == Counter(features["city"])
    assert day.null_count == features["day"].null_count()
    assert set(pc.unique(day.drop_null()).to_pylist()) <= {datetime(2024, 2, 29, tzinfo=UTC)}
    yes = pc.struct_field(found["probabilities"], "yes")
    assert pc.sum(yes).as_py() == wanted["probabilities"].struct.field("yes").sum()


@pytest.fixture(params=["disk", "s3"])
def log(request, tmp_path) -> Log:
    if request.param == "disk":
        (tmp_path / "log").mkdir()
        return Log(LogPlace(str(tmp_path / "log"), S3Options(), tmp_path / "cache", silent))
    options = S3Options(endpoint_url=request.getfixturevalue("empty_moto"), region="us-east-1", path_style=True)
    s3_client(options).create_bucket(Bucket="bucket")
    return Log(LogPlace("s3://bucket/log", options, tmp_path / "cache", silent))


@pytest.fixture
def disk(tmp_path) -> Log:
    (tmp_path / "log").mkdir()
    return Log(LogPlace(str(tmp_path / "log"), S3Options(), tmp_path / "cache", silent))


@pytest.fixture
def small_batches(monkeypatch) -> None:
    """Three segments a file."""
    monkeypatch.setattr(log_compaction, "TOGETHER", 3 * len(b"".join(json.dumps(one).encode() for one in lines_of(1))))


def compact(log: Log) -> Compaction:
    return compact_hours(log.place, [HOUR])


class TestCompactHours:
    def test_segments_become_one_file_that_holds_every_line_in_order(self, log) -> None:
        log.fill(7)
        log.check()
        done = compact(log)
        assert (done.hours, done.segments, done.records, done.files, done.left) == (1, 7, 28, 1, [])
        assert log.raw() == []
        log.check()
        (file,) = hour_files(log.place, "predictions", HOUR).compacted
        names = [f"host-{number:04}.jsonl.gz" for number in range(7)]
        assert [text.lines for text in file.texts(set(names), "")] == [
            log.written[at : at + 4] for at in range(0, 28, 4)
        ]
        assert compact(log).segments == 0

    def test_other_tools_find_each_field_as_a_column(self, disk) -> None:
        disk.fill(3)
        compact(disk)
        (path,) = Path(disk.place.log).rglob("*.parquet")
        found = polars.read_parquet(path)
        wanted = polars.read_ndjson(b"\n".join(disk.written), infer_schema_length=None)
        assert found["_line"].to_list() == [line.decode() for line in disk.written]
        assert found["added_later"].to_list() == wanted["added_later"].to_list()
        assert found["features"].struct.field("day").to_list() == wanted["features"].struct.field("day").to_list()
        assert path.stat().st_mode & 0o777 == 0o600

    def test_late_segments_are_read_and_compacted_by_a_later_pass(self, log) -> None:
        log.fill(3)
        compact(log)
        log.fill(2, start=10)
        log.fill(1, start=5)
        log.check()
        assert compact(log).segments == 3
        assert log.raw() == []
        log.check()

    def test_unreadable_segments_stay_and_are_reported(self, log) -> None:
        log.fill(2)
        whole = gzip.compress(b'{"id": "torn"}\n')
        log.put("a-torn.jsonl.gz", whole[:-6])
        log.put("b-words.jsonl.gz", gzip.compress(b'{"id": "x"}\nnot JSON\n'))
        log.put("c-two.jsonl.gz", gzip.compress(b'{"id": "x"}{"id": "y"}\n'))
        log.put("d-latin.jsonl.gz", gzip.compress(b'{"id": "\xe9"}\n'))
        bad = ["a-torn.jsonl.gz", "b-words.jsonl.gz", "c-two.jsonl.gz", "d-latin.jsonl.gz"]
        for _ in range(2):
            done = compact(log)
            assert sorted(left.partition(": ")[0].rpartition("/")[2] for left in done.left) == bad
            assert log.raw() == bad
        reader = LogReader(log.place, "predictions")
        list(reader.tables([HOUR], (SCHEMA,)))
        assert {"a-torn.jsonl.gz", "b-words.jsonl.gz"} <= {
            one.partition(": ")[0].rpartition("/")[2] for one in reader.unreadable
        }

    def test_lines_that_fit_no_columns_are_kept_and_read(self, log) -> None:
        log.put("a.jsonl.gz", [{**one, "features": {"age": 1, "city": "x"}} for one in lines_of(1)])
        log.put("b.jsonl.gz", [{**one, "features": {"age": "hashed", "city": 7}} for one in lines_of(2)])
        log.put("c.jsonl.gz", [{**one, "features": {}} for one in lines_of(3)])
        before = LogReader(log.place, "predictions")
        raw = pa.concat_tables(before.tables([HOUR], (SCHEMA,)))
        assert compact(log).left == []
        after = LogReader(log.place, "predictions")
        assert pa.concat_tables(after.tables([HOUR], (SCHEMA,))) == raw
        assert (after.unreadable, after.files) == (before.unreadable, before.files)
        assert len(after.unreadable) == 1
        assert Counter(line for text in after.texts([HOUR]) for line in text.lines) == Counter(log.written)

    def test_empty_segments_and_blank_lines_count_nothing(self, disk) -> None:
        disk.put("a.jsonl.gz", gzip.compress(b""))
        disk.put("b.jsonl.gz", gzip.compress(b"\n\n"))
        assert compact(disk).segments == 2
        disk.fill(1)
        disk.put("c.jsonl.gz", gzip.compress(b"\n" + json.dumps(lines_of(9)[0]).encode()))  # without a last line end
        disk.written.append(json.dumps(lines_of(9)[0]).encode())
        disk.check()
        assert compact(disk).left == []
        disk.check()

    def test_a_segment_that_is_delivered_again_counts_once(self, log) -> None:
        log.fill(2)
        compact(log)
        log.put("host-0000.jsonl.gz", gzip.compress(b"".join(line + b"\n" for line in log.written[:4])))
        log.check()
        done = compact(log)
        assert (done.segments, done.left, log.raw()) == (0, [], [])
        log.check()

    def test_other_content_under_a_name_that_was_compacted_is_never_removed(self, log) -> None:
        log.fill(1)
        compact(log)
        log.put("host-0000.jsonl.gz", gzip.compress(b'{"id": "other"}\n'))
        (left,) = compact(log).left
        assert "host-0000.jsonl.gz" in left
        assert log.raw() == ["host-0000.jsonl.gz"]

    def test_a_foreign_parquet_file_is_reported_and_hides_nothing(self, log) -> None:
        log.fill(2)
        write_bytes(f"{log.place.address('predictions', HOUR)}/compacted/x.parquet", b"PAR1", s3=log.place.s3)
        reader = LogReader(log.place, "predictions")
        log.check(reader)
        assert len(reader.unreadable) == 1
        compact(log)
        log.check()

    def test_a_line_longer_than_a_block_is_read(self, disk) -> None:
        long = {**lines_of(1)[2], "features": {"age": 1, "city": "x" * (9 << 20), "day": "2024-02-29T00:00:00Z"}}
        disk.put("a.jsonl.gz", [lines_of(1)[1], long])
        disk.check()
        compact(disk)
        disk.check()

    def test_segments_that_the_storage_got_before_a_moment_are_passed_over_as_before(self, disk) -> None:
        disk.fill(4)
        for number in range(4):
            os.utime(Path(disk.place.address("predictions", HOUR)) / f"host-{number:04}.jsonl.gz", (number, number))

        def since(moment: float) -> list[str]:
            tables = LogReader(disk.place, "predictions").tables([HOUR], (SCHEMA,), moment)
            return [name for table in tables for name in table["id"].to_pylist()]

        raw = [since(moment) for moment in (0, 1.5, 2, 9)]
        assert [len(found) for found in raw] == [16, 8, 8, 0]
        compact(disk)
        assert [since(moment) for moment in (0, 1.5, 2, 9)] == raw

    def test_only_hours_that_ended_an_hour_ago_are_settled(self) -> None:
        hours = [HOUR, HOUR + timedelta(hours=1)]
        assert settled(hours, HOUR + timedelta(hours=2)) == [HOUR]
        assert settled(hours, HOUR + timedelta(hours=1, minutes=59)) == []

    def test_several_files_are_written_where_an_hour_is_large(self, log, small_batches) -> None:
        log.fill(10)
        assert compact(log).files > 2
        log.check()


class Steps:
    """Counts the steps that change the storage, and ends the process before one of them.

    Args:
        deadly: the step before which the process is killed, from 0.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, deadly: int) -> None:
        self.done = 0
        self._deadly = deadly
        for name in ("write_if_unchanged", "remove_below"):
            monkeypatch.setattr(log_compaction, name, getattr(self, name))

    def write_if_unchanged(self, *args: Any, **options: Any) -> Any:
        self._step()
        return WRITE(*args, **options)

    def remove_below(self, uri: str, names: list[str], s3: S3Options) -> None:
        for name in names:  # one by one, as a file system does
            self._step()
            remove_below(uri, [name], s3)

    def _step(self) -> None:
        if self.done == self._deadly:
            raise Killed
        self.done += 1


WRITE = log_compaction.write_if_unchanged


class TestKilled:
    def test_and_a_segment_that_comes_between_is_not_lost(self, log, small_batches, monkeypatch) -> None:
        for deadly in range(12):
            log.fill(3, start=3 * deadly)
            with monkeypatch.context() as patch:
                Steps(patch, deadly)
                try:
                    compact(log)
                except Killed:
                    log.check()
                    log.fill(1, start=100 + deadly)
            log.check()
        compact(log)
        assert log.raw() == []
        log.check()


class TestAtOnce:
    def test_a_compaction_at_any_moment_of_a_read_changes_nothing(self, log, small_batches, monkeypatch) -> None:
        for moment in range(6):
            log.fill(5, start=10 * moment)
            calls = iter(range(1000))

            def read(file: Any, folder: str, moment: int = moment, calls: Iterator[int] = calls) -> Any:
                if next(calls) == moment:
                    with monkeypatch.context() as patch:
                        patch.setattr(log_tables, "read_segment", READ)
                        compact_hours(LogPlace(log.place.log, log.place.s3, log.place.cache / "b", silent), [HOUR])
                return READ(file, folder)

            with monkeypatch.context() as patch:
                patch.setattr(log_tables, "read_segment", read)
                reader = LogReader(log.place, "predictions")
                lines = [line for text in reader.texts([HOUR]) for line in text.lines]
            assert Counter(lines) == Counter(log.written)
            assert reader.unreadable == []

    def test_a_compaction_between_the_two_listings_hides_nothing(self, log, monkeypatch) -> None:
        log.fill(4)
        listed = LogPlace._list

        def listing(place: LogPlace, address: str, suffixes: tuple[str, ...]) -> Any:
            found = listed(place, address, suffixes)
            if log.raw_left:
                log.raw_left = False
                compact_hours(LogPlace(log.place.log, log.place.s3, log.place.cache / "b", silent), [HOUR])
            return found

        log.raw_left = True
        monkeypatch.setattr(LogPlace, "_list", listing)
        log.check()
        assert log.raw() == []

    def test_a_compaction_between_listing_and_fetching_hides_nothing(self, log, monkeypatch) -> None:
        log.fill(4)
        fetch, before = LogPlace.fetch, []

        def fetching(place: LogPlace, *args: Any, **options: Any) -> Any:
            if not before:
                before.append(True)
                other = LogPlace(log.place.log, log.place.s3, log.place.cache / "b", silent)
                assert compact_hours(other, [HOUR]).segments == 4
            return fetch(place, *args, **options)

        monkeypatch.setattr(LogPlace, "fetch", fetching)
        reader = LogReader(log.place, "predictions")
        assert Counter(line for text in reader.texts([HOUR]) for line in text.lines) == Counter(log.written)

    def test_copies_that_another_process_forgets_are_brought_again(self, log, monkeypatch) -> None:
        log.fill(3)
        calls = iter(range(100))

        def read(file: Any, folder: str) -> Any:
            if next(calls) == 1:
                log.place.forget(HOUR + timedelta(hours=1))
            return READ(file, folder)

        monkeypatch.setattr(log_tables, "read_segment", read)
        log.check()

    def test_retention_may_remove_the_hour_meanwhile(self, log, monkeypatch) -> None:
        log.fill(3)

        def read(file: Any, folder: str) -> Any:
            text = READ(file, folder)
            remove_below(log.place.address("predictions", HOUR), log.raw(), log.place.s3)
            return text

        monkeypatch.setattr(log_tables, "read_segment", read)
        reader = LogReader(log.place, "predictions")
        assert sum(len(text.lines) for text in reader.texts([HOUR])) in {4, 12}
        assert reader.unreadable == []

    def test_two_compactors_that_see_different_segments_do_no_harm(self, log, monkeypatch) -> None:
        log.fill(4)
        others = [0]

        def write(*args: Any, **options: Any) -> Any:
            if not others[0]:
                others[0] = 1
                log.fill(1, start=9)
                other = LogPlace(log.place.log, log.place.s3, log.place.cache / "other", silent)
                monkeypatch.setattr(log_compaction, "remove_below", lambda *_: None)  # killed before it removes
                others[0] = compact_hours(other, [HOUR]).segments
                monkeypatch.setattr(log_compaction, "remove_below", remove_below)
            return WRITE(*args, **options)

        monkeypatch.setattr(log_compaction, "write_if_unchanged", write)
        assert compact(log).segments == 4
        assert others == [5]
        assert len(hour_files(log.place, "predictions", HOUR).compacted) == 2
        log.check()
        compact(log)
        assert log.raw() == []
        log.check()

    @pytest.mark.slow
    def test_compactors_readers_and_a_server_at_once(self, log, small_batches) -> None:
        log.fill(30)
        ended, faults = threading.Event(), []

        def guarded(action: Callable[[LogPlace], None], number: int) -> threading.Thread:
            def run() -> None:
                place = LogPlace(log.place.log, log.place.s3, log.place.cache / str(number), silent)
                while not ended.is_set():
                    try:
                        action(place)
                    except BaseException as error:  # noqa: BLE001 - told by the test
                        faults.append(repr(error))
                        return

            thread = threading.Thread(target=run)
            thread.start()
            return thread

        def read(place: LogPlace) -> None:
            least = len(log.written)
            reader = LogReader(place, "predictions")
            lines = [line for text in reader.texts([HOUR]) for line in text.lines]
            assert len(set(lines)) == len(lines) >= least, (len(set(lines)), len(lines), least)
            assert reader.unreadable == []

        actions = [lambda place: compact_hours(place, [HOUR])] * 2 + [read] * 2
        threads = [guarded(action, number) for number, action in enumerate(actions)]
        for number in range(30, 60):
            lines = lines_of(number)
            log.put(f"host-{number:04}.jsonl.gz", lines)
        ended.set()
        for thread in threads:
            thread.join()
        assert faults == []
        compact(log)
        log.check()


READ = log_tables.read_segment


def test_writing_that_is_denied_leaves_all_as_it_was(disk, monkeypatch) -> None:
    disk.fill(3)

    def denied(*_: Any, **__: Any) -> None:
        raise OutsideError("access denied", where="there")

    with monkeypatch.context() as patch:
        patch.setattr(log_compaction, "write_if_unchanged", denied)
        with pytest.raises(OutsideError):
            compact(disk)
    assert len(disk.raw()) == 3
    monkeypatch.setattr(log_compaction, "remove_below", denied)
    with pytest.raises(OutsideError):
        compact(disk)
    disk.check()


def test_a_corrupt_file_of_another_compactor_keeps_the_segments(disk, monkeypatch) -> None:
    disk.fill(3)

    def write(uri: str, *_: Any, **__: Any) -> None:
        write_bytes(uri, b"PAR1")

    monkeypatch.setattr(log_compaction, "write_if_unchanged", write)
    with pytest.raises(OutsideError, match="corrupt"):
        compact(disk)
    assert len(disk.raw()) == 3
    assert read_bytes(f"{disk.place.address('predictions', HOUR)}/{disk.raw()[0]}")


@pytest.mark.parametrize("arrives", [True, False])
def test_a_write_whose_answer_is_lost_counts_if_its_file_is_there(disk, monkeypatch, arrives: bool) -> None:
    disk.fill(3)

    def write(*args: Any, **options: Any) -> None:
        if arrives:
            WRITE(*args, **options)
        raise LostAnswerError("no answer came", where="there")

    monkeypatch.setattr(log_compaction, "write_if_unchanged", write)
    if arrives:
        assert compact(disk).segments == 3
    else:
        with pytest.raises(LostAnswerError, match="no answer came"):
            compact(disk)
    assert len(disk.raw()) == (0 if arrives else 3)
    disk.check()


def test_every_hour_that_is_asked_for_is_compacted_in_both_streams(disk) -> None:
    statistics = {"replica": "a", "start": "2026-11-25T10:00:00Z", "latency": [1, 2], "number": 0}
    disk.put("s.jsonl.gz", [statistics], "statistics")
    disk.written.clear()
    disk.fill(1)
    done = compact_hours(disk.place, list(hours_between(HOUR.timestamp() - 3600, HOUR.timestamp() + 3600)))
    assert (done.hours, done.segments) == (2, 2)
    (text,) = LogReader(disk.place, "statistics").texts([HOUR])
    assert [json.loads(line) for line in text.lines] == [statistics]
