"""What a rollout sees of a prediction log: each rule by a log that breaks it."""

from __future__ import annotations

import gzip
import json
import os
from bisect import bisect_left

import pytest

from modelway.decide.completeness import unsound_intervals
from modelway.observe.key_ledger import KeyLedger
from modelway.records.rollout_seen import LATENCY_EDGES_MS, Seen

from .rollout_fleet import EPOCH, NOON, OPTIONS, Fleet, Request


@pytest.fixture
def fleet(tmp_path) -> Fleet:
    return Fleet(tmp_path)


def problems(counted, now: float) -> list[tuple[str, ...]]:
    """What `decide` says of each interval."""
    seen = Seen(intervals=counted.intervals, step=1, step_began=NOON, now=now)
    return unsound_intervals(seen, OPTIONS)


def of(stream: str, paths: list) -> list:
    return [path for path in paths if stream in path.parts]


def test_an_interval_is_counted_by_key_and_arm(fleet) -> None:
    requests = [
        Request(NOON + 1, key=1, latency=4, score=0.32),
        Request(NOON + 2, key=1, status=500),
        Request(NOON + 3, key=1, latency=9, score=0.9),
        Request(NOON + 4, key=2, status=400),
        Request(NOON + 5, key=2, latency=9e9, score=1.0),
        Request(NOON + 6, status=422, arm="challenger"),
        Request(NOON + 7, score=0.05, arm="challenger"),
        Request(NOON + 8, key=3, arm="challenger", rows=3, score=0.0),
    ]
    fleet.serve(requests)
    counted = fleet.read(NOON + 95)
    (interval,) = counted.intervals
    champion, challenger = interval.champion, interval.challenger
    assert (interval.start, interval.requests, interval.strays) == (NOON, 8, 0)
    assert (champion.keys, champion.failed, champion.new) == (2, 1, 2)
    assert (challenger.keys, challenger.failed, challenger.new) == (3, 1, 3)
    assert {at: count for at, count in enumerate(champion.latency) if count} == {
        bisect_left(LATENCY_EDGES_MS, 4): 1,
        len(LATENCY_EDGES_MS): 1,
    }
    assert {at: count for at, count in enumerate(champion.scores) if count} == {6: 1, 19: 1}
    assert {at: count for at, count in enumerate(challenger.scores) if count} == {1: 1, 0: 1}
    assert sorted(counted.seen.tolist()) == [1, 2, 3]
    assert counted.failed.tolist() == [1]
    assert counted.rate == pytest.approx(8 / 60)
    assert problems(counted, NOON + 95) == [()]


def test_a_key_that_failed_is_no_longer_at_risk_and_a_key_is_new_once(fleet) -> None:
    requests = [
        Request(NOON + 1, key=1, status=500),
        Request(NOON + 2, key=2),
        Request(NOON + 61, key=1, latency=5),
        Request(NOON + 62, key=1, status=500),
        Request(NOON + 63, key=2, status=500),
        Request(NOON + 64, key=3),
    ]
    fleet.serve(requests, until=NOON + 150)
    first, second = fleet.read(NOON + 155).intervals
    assert (first.champion.keys, first.champion.failed, first.champion.new) == (2, 1, 2)
    assert (second.champion.keys, second.champion.failed, second.champion.new) == (2, 1, 1)
    assert sum(second.champion.latency) == 2  # of the keys 1 and 3: who has failed may still be slow
    # The same in two looks, the second with the ledger of the first.
    one = fleet.read(NOON + 95)
    ledger = KeyLedger().add(one.seen, one.failed)
    two = fleet.read(NOON + 155, ledger, since=NOON + 60, known=frozenset({"a"}))
    assert (*one.intervals, *two.intervals) == (first, second)
    assert two.seen.tolist() == [3]
    assert two.failed.tolist() == [2]


def test_requests_routed_by_other_shares_are_strays_and_pinned_ones_are_nobodys(fleet) -> None:
    requests = [
        Request(NOON + 1, key=1),
        Request(NOON + 2, key=2, epoch="e0"),
        Request(NOON + 3, key=3, epoch="pinned"),
    ]
    fleet.serve(requests)
    (interval,) = fleet.read(NOON + 95).intervals
    assert (interval.requests, interval.strays, interval.champion.keys) == (1, 1, 1)
    assert [report.requests for report in interval.reports] == [1]


