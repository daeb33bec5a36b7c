"""The books of a server in trouble: what clients saw, what the log holds, and what `/metrics` said in between."""

from __future__ import annotations

import gzip
import json
import re
import threading
import time
import urllib.request
import zlib
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from records import at_most

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from honest import Asked

DROPPED = "modelway_log_dropped_records_total"
_SAMPLE = re.compile(r"^(\w+)(\{.*\})? (\S+)$")


@dataclass
class Log:
    """What a prediction log holds.

    Attributes:
        lines: of the predictions, by the request's id; each with the name of its file as `file`.
        statistics: lines of the statistics.
        broken: files and lines that are not what the documents say, with the reason.
    """

    lines: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    statistics: list[dict[str, Any]] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def predictions(self) -> Iterator[dict[str, Any]]:
        """All lines of the predictions."""
        return (line for lines in self.lines.values() for line in lines)


def files_of(folder: Path) -> dict[str, bytes]:
    """The log's files in a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.glob("*/date=*/hour=*/*"))}


def read_log(files: Mapping[str, bytes]) -> Log:
    """Read a log strictly: whole gzip files, whole lines, JSON as RFC 8259 has it."""
    log = Log()
    for name, content in files.items():
        if not name.endswith(".jsonl.gz"):
            log.broken.append(f"{name}: neither predictions nor statistics")
            continue
        try:
            text = gzip.decompress(content).decode()
        except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
            log.broken.append(f"{name}: {error}")
            continue
        for number, line in enumerate(text.rstrip("\n").split("\n") if text else ()):
            try:
                found = json.loads(line, parse_constant=_refuse)
            except ValueError as error:
                log.broken.append(f"{name}, line {number + 1}: {error}")
                continue
            found["file"] = name
            if "statistics/" in name:
                log.statistics.append(found)
            else:
                log.lines[found["request"]].append(found)
    return log


def _refuse(text: str) -> None:
    raise ValueError(f"{text} is not JSON")


@dataclass(frozen=True)
class Entry:
    """What became of one request that was answered with 200, or whose answer was not seen.

    Attributes:
        asked: the request.
        missing: rows that the log lacks, of those that a client saw answered.
        twice: rows that the log has more than once.
        process: which of the server's processes answered, by the prediction's id.
        unseen: rows in the log of which the client saw no answer.
    """

    asked: Asked
    missing: int
    twice: int
    process: str
    unseen: int = 0


def entries(asked: Iterable[Asked], log: Log) -> list[Entry]:
    """Compare: a row counts by prediction id and row."""
    found = []
    for one in asked:
        lines = [line for line in log.lines.get(one.request, ()) if line["status"] == 200]
        process = one.prediction.rsplit("-", 1)[0]
        if one.status != 200:
            unseen = len(lines) if one.status == 0 else 0
            # A request that was refused must not stand in the log as answered.
            found.append(Entry(one, 0, len(lines) if one.status else _twice(lines), process, unseen))
            continue
        several = one.rows > 1
        wanted = {(f"{one.prediction}-{row}" if several else one.prediction, row) for row in range(one.rows)}
        times = Counter((line["id"], line["row"]) for line in lines)
        missing = sum(key not in times for key in wanted)
        found.append(Entry(one, missing, sum(times.values()) - len(wanted) + missing, process))
    return found


def _twice(lines: list[dict[str, Any]]) -> int:
    return sum(times - 1 for times in Counter((line["id"], line["row"]) for line in lines).values())


def samples(text: str) -> dict[str, float]:
    """The values of a page of metrics, by name and labels."""
    found = {}
    for line in text.splitlines():
        if not line.startswith("#") and (sample := _SAMPLE.match(line)):
            found[f"{sample[1]}{sample[2] or ''}"] = float(sample[3])
    return found


def counters(text: str) -> dict[str, float]:
    """Those of them that must never go down: counters, and a histogram's buckets, sums and counts."""
    kinds = dict(re.findall(r"^# TYPE (\w+) (counter|histogram)$", text, re.MULTILINE))

    def counts(name: str) -> bool:
        base = name.split("{", 1)[0]
        return base in kinds or re.sub(r"_(bucket|sum|count)$", "", base) in kinds

    return {name: value for name, value in samples(text).items() if counts(name)}


class Scraper(threading.Thread):
    """Scrapes `/metrics` right through a run, on a new connection each time: any of the workers answers.

    Attributes:
        backwards: counters that fell or went away: name, from and to, and when.
        history: when, and by name the values then of the names that were asked for.
        failed: when a scrape got no page.
    """

    def __init__(self, port: int, names: tuple[str, ...], every: float = 0.1) -> None:
        super().__init__(daemon=True)
        self.backwards: list[tuple[str, float, float | None, float]] = []
        self.history: list[tuple[float, dict[str, float]]] = []
        self.failed: list[float] = []
        self._port, self._names, self._every = port, names, every
        self._last: dict[str, float] = {}
        self._ending = threading.Event()

    def run(self) -> None:
        """Scrape until `end`."""
        while not self._ending.is_set():
            self.scrape()
            self._ending.wait(self._every)

    def scrape(self) -> None:
        """Scrape once."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/metrics", timeout=10) as answer:
                text = answer.read().decode()
        except OSError:
            self.failed.append(time.monotonic())
            return
        now, found = time.monotonic(), counters(text)
        for name, before in self._last.items():
            after = found.get(name)
            if after is None or after < before:
                self.backwards.append((name, before, after, now))
        self._last = {**self._last, **found}
        everything = samples(text)
        self.history.append((
            now,
            {
                name: sum(value for key, value in everything.items() if key.split("{", 1)[0] == name)
                for name in self._names
            },
        ))  # fmt: skip

    def end(self) -> None:
        """Scrape a last time, and stop."""
        self._ending.set()
        self.join()
        self.scrape()

    def value(self, name: str, moment: float) -> float:
        """What was known of a metric at a moment; 0 before the first scrape."""
        known = [values[name] for when, values in self.history if when <= moment]
        return known[-1] if known else 0.0

    def largest(self, name: str, begin: float, end: float) -> float:
        """The largest value that was seen of a metric between two moments; 0 where none was."""
        return max((values[name] for when, values in self.history if begin <= when <= end), default=0.0)


class Verdict:
    """Records values with their aims, and keeps which aims were missed.

    Args:
        note: a benchmark's own call of `record`: what, value, unit, and `case` and `aim`.
    """

    def __init__(self, note: Callable[..., None]) -> None:
        self.missed: list[str] = []
        self._note = note

    def tell(self, case: str, what: str, value: float | None, unit: str = "", *, most: float | None = None) -> str:
        """Record a value, which may be `most` at most; None misses every aim. Return it as a cell of a table."""
        self._note(what, value, unit, case=case, aim=None if most is None else at_most(most))
        missed = most is not None and (value is None or value > most)
        if missed:
            self.missed.append(f"{case}: {what} {_short(value)}{f' {unit}' if unit else ''}, at most {most:g}")
        return f"**{_short(value)}**" if missed else _short(value)

    def __str__(self) -> str:
        if not self.missed:
            return "Aims missed: none."
        return "\n".join(["Aims missed:", "", *(f"- {one}" for one in self.missed)])


def _short(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"


def quantile(values: Iterable[float], share: float) -> float | None:
    """A quantile of some values; None of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None
