"""What is missing, late, there twice or of another time: each by itself, at its limit, and two at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import pytest

from modelway.decide.completeness import missing_evidence, unsound_intervals
from modelway.records.rollout import CanaryStep, RolloutOptions
from modelway.records.rollout_seen import Seen, SeenInterval

from .minutes import interval, report

OPTIONS = RolloutOptions(steps=(CanaryStep(kind="canary", share=0.5),) * 2, interval_seconds=60.0, grace_seconds=30.0)


@dataclass
class Minutes:
    """Six minutes of two replicas, all there; the last one began at 300 s."""

    starts: list[float] = field(default_factory=lambda: [60.0 * minute for minute in range(6)])
    reports: dict[int, tuple[Any, ...]] = field(default_factory=dict)
    values: dict[int, dict[str, Any]] = field(default_factory=dict)
    seen: dict[str, Any] = field(default_factory=dict)

    def made(self) -> Seen:
        found = []
        for number, start in enumerate(self.starts):
            one = interval(0)
            told = tuple(each.model_copy(update={"written": start + 61}) for each in one.reports)
            given = {"start": start, "reports": self.reports.get(number, told), **self.values.get(number, {})}
            found.append(one.model_copy(update=given))
        base = {"step": 0, "step_began": 0.0, "now": 365.0, **self.seen}
        return Seen(intervals=tuple(found), **base)


LAST = 5
END = 360.0


def last(*given: Any) -> Callable[[Minutes], object]:
    return lambda it: it.reports.update({LAST: given})


def at(number: int, **values: Any) -> Callable[[Minutes], object]:
    return lambda it: it.values.setdefault(number, {}).update(values)


def of(**seen: Any) -> Callable[[Minutes], object]:
    return lambda it: it.seen.update(seen)


def move(number: int, start: float) -> Callable[[Minutes], object]:
    return lambda it: it.starts.__setitem__(number, start)


def written(off: float, **more: Any) -> Callable[[Minutes], object]:
    """The last report of a replica comes so much after the interval's end."""
    return last(report("a", written=END + off).model_copy(update=more), report("b", written=END + 1))


def replicas(**requests: int) -> Callable[[Minutes], object]:
    """These report the last interval."""
    return last(*(report(name, count, END + 1) for name, count in requests.items()))


TWICE = (report("a", 500, END + 1), report("a", 500, END + 1), report("b", 1000, END + 1))
LIMITS: list[tuple[str, Callable[[Minutes], object], str]] = [
    ("all is there", lambda _: None, ""),
    ("a report comes as late as it may", written(90), ""),
    ("and later", written(90.001), "clock of replica a"),
    ("and later, of a replica that ends", written(90.001, last=True), ""),
    ("a clock is as far ahead as it may be", written(-30), ""),
    ("and further", written(-30.001), "clock of replica a"),
    ("one record was lost", written(1, dropped=1), "replica a has lost 1 records"),
    ("the last interval is as old as it may be", of(now=END + 90), ""),
    ("and older", of(now=END + 90.001), "metrics are late"),
    ("it ends as far ahead as it may", of(now=END - 30), ""),
    ("and further ahead", of(now=END - 30.001), "a clock is wrong"),
    ("the step began a while after the last interval", of(now=END + 120, step_began=END + 30), ""),
    ("and longer ago than metrics may take", of(now=END + 121, step_began=END + 30), "metrics are late"),
    ("two intervals are as far apart as they may be", move(5, 240 + 90.0), ""),
    ("and further apart", move(5, 240 + 90.001), "no interval between 240 and 330"),
    ("two are as near as they may be", move(5, 240 + 30.0), ""),
    ("and nearer", move(5, 240 + 29.999), "an interval is there twice"),
    ("one interval is missing", lambda it: it.starts.remove(120.0), "no interval between 60 and 180"),
    ("one is missing before a person began again", lambda it: (it.starts.remove(60.0), of(resumed=120.0)(it)), ""),
    ("one is missing from there on", lambda it: (it.starts.remove(180.0), of(resumed=120.0)(it)), "no interval"),
    ("one of the step before is missing", lambda it: (it.starts.remove(60.0), at(0, step=1)(it)), ""),
    ("one request was not counted", at(LAST, requests=2001), "2001 requests were counted at 300, but 2000"),
    ("one was not reported", at(LAST, requests=1999), "1999 requests were counted at 300, but 2000"),
    ("one was routed by other shares", at(LAST, strays=1), "1 requests were routed by other shares"),
    ("no replica reported", lambda it: it.reports.update(dict.fromkeys(range(6), ())), "no replica has reported 300"),
    ("a replica is silent", last(report("a", 2000, END + 1)), "replica b has stopped reporting at 300"),
    ("a replica is new", replicas(a=800, b=600, c=600), ""),
    ("a replica reported twice", last(*TWICE), "a reported 300 twice"),
    ("an earlier interval was unsound", at(2, strays=1), ""),
]  # fmt: skip