def test_replicas_report_idle_or_not_and_say_that_they_end(fleet) -> None:
    fleet.serve([Request(NOON + 1, key=1)])
    fleet.serve([], replica="b", until=NOON + 50, last=True)
    counted = fleet.read(NOON + 95)
    one, other = counted.intervals[0].reports
    assert (one.replica, one.requests, one.written, one.last) == ("a", 1, NOON + 61, False)
    assert (other.replica, other.requests, other.written, other.last) == ("b", 0, NOON + 51, True)


def test_a_known_replica_closes_the_interval_as_soon_as_it_has_told_all(fleet) -> None:
    fleet.serve([Request(NOON + 1, key=1), Request(NOON + 61, key=1)], until=NOON + 70)
    known = frozenset({"a"})
    assert not fleet.read(NOON + 59, known=known).intervals
    assert len(fleet.read(NOON + 72, known=known).intervals) == 1
    # Whoever begins does not know who is there, and waits.
    assert not fleet.read(NOON + 72).intervals
    assert len(fleet.read(NOON + 90).intervals) == 1
    # Another that is known has told nothing.
    assert not fleet.read(NOON + 72, known=frozenset({"a", "b"})).intervals
    assert len(fleet.read(NOON + 90, known=frozenset({"a", "b"})).intervals) == 1


def test_a_replica_that_said_last_keeps_nobody_waiting(fleet) -> None:
    fleet.serve([Request(NOON + 1, key=1), Request(NOON + 61, key=1), Request(NOON + 121, key=1)], until=NOON + 190)
    fleet.serve([], replica="b", until=NOON + 30, last=True)
    assert len(fleet.read(NOON + 72, known=frozenset({"a", "b"})).intervals) == 1
    counted = fleet.read(NOON + 191, known=frozenset({"a", "b"}))
    assert [len(interval.reports) for interval in counted.intervals] == [2, 1, 1]
    assert problems(counted, NOON + 191) == [(), (), ()]


def test_a_replica_that_stops_makes_the_interval_wait_and_then_unsound(fleet) -> None:
    fleet.serve([], until=NOON + 190)
    fleet.serve([Request(NOON + 1, key=1, replica="b")], replica="b", until=NOON + 60)
    assert len(fleet.read(NOON + 149).intervals) == 1
    counted = fleet.read(NOON + 150)
    assert [bool(found) for found in problems(counted, NOON + 150)] == [False, True]
    assert "replica b has stopped reporting" in problems(counted, NOON + 150)[1][0]


def test_a_late_file_is_waited_for_and_missed_when_it_does_not_come(fleet) -> None:
    requests = [Request(NOON + 1, key=1), Request(NOON + 45, key=2)]
    paths = fleet.serve(requests, until=NOON + 90)
    late = of("predictions", paths)[-1]
    content = late.read_bytes()
    late.unlink()
    known = frozenset({"a"})
    assert not fleet.read(NOON + 80, known=known).intervals
    counted = fleet.read(NOON + 91, known=known)
    assert "1 requests were counted" in problems(counted, NOON + 91)[0][0]
    late.write_bytes(content)
    assert problems(fleet.read(NOON + 80, known=known), NOON + 80) == [()]


