"""Delivery of closed segments: what is refused, corrupt, beyond the limit, and how long it waits for the store."""

from __future__ import annotations

import gzip
import os
from collections import Counter
from collections.abc import Callable
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import pytest

from modelway.records.data import S3Options
from modelway.records.serve import LogOptions
from modelway.serve.log import Counts, Journal
from modelway.serve.log import counts as counts_module
from modelway.serve.log import delivery as delivery_module
from modelway.serve.log.counts import Trouble
from modelway.serve.log.delivery import Delivery
from modelway.serve.log.left import count_left
from modelway.serve.log.segments import segment_of
from modelway.serve.log.spool import Spool

CUT = gzip.compress(b"".join(os.urandom(200_000).hex().encode() + b"\n" for _ in range(3)))[:300_000]
"""A compressed segment of three lines of which one is there in whole."""


def _stored(root: Path) -> list[bytes]:
    paths = sorted(root.glob("log/predictions/date=*/hour=*/*.jsonl.gz"))
    return [line for path in paths for line in gzip.open(path).read().splitlines()]


def _stored_files(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_file()]


class TestDelivery:
    @pytest.fixture
    def log(self, tmp_path, monkeypatch):
        """A delivery without its thread, and a maker of segments of one record each."""
        monkeypatch.setattr(delivery_module, "_REFUSED_SECONDS", 0.0)
        monkeypatch.setattr(delivery_module, "_LOOK_SECONDS", 0.0)
        counts = Counts()
        spool = Spool(tmp_path / "spool", counts)
        options = LogOptions(uri=str(tmp_path / "log"), spool=str(tmp_path / "spool"))
        delivery = Delivery(spool, options, S3Options(), counts, lambda: False)

        def make(name: str, content: bytes = b"1\n", ending: str = "~1.jsonl") -> Path:
            path = spool.directory() / f"predictions~2024-01-01T10~{name}{ending}"
            path.write_bytes(content)
            return path

        return delivery, make, counts, spool

    @staticmethod
    def _reasons(counts: Counts) -> dict[str, int]:
        return dict(+Counter(counts.tree()["dropped"]["predictions"]))

    def test_delivery_of_a_refused_segment_holds_no_other_up_and_counts_it_at_last(self, log, tmp_path) -> None:
        delivery, make, counts, spool = log
        place = tmp_path / "log/predictions/date=2024-01-01/hour=10"
        (place / "a.jsonl.gz").mkdir(parents=True)
        make("a")
        for number in range(5):
            assert self._reasons(counts) == {}
            make(f"b{number}")
            delivery.deliver()
            assert not delivery.away
        assert self._reasons(counts) == {"refused": 1}
        assert len(_stored_files(place)) == counts.tree()["delivered"]["predictions"] == 5
        assert [path.name for path in spool.directory().glob("*.failed")] == [
            "predictions~2024-01-01T10~a~1.jsonl.failed"
        ]
        delivery.deliver()
        assert self._reasons(counts) == {"refused": 1}

    @pytest.mark.parametrize("refused", [2, 3, 5])
    def test_delivery_of_several_refused_segments_in_a_row_delivers_those_behind(self, log, tmp_path, refused) -> None:
        delivery, make, counts, _ = log
        for name in "abcde"[:refused]:
            (tmp_path / f"log/predictions/date=2024-01-01/hour=10/{name}.jsonl.gz").mkdir(parents=True)
            make(name)
        for number in range(5 * refused):
            make(f"z{number}")
            delivery.deliver()
            assert counts.tree()["delivered"]["predictions"] == number + 1
            assert not delivery.away or refused > 2
        assert self._reasons(counts) == {"refused": refused}
        assert not delivery.away

    def test_delivery_of_segments_that_all_fail_gives_none_up(self, log, tmp_path) -> None:
        delivery, make, counts, spool = log
        (tmp_path / "log").write_text("away")
        make("a"), make("b")
        for _ in range(10):
            delivery.deliver()
        assert delivery.away
        assert self._reasons(counts) == {}
        assert len(spool.segments()) == 2

    @pytest.mark.parametrize(
        ("content", "ending", "kept"),
        [
            (b"", "~3.jsonl", 0),
            (b"1\n2\n", "~3.jsonl", 2),
            (b"1\n2\n3\n4\n5", "~3.jsonl", 3),
            (gzip.compress(b"1\n2\n3\n"), "~3.jsonl.gz", 3),
            (b"", "~3.jsonl.gz", 0),
            (b"no gzip", "~3.jsonl.gz", 0),
            (CUT, "~3.jsonl.gz", 1),
        ],
        ids=["empty", "short", "long", "packed", "packed and empty", "not packed", "packed and cut"],
    )
    def test_delivery_of_a_corrupt_segment_brings_what_can_be_read_and_counts_the_rest(
        self, log, tmp_path, content, ending, kept
    ) -> None:
        delivery, make, counts, spool = log
        make("a", content, ending)
        delivery.deliver()
        assert len(_stored(tmp_path)) == counts.tree()["delivered"]["predictions"] == kept
        assert self._reasons(counts) == ({"unreadable": 3 - kept} if kept < 3 else {})
        assert spool.segments() == []

    def test_delivery_whose_files_can_not_be_removed_counts_them_once(self, log, tmp_path, monkeypatch) -> None:
        delivery, make, counts, spool = log
        path = make("a")
        unlink = os.unlink

        def deny(target, *more, **others):
            if str(target) == str(path):
                raise PermissionError(13, "denied")
            unlink(target, *more, **others)

        monkeypatch.setattr(os, "unlink", deny)
        for _ in range(3):
            delivery.deliver()
        assert counts.tree()["delivered"]["predictions"] == 1
        assert spool.waiting()[1] == 0
        monkeypatch.setattr(os, "unlink", unlink)
        delivery.deliver()
        assert not path.exists()

    @pytest.mark.parametrize(("attempts", "seconds"), [(4, 601), (5, 600), (5, 599), (6, 700)])
    def test_delivery_gives_a_segment_up_after_five_attempts_over_ten_minutes(
        self, log, tmp_path, monkeypatch, attempts, seconds
    ) -> None:
        delivery, make, counts, _ = log
        now = 0.0
        monkeypatch.setattr(delivery_module, "_REFUSED_SECONDS", 600.0)
        monkeypatch.setattr(delivery_module, "time", SimpleNamespace(monotonic=lambda: now))
        events: list[str] = []
        monkeypatch.setattr(delivery_module, "say", lambda event, *_, **__: events.append(event))
        (tmp_path / "log/predictions/date=2024-01-01/hour=10/a.jsonl.gz").mkdir(parents=True)
        make("a")
        for attempt in range(attempts):
            now = seconds * attempt / (attempts - 1)
            make(f"b{attempt}")
            delivery.deliver()
        assert self._reasons(counts) == ({"refused": 1} if attempts >= 5 and seconds >= 600 else {})
        assert counts.tree()["failures"] == attempts
        given_up = attempts >= 5 and seconds >= 600
        assert events == ["log_segment_failed", *["log_segment_given_up"] * given_up]


