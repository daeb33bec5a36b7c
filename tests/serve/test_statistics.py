"""The statistics: buckets of the clock, which add up to what was asked, and tell silence from idleness."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelway.flags import update_flags, with_shares
from modelway.records.flags import Shares
from modelway.records.serve import StatisticsRecord
from modelway.serve.recorder import Served, iso_time, microseconds
from modelway.serve.statistics import Arm, Statistics

NOON = 1_700_000_000 // 3600 * 3600.0
IDLE = Arm("champion", "3", "e1")


def _served(moment: float, status: int = 200, epoch: str = "e1", variant: str = "champion"):
    return Served("id", "request", moment, None, variant, "3", epoch, status, 3.0, None)


def _records(lines) -> list[StatisticsRecord]:
    return [StatisticsRecord.from_json(line) for _, line in lines]


def _start(record: StatisticsRecord) -> float:
    return datetime.fromisoformat(record.start).timestamp()


def test_a_request_counts_when_it_came_and_a_bucket_is_written_when_it_is_over() -> None:
    counts = Statistics("r", 10, NOON)
    counts.tally(_served(NOON + 9.9))
    counts.tally(_served(NOON + 10))
    assert _records(counts.lines(NOON + 9.99, 0, None)) == []
    (first,) = _records(counts.lines(NOON + 10.5, 0, None))
    assert (_start(first), first.seconds, first.requests) == (NOON, 10, 1)
    counts.tally(_served(NOON + 9.95, status=500))
    late, second = _records(counts.lines(NOON + 20, 2, None))
    assert (_start(late), late.requests, late.errors, late.log_dropped) == (NOON, 1, 1, 2)
    assert (_start(second), second.requests) == (NOON + 10, 1)
    assert [record.number for record in (first, late, second)] == [0, 1, 2]


def test_a_process_without_requests_says_so_where_a_challenger_may_be_used() -> None:
    counts = Statistics("r", 10, NOON + 3)
    assert _records(counts.lines(NOON + 12, 0, None)) == []
    counts.tally(_served(NOON + 21))
    beats = _records(counts.lines(NOON + 41, 0, IDLE))
    assert [(_start(record) - NOON, record.requests) for record in beats] == [(10, 0), (20, 1), (30, 0)]
    assert (beats[0].variant, beats[0].version, beats[0].epoch) == IDLE
    assert _records(counts.lines(NOON + 42, 0, IDLE)) == []


def test_what_ends_writes_all_that_is_left_and_that_it_ends() -> None:
    counts = Statistics("r", 10, NOON)
    counts.tally(_served(NOON + 1))
    rest, end = _records(counts.lines(NOON + 2, 0, IDLE, last=True))
    assert (rest.requests, rest.last) == (1, False)
    assert (end.requests, end.last, _start(end)) == (0, True, NOON)
    silent = Statistics("r", 10, NOON)
    silent.tally(_served(NOON + 1))
    assert [record.last for record in _records(silent.lines(NOON + 2, 0, None, last=True))] == [False]


def test_a_clock_that_jumps_ahead_does_not_fill_the_memory() -> None:
    counts = Statistics("r", 10, 0.0)
    assert 0 < len(_records(counts.lines(NOON, 0, IDLE))) <= 100
    counts.tally(_served(NOON + 1))
    assert len(_records(counts.lines(NOON + 10, 0, IDLE))) == 1


@given(
    st.lists(
        st.tuples(st.floats(0, 100), st.floats(0, 60), st.sampled_from([200, 404, 500]), st.sampled_from(["e1", "e2"]))
    ),
    st.lists(st.floats(0, 200), max_size=20),
    st.sampled_from([0.1, 7.0, 10.0]),
)
def test_however_often_they_are_written_the_lines_add_up(requests, writes, length) -> None:
    counts = Statistics("r", length, NOON)
    settled = sorted((NOON + came + took, NOON + came, status, epoch) for came, took, status, epoch in requests)
    events = sorted([(at, 1, None) for at in writes] + [(event[0] - NOON, 0, event) for event in settled])
    records = []
    for at, _, event in events:
        if event is None:
            records += _records(counts.lines(NOON + at, 0, IDLE))
        else:
            counts.tally(_served(event[1], event[2], event[3]))
    records += _records(counts.lines(NOON + 200, 0, IDLE, last=True))
    assert sum(record.requests for record in records) == len(requests)
    assert sum(record.errors for record in records) == sum(event[2] >= 500 for event in settled)
    bucket = round(length * 1e6)
    for start, group in itertools.groupby(sorted(records, key=_start), key=_start):
        begin = round(start * 1e6)
        assert begin % bucket == 0
        inside = [event for event in settled if begin <= microseconds(event[1]) < begin + bucket]
        assert sum(record.requests for record in group) == len(inside)
    assert sorted(record.number for record in records) == list(range(len(records)))


@given(st.floats(0, 4e9))
def test_records_and_statistics_round_alike(moment) -> None:
    written = datetime.fromisoformat(iso_time(moment))
    since = written - datetime(1970, 1, 1, tzinfo=UTC)
    assert microseconds(moment) == (since.days * 86400 + since.seconds) * 1_000_000 + since.microseconds


def test_old_lines_stay_readable() -> None:
    line = next(_line for _, _line in Statistics("r", 10, NOON).lines(NOON, 0, IDLE, last=True))
    old = {name: value for name, value in json.loads(line).items() if name not in {"number", "last"}}
    record = StatisticsRecord.from_json(json.dumps({**old, "seconds": 1.0371, "start": iso_time(NOON + 0.4213)}))
    assert (record.number, record.last) == (None, False)


FAST = {"log__flush_seconds": 0.05, "log__segment_seconds": 0.2}


def test_an_idle_server_beats_while_the_flags_may_use_a_challenger(start, bundle, until, tmp_path) -> None:
    flags = str(tmp_path / "flags.json")
    update_flags(flags, lambda found: with_shares(found, Shares(new_model=0.5)))
    server = start("--challenger", str(bundle(4)), **FAST, routing__flags=flags, workers__count=2)
    until(lambda: len({line["replica"] for line in server.lines("statistics")}) == 2)
    for _ in range(10):
        server.predict()
    assert server.stop() == 0
    lines = server.lines("statistics")
    replicas = {line["replica"] for line in lines}
    assert len(replicas) == 2
    assert sum(line["requests"] for line in lines) == 10
    assert {line["variant"] for line in lines if not line["requests"]} == {"champion"}
    for replica in replicas:
        own = sorted((line for line in lines if line["replica"] == replica), key=lambda line: line["number"])
        assert [line["number"] for line in own] == list(range(len(own)))
        assert [line["last"] for line in own] == [False] * (len(own) - 1) + [True]
        starts = sorted({round(_start(StatisticsRecord.model_validate_json(json.dumps(line))) * 10) for line in own})
        assert starts == list(range(starts[0], starts[-1] + 1, 2))


def test_an_idle_server_without_a_challenger_writes_nothing(start, until) -> None:
    server = start(**FAST)
    server.predict()
    until(lambda: server.lines("statistics"))
    server.stop()
    (line,) = server.lines("statistics")
    assert (line["requests"], line["last"]) == (1, False)


@pytest.mark.parametrize("length", [0.2, 1.0])
def test_counts_and_records_agree_bucket_by_bucket(start, length) -> None:
    server = start(log__flush_seconds=0.05, log__segment_seconds=length)
    for number in range(60):
        server.predict() if number % 3 else server.predict({"age": "x"})
    server.stop()

    def bucket(text: str) -> int:
        return round(datetime.fromisoformat(text).timestamp() * 1e6) // round(length * 1e6)

    counted: dict[int, int] = {}
    for line in server.lines("statistics"):
        counted[bucket(line["start"])] = counted.get(bucket(line["start"]), 0) + line["requests"]
    recorded: dict[int, int] = {}
    for line in server.lines():
        recorded[bucket(line["time"])] = recorded.get(bucket(line["time"]), 0) + 1
    assert counted == recorded
    assert sum(counted.values()) == 60
