"""How `serve_reliability.py` compares its books: who answers for a record that is missing, there twice or misplaced."""

from __future__ import annotations

import datetime
import json
import math
import time
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from accounts import DROPPED, Entry, Log, Scraper, Verdict, entries, quantile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from honest import Asked

_SLACK = 0.5
"""Seconds that a client's clock may differ from what a busy machine's server did when."""
_BETWEEN = "between troubles"


@dataclass(frozen=True)
class Span:
    """A trouble and how long it lasted; `ends` where requests may stay without an answer."""

    name: str
    round: int
    begin: float
    end: float
    ends: bool = False


@dataclass(frozen=True)
class Books:
    """Everything that was seen. `early` is the log before the server was told to end; `said` what servers printed."""

    asked: list[Asked]
    log: Log
    early: Log
    spans: list[Span]
    killed: list[float]
    scraper: Scraper
    counts: Mapping[str, int]
    settled: list[tuple[str, float | None]]
    jumps: list[tuple[float, int]]
    memory: list[float]
    skipped: list[str]
    said: list[str]
    flush: float
    segment: float
    early_at: float


def report(books: Books, verdict: Verdict, minutes: float) -> str:
    """Record all values with their aims, and give the lines of the results."""
    case = f"{minutes:g} minutes"
    found = entries(books.asked, books.log)
    shares = _shares(books, found)
    missing = sum(share["not in the log"] - share["of these, killed workers' last second"] for share in shares.values())
    dropped = books.scraper.value(DROPPED, time.monotonic())
    # Nobody saw these answers: they may be among the dropped ones, or not.
    open_ = sum(entry.asked.rows - entry.unseen for entry in found if entry.asked.status == 0)
    lines = _head(books, case)
    lines += ["| what | found | at most |", "|---|---|---|"]
    for what, value, most, unit in [
        ("answered, not in the log, and in no counter", max(0, missing - dropped), 0, ""),
        ("counted as dropped, and in the log", max(0, dropped - missing - open_), 0, ""),
        ("records there twice", sum(share["there twice"] for share in shares.values()), 0, ""),
        *_of_the_clients(books, found),
        *_of_the_log(books),
        ("records delivered only as the server was told to end", _late(books, found), 0, ""),
        ("counters of /metrics that went backwards or away", len(books.scraper.backwards), 0, ""),
        ("scrapes without a page, other than as a worker was killed", _away(books, books.scraper.failed), 0, ""),
        ("tracebacks in the server's own log", sum(said.count("Traceback") for said in books.said), 0, ""),
        (
            "longest time before its worker's death that a lost record had",
            _oldest(books, found),
            books.flush + _SLACK,
            "s",
        ),
        ("growth of memory, first to last round", _growth(books.memory), 20 if len(books.memory) > 1 else None, "%"),
    ]:
        cell = verdict.tell(case, what, value, unit, most=most)
        lines.append(f"| {what} | {cell}{f' {unit}' if unit else ''} | {'' if most is None else f'{most:g}'} |")
    for name, seconds in books.settled:
        most = 3 * books.segment + 10
        verdict.tell(f"the clock jumps to {name}", "segments delivered again after", seconds, "s", most=most)
    return "\n".join([*lines, "", *_table(shares, verdict), "", *_examples(books, found), str(verdict)])


Row = tuple[str, float | None, float | None, str]
"""A value: what it is, how much, how much it may be at most, its unit."""


def _of_the_clients(books: Books, found: list[Entry]) -> list[Row]:
    """What clients saw that they should not."""
    honest = [entry.asked for entry in found if entry.asked.kind == "honest"]
    extreme = [entry.asked for entry in found if entry.asked.kind == "extreme"]
    wrong = sum(entry.asked.wrong != "" and entry.asked.status == 200 for entry in found)
    return [
        ("requests without an answer, other than as a worker was killed", _unanswered(books), 0, ""),
        ("wrong answers", wrong, 0, ""),
        ("honest requests refused or failed", sum(one.status not in {0, 200} for one in honest), 0, ""),
        ("answers of 5xx to extreme values", sum(one.status >= 500 for one in extreme), 0, ""),
    ]


def _of_the_log(books: Books) -> list[Row]:
    """What the log holds that it should not."""
    return [
        ("files or lines of the log that are broken", len(books.log.broken), 0, ""),
        ("records of 200 of requests that were refused", _refused(books), 0, ""),
        ("records of 5xx", sum(line["status"] >= 500 for line in books.log.predictions()), 0, ""),
        ("records that differ from what was answered", _differing(books), 0, ""),
        ("records with a time or a latency that the clock did not show", _mistimed(books), 0, ""),
        ("records in another hour's folder", _misplaced(books), 0, ""),
        ("statistics there twice", _twice(books), 0, ""),
        ("gaps in the numbers of the statistics", _gaps(books), None, ""),
    ]