class TestRoom:
    """What lies in the spool while the store is away: as much as the limit allows, the most recent of it."""

    HOURS = (("12", "a-{}-1", 5), ("11", "b-{}-1", 9), ("11", "z-{}-1", 8), ("11", "y-{}-0", 8), ("10", "c-{}-9", 7))
    """Hours, names and the second in which each segment was begun, the most recent first."""

    @pytest.fixture
    def make(self, tmp_path: Path) -> Callable[[int, int, int], tuple[Delivery, list[str], list[str], Counts]]:
        """Deliver in vain: so many segments that wait and were given up, 100 bytes each, and a limit."""

        def deliver(waiting: int, aside: int, limit: int) -> tuple[Delivery, list[str], list[str], Counts]:
            (tmp_path / "log").write_text("away")
            counts = Counts()
            spool = Spool(tmp_path / "spool", counts)
            for hour, name, born in self.HOURS[:waiting]:
                stem = f"statistics~2024-01-01T{hour}~{name.format(f'{(1_700_000_000 + born) * 10**9}')}~2"
                (spool.directory() / f"{stem}.jsonl.gz").write_bytes(b"x" * 100)
            for number in range(aside):
                path = spool.directory() / f"predictions~2024-01-01T10~{number}~1.jsonl.failed"
                path.write_bytes(b"x" * 100)
            options = LogOptions(uri=str(tmp_path / "log"), spool=str(tmp_path / "spool"), spool_bytes=limit)
            delivery = Delivery(spool, options, S3Options(), counts, lambda: False)
            delivery._read = lambda segment: (b"x", 0)
            delivery.deliver()
            names = [path.name for path in spool.directory().glob("*~*")]
            return (
                delivery,
                sorted(name.split("~")[2][0] for name in names if name.endswith(".gz")),
                [name for name in names if name.endswith(".failed")],
                counts,
            )

        return deliver

    @pytest.mark.parametrize(
        ("waiting", "aside", "limit"), [*product((0, 1, 3, 5), (0, 1, 4), (99, 100, 101, 299, 300, 500, 700, 899, 900))]
    )
    def test_segments_within_the_limit_stay_and_those_given_up_go_before_the_oldest(
        self, make, waiting, aside, limit
    ) -> None:
        delivery, kept, still_aside, counts = make(waiting, aside, limit)
        fits = min(waiting, limit // 100)
        assert kept == sorted(name[0] for _, name, _ in self.HOURS[:fits])
        assert len(still_aside) == (aside if (waiting + aside) * 100 <= limit else 0)
        assert counts.tree()["dropped"]["statistics"]["spool_full"] == 2 * (waiting - fits)
        assert counts.lost("predictions") == 0
        assert delivery._spool.waiting()[0]["statistics"] == 2 * fits
        assert delivery._spool.waiting()[1] == 100 * fits
        assert delivery._spool.set_aside_bytes() == 100 * len(still_aside)
        oldest = min((born for _, _, born in self.HOURS[:fits]), default=None)
        assert delivery._spool.waiting()[2] == (None if oldest is None else 1_700_000_000 + oldest)

    def test_room_of_segments_that_go_is_free_for_others(self, make) -> None:
        """Many rounds: bytes of what was removed do not count for ever."""
        delivery, *_ = make(0, 4, 300)
        spool, found = delivery._spool, []
        for number in range(5):
            path = spool.directory() / f"predictions~2024-01-01T10~{number}~1.jsonl.gz"
            path.write_bytes(b"x" * 100)
            segment = segment_of(path)
            assert segment is not None
            spool.add(segment)
            spool.give_up(segment)
            delivery.deliver()
            found.append(spool.set_aside_bytes())
        assert found == [100, 200, 300, 0, 100]


class TestWaits:
    @pytest.mark.parametrize(
        ("away", "waits"),
        [
            ("", [60]),
            ("11111111", [60, 2, 4, 8, 16, 30, 30, 30]),
            ("1110", [60, 2, 4, 8]),
            ("111011", [60, 2, 4, 8, 60, 2]),
            ("00101", [60, 60, 60, 2, 60]),
        ],
    )
    def test_delivery_waits_longer_each_time_the_store_is_away_and_begins_again(
        self, tmp_path, monkeypatch, away, waits
    ) -> None:
        counts, found = Counts(), []
        options = LogOptions(uri=str(tmp_path / "log"), spool=str(tmp_path / "spool"))
        delivery = Delivery(Spool(tmp_path / "spool", counts), options, S3Options(), counts, lambda: False)

        class Asked:
            def wait(self, seconds: float) -> None:
                found.append(seconds)

            def clear(self) -> None:
                pass

        def deliver() -> None:
            at = len(found) - 1
            if at < len(away):
                delivery._trouble.begin(OSError(5, "away")) if away[at] == "1" else delivery._trouble.end()
            delivery._ending = at >= len(away) - 1

        monkeypatch.setattr(delivery, "_asked", Asked())
        monkeypatch.setattr(delivery, "deliver", deliver)
        delivery._run()
        assert found == waits


class TestTrouble:
    """A failure is reported once, each kind at most once a minute; its end only where it was reported."""

    @pytest.mark.parametrize(
        ("steps", "reports"),
        [
            ("0:full 1:full 9:full", ["0:full"]),
            ("0:full 1:ok 2:ok 3:ok", ["0:full", "1:back"]),
            ("0:ok 1:full 2:ok", ["1:full", "2:back"]),
            ("0:full 1:ok 59:full 59:ok", ["0:full", "1:back"]),
            ("0:full 1:ok 60:full 61:full 62:ok", ["0:full", "1:back", "60:full", "62:back"]),
            ("0:full 1:ok 2:full 59:full 60:full 99:ok", ["0:full", "1:back", "60:full", "99:back"]),
            ("0:full 1:io 2:full 3:io 4:ok", ["0:full", "1:io", "4:back"]),
            ("0:full 1:io 60:full 60:io 61:io", ["0:full", "1:io", "60:full"]),
            ("0:full 1:other 2:ok", ["0:full", "1:other", "2:back"]),
            ("0:full 70:full 140:full 141:ok", ["0:full", "141:back"]),
        ],
    )
    def test_trouble_reports_a_failure_and_its_end_once(self, monkeypatch, steps: str, reports: list[str]) -> None:
        errors = {"full": OSError(28, "full"), "io": OSError(5, "io"), "other": RuntimeError("other")}
        now, found, counts = 0.0, [], Counts()

        def say(event: str, *_: str, **fields: str) -> None:
            found.append((now, event, fields["error"] if event == "failed" else "", fields["uri"]))

        monkeypatch.setattr(counts_module, "say", say)
        monkeypatch.setattr(counts_module, "time", SimpleNamespace(monotonic=lambda: now))
        trouble = Trouble(counts, "failed", "back")
        failures = 0
        for step in steps.split():
            moment, what = step.split(":")
            now = float(moment)
            if what == "ok":
                trouble.end(uri="here")
            else:
                failures += 1
                trouble.begin(errors[what], uri="here")
            assert bool(trouble) is (what != "ok")
        assert counts.tree()["failures"] == failures
        expected = [(float(one.split(":")[0]), one.split(":")[1]) for one in reports]
        assert found == [
            (moment, "back", "", "here") if what == "back" else (moment, "failed", str(errors[what]), "here")
            for moment, what in expected
        ]


class TestLeft:
    def test_left_counts_records_of_predictions_and_bytes_of_both_streams_once(self, tmp_path) -> None:
        files = {
            "0/predictions~2024-01-01T10~a.part": b'{"n":1}\n{"n":2}\n{"n":',  # half a line is no record
            "0/statistics~2024-01-01T10~a.part": b"{}\n",
            "0/predictions~2024-01-01T10~b~7.jsonl": b"x" * 50,
            "0/predictions~2024-01-01T10~b~7.jsonl.gz": b"x" * 20,  # the same, compressed
            "0/statistics~2024-01-01T10~c~5.jsonl": b"x" * 40,
            "1/predictions~2024-01-01T10~d~3.jsonl.gz": b"x" * 10,
            "1/predictions~2024-01-01T10~e~9.jsonl.failed": b"x" * 90,
            "1/.predictions~2024-01-01T10~f~9.tmp": b"x" * 90,
            "1/.lock": b"",
        }
        assert count_left(tmp_path / "spool") == (0, 0)
        for name, content in files.items():
            path = tmp_path / "spool" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        (tmp_path / "spool" / "predictions~2024-01-01T10~g~9.jsonl").write_bytes(b"x" * 90)
        assert count_left(tmp_path / "spool") == (2 + 7 + 3, 21 + 3 + 20 + 40 + 10)


class TestCutSegments:
    @pytest.mark.parametrize(("left", "appends"), [*product([0, 1, 7, 8, 9, 16, 23, 24], [False, True])])
    def test_journal_whose_open_segment_is_cut_stores_the_rest_and_counts_what_is_gone(
        self, tmp_path, left: int, appends: bool
    ) -> None:
        uri, spool = tmp_path / "log", tmp_path / "spool"
        journal = Journal(LogOptions(uri=str(uri), spool=str(spool), flush_seconds=60.0), S3Options(), "r")
        lines = [b'{"n":%d}' % number for number in range(6)]
        for line in lines[:3]:
            journal.append("predictions", line, 0.0)
        journal._flush(closes=False)
        (path,) = spool.rglob("*.part")
        os.truncate(path, left)
        for line in lines[3:] if appends else ():
            journal.append("predictions", line, 0.0)
            journal._flush(closes=False)
        journal.close(5)
        whole, later = left // 8, lines[3:] if appends else []
        assert sorted(_stored(tmp_path)) == lines[:whole] + later
        assert len(list(uri.rglob("*.gz"))) == (left >= 8) + (appends and left < 24)
        counts = journal.counts()
        assert counts["delivered"]["predictions"] == whole + len(later)
        assert dict(+Counter(counts["dropped"]["predictions"])) == ({"unreadable": 3 - whole} if whole < 3 else {})
        assert journal.backlog().records["predictions"] == 0