@pytest.mark.parametrize("torn", ["cut", "no gzip", "no json", "no key", "empty"])
def test_a_torn_file_is_missed_and_told_of(fleet, torn) -> None:

    paths = fleet.serve([Request(NOON + 1, key=1), Request(NOON + 45, key=2)])
    path = of("predictions", paths)[0]
    content = path.read_bytes()
    lines = gzip.decompress(content)
    path.write_bytes(
        {
            "cut": content[: len(content) // 2],
            "no gzip": b"{}",
            "no json": gzip.compress(lines[:40] + lines),
            "no key": gzip.compress(lines.replace(b"0000000000000001", b"customer-1")),
            "empty": b"",
        }[torn]
    )
    counted = fleet.read(NOON + 95)
    assert counted.intervals[0].requests == 1
    assert "1 requests were counted" in problems(counted, NOON + 95)[0][0]
    assert len(counted.unreadable) == (torn != "empty")


def test_a_torn_statistics_file_is_missed(fleet) -> None:
    paths = fleet.serve([Request(NOON + 1, key=1), Request(NOON + 15, key=2)])
    path = of("statistics", paths)[0]
    path.write_bytes(path.read_bytes()[:30])
    counted = fleet.read(NOON + 95)
    assert "2 requests were counted at 1699999200, but 1 reported" in problems(counted, NOON + 95)[0]
    assert counted.unreadable


def test_a_file_that_is_there_twice_makes_two_reports(fleet) -> None:
    paths = fleet.serve([Request(NOON + 1, key=1)])
    for number, path in enumerate(paths[:2]):
        path.with_name(f"copy-{number}.jsonl.gz").write_bytes(path.read_bytes())
    counted = fleet.read(NOON + 95)
    assert [report.replica for report in counted.intervals[0].reports] == ["a", "a"]
    assert any("reported" in one and "twice" in one for one in problems(counted, NOON + 95)[0])


def test_lines_that_are_there_twice_make_two_reports_in_old_logs_too(fleet) -> None:

    for path in of("statistics", fleet.serve([Request(NOON + 1, key=1)])):
        lines = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
        old = [{name: value for name, value in line.items() if name not in {"number", "last"}} for line in lines]
        path.write_bytes(gzip.compress("\n".join(map(json.dumps, old + old)).encode()))
    assert len(fleet.read(NOON + 95).intervals[0].reports) == 2


def test_a_request_that_is_answered_late_cries_no_wolf(fleet) -> None:
    """It makes a second line for its bucket, in a later file, and maybe of the same numbers as another one."""
    paths = fleet.serve([Request(NOON + 51, key=1)])
    line = json.loads(gzip.decompress(of("statistics", paths)[5].read_bytes()))
    fleet.write("predictions", Request(NOON + 51, key=2).records(7), NOON, NOON + 75)
    fleet.write("statistics", [{**line, "number": 100}], NOON, NOON + 75)
    counted = fleet.read(NOON + 95)
    assert problems(counted, NOON + 95) == [()]
    assert (counted.intervals[0].requests, counted.intervals[0].reports[0].written) == (2, NOON + 61)


def test_what_a_killed_process_left_and_another_delivers_cries_no_wolf(fleet) -> None:
    requests = [Request(NOON + at, key=at, replica="b") for at in (1, 15, 25)]
    fleet.serve([], until=NOON + 340)
    paths = fleet.serve(requests, replica="b", until=NOON + 30)

    for path in paths:
        os.utime(path, (NOON + 72, NOON + 72))
    counted = fleet.read(NOON + 155)
    assert [len(interval.reports) for interval in counted.intervals] == [2, 1]
    assert problems(counted, NOON + 155)[0] == ()
    assert "b has stopped" in problems(counted, NOON + 155)[1][0]
    # A person goes on: what came late long after is of no concern.
    for path in paths:
        os.utime(path, (NOON + 260, NOON + 260))
    later = fleet.read(NOON + 335, since=NOON + 120, known=frozenset({"a"}))
    assert problems(later, NOON + 335) == [(), (), ()]


@pytest.mark.parametrize("skew", [-300.0, 300.0])
@pytest.mark.parametrize("begin", [NOON, NOON + 3480.0])
def test_a_clock_that_is_wrong_is_seen_from_the_first_interval_on(fleet, skew, begin) -> None:
    """Also where the hour turns meanwhile, by one of the clocks."""
    times = {"since": begin - 60, "until": begin + 460}
    fleet.serve([Request(begin + 1, key=1)], **times)
    wrong = [Request(begin + at, key=2, replica="b") for at in range(0, 460, 5)]
    fleet.serve(wrong, replica="b", skew=skew, **times)
    told = []
    since = begin
    for now in range(100, 460, 30):
        counted = fleet.read(begin + now, since=since)
        told += problems(counted, begin + now)
        since += 60 * len(counted.intervals)
    assert len(told) == 6
    assert all(any("the clock of replica b is" in one for one in found) for found in told)


def test_records_that_were_lost_are_told_once(fleet) -> None:
    fleet.serve([Request(NOON + 1, key=1)], until=NOON + 210, dropped={0: 5, 7: 8})
    counted = fleet.read(NOON + 215)
    assert [interval.reports[0].dropped for interval in counted.intervals] == [0, 3, 0]
    # Between two looks nothing is lost.
    assert fleet.read(NOON + 155, since=NOON + 60).intervals[0].reports[0].dropped == 3


def test_a_share_that_grows_is_another_epoch_and_keys_stay_known(fleet) -> None:
    requests = [Request(NOON + at, key=at) for at in range(40)]
    requests += [Request(NOON + 60 + at, key=at, epoch="e2", arm="challenger") for at in range(0, 50, 2)]
    fleet.serve(requests, until=NOON + 150)
    one = fleet.read(NOON + 95)
    ledger = KeyLedger().add(one.seen, one.failed)
    (two,) = fleet.read(NOON + 150, ledger, since=NOON + 60, epoch="e2", share=0.5).intervals
    assert (two.challenger.keys, two.challenger.new, two.strays) == (25, 5, 0)


def test_intervals_begin_at_a_bucket_and_go_over_hours(fleet) -> None:
    start = NOON + 3600 - 90
    requests = [Request(start + at, key=at) for at in range(0, 180, 3)]
    fleet.serve(requests, since=NOON + 3500, until=NOON + 3600 + 100)
    counted = fleet.read(NOON + 3600 + 125, since=NOON + 3503.7)
    assert [interval.start for interval in counted.intervals] == [NOON + 3510, NOON + 3570, NOON + 3630]
    assert [interval.requests for interval in counted.intervals] == [20, 20, 20]
    assert problems(counted, NOON + 3725) == [(), (), ()]


def test_no_log_is_no_evidence(fleet) -> None:
    counted = fleet.read(NOON + 95)
    assert counted.intervals[0].reports == ()
    assert "no replica has reported" in problems(counted, NOON + 95)[0][0]
    assert counted.rate == 0
    assert fleet.read(NOON + 5).rate is None


def test_many_lines_of_another_epoch_are_many_strays(fleet) -> None:
    fleet.write("predictions", [Request(NOON + 1, epoch="x").records(1)[0]] * 5000, NOON, NOON + 2, replica="z")
    fleet.serve([Request(NOON + 1, key=1)])
    (interval,) = fleet.read(NOON + 95).intervals
    assert (interval.requests, interval.strays, EPOCH) == (1, 5000, "e1")


def test_smoke_tests_are_nowhere_in_what_a_rollout_sees(fleet, tmp_path) -> None:
    traffic = [
        Request(NOON + 1, key=1),
        Request(NOON + 2, key=2, arm="challenger", status=500),
        Request(NOON + 3, key=3, arm="challenger"),
    ]
    smoke = [
        Request(NOON + 1, key=2, smoke=True),
        Request(NOON + 2, key=9, arm="challenger", status=500, smoke=True),
        Request(NOON + 3, key=9, arm="challenger", score=0.1, latency=9e9, rows=3, smoke=True),
    ]
    fleet.serve(sorted([*traffic, *smoke], key=lambda request: request.at))
    other = Fleet(tmp_path / "other")
    other.serve(traffic)
    one, two = fleet.read(NOON + 95), other.read(NOON + 95)
    assert (one.intervals, one.seen.tolist(), one.failed.tolist()) == (
        two.intervals,
        two.seen.tolist(),
        two.failed.tolist(),
    )
    assert problems(one, NOON + 95) == [()]


def test_who_hangs_up_is_a_request_of_its_arm_and_no_failure(fleet) -> None:
    requests = [
        Request(NOON + 1, key=1),
        Request(NOON + 2, key=2, arm="challenger", status=499, latency=900.0, score=0.3),
        Request(NOON + 3, key=3, arm="challenger", status=499, latency=9e9, rows=0),
        Request(NOON + 4, key=3, arm="challenger", latency=4.0, score=0.9),
    ]
    fleet.serve(requests)
    counted = fleet.read(NOON + 95)
    (interval,) = counted.intervals
    challenger = interval.challenger
    assert (interval.requests, challenger.keys, challenger.failed, challenger.new) == (4, 2, 0, 2)
    # The model took so long, whoever waited; what never was whole has no latency and no answer.
    assert {at for at, count in enumerate(challenger.latency) if count} == {
        bisect_left(LATENCY_EDGES_MS, 900.0),
        bisect_left(LATENCY_EDGES_MS, 4.0),
    }
    assert {at for at, count in enumerate(challenger.scores) if count} == {6, 18}
    assert problems(counted, NOON + 95) == [()]