def _head(books: Books, case: str) -> list[str]:
    done = ", ".join(f"{count} {what}" for what, count in books.counts.items())
    asked = sum(one.status == 200 for one in books.asked)
    skipped = [f"Skipped: {one}." for one in books.skipped]
    told = f"{case}, two workers, the log in S3 (moto's server): {asked:,} requests answered; {done}."
    return [told, *skipped, ""]


def _shares(books: Books, found: list[Entry]) -> dict[str, dict[str, Any]]:
    """By trouble: rows answered, missing, excused, twice; dropped as counted; requests without an answer; p99."""
    last = _last_answers(books)
    shares: dict[str, dict[str, Any]] = {}
    for name in [*dict.fromkeys(span.name for span in books.spans), _BETWEEN]:
        spans = [span for span in books.spans if span.name == name]
        counted = [
            books.scraper.value(DROPPED, span.end) - books.scraper.value(DROPPED, span.begin)
            for span in spans if not span.ends
        ]  # fmt: skip
        shares[name] = {
            "rows answered": 0, "not in the log": 0, "of these, killed workers' last second": 0,
            "counted as dropped": sum(counted), "there twice": 0, "in the log, answer unseen": 0, "no answer": 0,
            "latencies": [],
        }  # fmt: skip
    spans = sorted(books.spans, key=lambda span: span.begin)
    for entry in found:
        share = shares[_blamed(spans, entry.asked.end)]
        share["rows answered"] += entry.asked.rows if entry.asked.status == 200 else 0
        share["not in the log"] += entry.missing
        if entry.missing and _excused(books, entry, last) is not None:
            share["of these, killed workers' last second"] += entry.missing
        share["there twice"] += entry.twice
        share["in the log, answer unseen"] += entry.unseen
        share["no answer"] += entry.asked.status == 0 and entry.asked.kind != "hang-up"
        if entry.asked.kind == "honest" and entry.asked.status == 200:
            share["latencies"].append(entry.asked.end - entry.asked.due)
    return shares


def _blamed(spans: Sequence[Span], moment: float) -> str:
    return next((span.name for span in spans if span.begin <= moment < span.end), _BETWEEN)


def _last_answers(books: Books) -> dict[str, float]:
    """When each of the server's processes answered last."""
    last: dict[str, float] = defaultdict(float)
    for one in books.asked:
        if one.prediction:
            process = one.prediction.rsplit("-", 1)[0]
            last[process] = max(last[process], one.end)
    return last


def _excused(books: Books, entry: Entry, last: Mapping[str, float]) -> float | None:
    """How long before its process was killed a request was answered; None where nobody killed it in time.

    A process that answered after a kill was not the one that was killed.
    """
    ages = [
        moment - entry.asked.end
        for moment in books.killed
        if last[entry.process] <= moment + _SLACK and -_SLACK <= moment - entry.asked.end <= books.flush + _SLACK
    ]
    return max(0.0, min(ages)) if ages else None


def _oldest(books: Books, found: list[Entry]) -> float:
    last = _last_answers(books)
    ages = [_excused(books, entry, last) for entry in found if entry.missing]
    return max((age for age in ages if age is not None), default=0.0)


def _away(books: Books, moments: Sequence[float]) -> int:
    """How many of some moments are not near a worker's death, nor while a server ends."""
    ends = [span for span in books.spans if span.ends]
    return sum(
        not any(-0.1 <= moment - kill <= 2 for kill in books.killed)
        and not any(span.begin <= moment <= span.end for span in ends)
        for moment in moments
    )


def _unanswered(books: Books) -> int:
    return _away(books, [one.end for one in books.asked if one.status == 0 and one.kind != "hang-up"])


def _refused(books: Books) -> int:
    """Records of 200 whose request a client saw refused."""
    status = {one.request: one.status for one in books.asked}
    return sum(
        line["status"] == 200 and status.get(name, 200) not in {0, 200}
        for name, lines in books.log.lines.items()
        for line in lines
    )


def _differing(books: Books) -> int:
    """Records that disagree with the answer on how many rows there are, or on a row's probability."""

    def same(line: dict[str, Any], one: Asked) -> bool:
        if line["rows"] != one.rows or not 0 <= line["row"] < one.rows:
            return False
        return not one.found or line["probabilities"]["yes"] == one.found[line["row"]]

    return sum(
        line["status"] == 200 and not same(line, one)
        for one in books.asked
        for line in books.log.lines.get(one.request, ())
    )