@pytest.mark.parametrize(("change", "words"), [pytest.param(*case, id=name) for name, *case in LIMITS])
def test_missing_evidence_up_to_its_limit_and_beyond(change: Callable[[Minutes], object], words: str) -> None:
    minutes = Minutes()
    change(minutes)
    found = missing_evidence(minutes.made(), OPTIONS)
    assert [words in one for one in found] == [True] * bool(words), found


def test_missing_evidence_of_nothing_is_missing() -> None:
    assert missing_evidence(Seen(intervals=(), step=0, step_began=0.0, now=5.0), OPTIONS)[0].startswith("no metrics")


TOGETHER: dict[str, Callable[[Minutes], object]] = {
    "metrics are late": of(now=END + 200),
    "no interval between 60 and 180": lambda it: it.starts.remove(120.0),
    "requests were counted": lambda it: it.values.setdefault(len(it.starts) - 1, {}).update(requests=7),
    "routed by other shares": lambda it: it.values.setdefault(len(it.starts) - 1, {}).update(strays=2),
    "replica a has lost 3 records": lambda it: _spoil(it, "a", dropped=3),
    "clock of replica b": lambda it: _spoil(it, "b", written=END + 400),
}


def _spoil(it: Minutes, name: str, **changes: Any) -> None:
    number = len(it.starts) - 1
    known = it.reports.get(number, (report("a", 1000, END + 1), report("b", 1000, END + 1)))
    it.reports[number] = tuple(each.model_copy(update=changes) if each.replica == name else each for each in known)


@pytest.mark.parametrize("names", list(combinations(sorted(TOGETHER, key=lambda name: "between" not in name), 2)))
def test_missing_evidence_names_both_of_two_problems(names: tuple[str, str]) -> None:
    minutes = Minutes()
    for name in names:
        TOGETHER[name](minutes)
    found = missing_evidence(minutes.made(), OPTIONS)
    assert len(found) == 2
    assert all(any(name in one for one in found) for name in names), found


SILENCE: list[tuple[str, str, dict[str, Any], list[int]]] = [
    # replicas of each minute (capital: it says that it ends), what a person did, the minutes that can't be used
    ("both report", "ab ab ab ab", {}, []),
    ("one goes silent", "ab ab a a", {}, [2, 3]),
    ("one goes silent and is back", "ab a ab ab", {}, [1]),
    ("one ends", "ab aB a a", {}, []),
    ("one ends and is back", "ab aB a ab", {}, []),
    ("one ends, is back, and goes silent", "ab aB ab a", {}, [3]),
    ("one goes silent, and a person begins again", "ab a a a", {"resumed": 120.0}, [1]),
    ("a person began again, and it is back and silent", "ab a ab a", {"resumed": 60.0}, [3]),
    ("both go silent one after the other", "abc ab a a", {}, [1, 2, 3]),
]  # fmt: skip


@pytest.mark.parametrize(("told", "seen", "unsound"), [pytest.param(*case, id=name) for name, *case in SILENCE])
def test_unsound_intervals_from_where_a_replica_went_silent(
    told: str, seen: dict[str, Any], unsound: list[int]
) -> None:
    made: list[SeenInterval] = []
    for number, names in enumerate(told.split()):
        reports = tuple(
            report(name.lower(), 2000 // len(names), number * 60 + 61.0).model_copy(update={"last": name.isupper()})
            for name in names
        )
        requests = sum(one.requests for one in reports)
        made.append(interval(number).model_copy(update={"reports": reports, "requests": requests}))
    found = unsound_intervals(Seen(intervals=tuple(made), step=0, step_began=0.0, now=300.0, **seen), OPTIONS)
    assert [number for number, problems in enumerate(found) if problems] == unsound