def _mistimed(books: Books) -> int:
    base = time.time() - time.monotonic()
    jumps = [(float("-inf"), 0), *books.jumps]
    moments = [moment for moment, _ in jumps]
    wrong = 0
    for one in books.asked:
        if one.status != 200:
            continue
        first = max(0, bisect_left(moments, one.due - _SLACK) - 1)
        offsets = [offset for _, offset in jumps[first : bisect_right(moments, one.end + _SLACK)]]
        for line in books.log.lines.get(one.request, ()):
            told = datetime.datetime.fromisoformat(line["time"]).timestamp() - base
            near = any(one.due - 2 <= told - offset <= one.end + 2 for offset in offsets)
            wrong += not near or not 0 <= line["latency_ms"] <= (one.end - one.due) * 1000 + 1000
    return wrong


def _misplaced(books: Books) -> int:
    """A record lies in its own hour's folder, or in that of the moment when its segment had to be closed at last."""
    wrong = 0
    for line in books.log.predictions():
        moment = datetime.datetime.fromisoformat(line["time"])
        later = moment + datetime.timedelta(seconds=books.segment + books.flush + 1)
        wrong += not any(f"/date={one:%Y-%m-%d}/hour={one:%H}/" in line["file"] for one in (moment, later))
    return wrong


def _twice(books: Books) -> int:
    times = Counter((line["replica"], line["number"]) for line in books.log.statistics)
    return sum(count - 1 for count in times.values())


def _gaps(books: Books) -> int:
    numbers = defaultdict(set)
    for line in books.log.statistics:
        numbers[line["replica"]].add(line["number"])
    return sum(max(found) + 1 - len(found) for found in numbers.values())


def _late(books: Books, found: list[Entry]) -> int:
    """Rows that were in the log at the end, but not yet some seconds after the last trouble."""
    before = [entry.asked for entry in found if entry.asked.end < books.early_at]
    early = {entry.asked.request: entry for entry in entries(before, books.early)}
    return sum(max(0, early[e.asked.request].missing - e.missing) for e in found if e.asked.request in early)


def _growth(memory: Sequence[float]) -> float | None:
    """In percent; None of one round."""
    return max(0.0, (memory[-1] / memory[0] - 1) * 100) if len(memory) > 1 else None


def _table(shares: Mapping[str, dict[str, Any]], verdict: Verdict) -> list[str]:
    whats = [what for what in next(iter(shares.values())) if what != "latencies"]
    lines = ["| trouble | " + " | ".join(whats) + " | p99, ms |", "|---" * (len(whats) + 2) + "|"]
    for name, share in shares.items():
        cells = [verdict.tell(name, what, share[what]) for what in whats]
        slowest = quantile(share["latencies"], 0.99)
        cells.append(verdict.tell(name, "honest p99", None if slowest is None else slowest * 1000, "ms"))
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def _lost(books: Books, entry: Entry, last: Mapping[str, float], spans: Sequence[Span]) -> str:
    """Where a request was asked whose records are gone, and how long its process still lived after its answer."""
    trouble = _blamed(spans, entry.asked.end)
    death = min((kill for kill in books.killed if kill >= last[entry.process] - _SLACK), default=None)
    if death is None or entry.asked.kind != "honest":
        return f"{trouble}, asked by {entry.asked.kind}"
    return f"{trouble}, in second {math.ceil(death - entry.asked.end)} before a kill that ended its process"


def _events(books: Books) -> str:
    """How often servers said what, and of how many records."""
    times: Counter[str] = Counter()
    records: Counter[str] = Counter()
    for line in "\n".join(books.said).splitlines():
        with suppress(ValueError, KeyError, TypeError):
            found = json.loads(line)
            times[found["event"]] += 1
            records[found["event"]] += found.get("records", 0)
    return ", ".join(
        f"{count} {event}" + f" ({records[event]} records)" * bool(records[event]) for event, count in times.items()
    )


def _examples(books: Books, found: list[Entry]) -> list[str]:
    """Some of what was wrong, to begin looking from."""
    last = _last_answers(books)
    spans = sorted(books.spans, key=lambda span: span.begin)
    lost = [e for e in found if e.missing and _excused(books, e, last) is None]
    twice = [e for e in found if e.twice]
    told = [
        f"lost: {what}, {count} rows" for what, count in Counter(_lost(books, e, last, spans) for e in lost).items()
    ]
    told = told[:20]
    told += [f"twice: {e.asked.request} ({e.twice}), {_blamed(spans, e.asked.end)}" for e in twice[:5]]
    told += [f"broken: {one}" for one in books.log.broken[:5]]
    told += [
        f"backwards: {name} from {before} to {after}, {_blamed(spans, when)}"
        for name, before, after, when in books.scraper.backwards[:8]
    ]
    told += [f"{e.asked.request}: {e.asked.wrong}" for e in found if e.asked.wrong and e.asked.status >= 200][:8]
    told.append(f"the servers' own logs have {_events(books)}")
    for said in books.said:
        if "Traceback" in said:
            told.append("said: " + said[said.index("Traceback") :][:1500].replace("\n", " | "))
    return [f"- {one}" for one in told] + ([""] if told else [])
