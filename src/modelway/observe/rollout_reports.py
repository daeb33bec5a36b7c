"""What the replicas say that they answered, interval by interval: records are compared with it."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import ValidationError

from modelway.observe.rollout_rows import micros
from modelway.records.rollout_seen import Report
from modelway.records.serve import StatisticsRecord

if TYPE_CHECKING:
    from collections.abc import Iterable

    from modelway.observe.log_parquet import SegmentText
    from modelway.records.rollout import RolloutOptions


@dataclass(frozen=True)
class _Line:
    """One line of the statistics.

    Attributes:
        start: when its bucket began, by the replica's clock, in microseconds since 1970.
        requests: those of the epoch.
        dropped: records that the replica had lost by then.
        last: whether it ends with it.
        written: when the storage got it, in seconds since 1970.
    """

    start: int
    requests: int
    dropped: int
    last: bool
    written: float


@dataclass
class Replicas:
    """The statistics of all replicas.

    Attributes:
        epoch: the shares whose requests are counted.
        options: the settings' `rollout`.
        segment_seconds: how long the statistics' buckets are.
        unreadable: files that could not be read, with the reason.
    """

    epoch: str
    options: RolloutOptions
    segment_seconds: float
    unreadable: list[str] = field(default_factory=list)
    _lines: dict[str, list[_Line]] = field(default_factory=lambda: defaultdict(list))
    """Each replica's, in the order of their buckets."""
    _copies: dict[str, list[_Line]] = field(default_factory=lambda: defaultdict(list))
    _known: set[tuple[str, int] | bytes] = field(default_factory=set)

    def read(self, texts: Iterable[SegmentText]) -> None:
        """Take the lines of some segments; those that can't be read are passed over, and missed later."""
        for text in texts:
            for line in text.lines:
                try:
                    self._take(StatisticsRecord.from_json(line), line, text.written)
                except ValidationError:
                    self.unreadable.append(f"{text.where}: a line that is not a record of the statistics")
        for lines in (*self._lines.values(), *self._copies.values()):
            lines.sort(key=_start)

    def reports(self, start: float) -> tuple[Report, ...]:
        """Those of one interval, by replica; two of one that is there twice."""
        begin, end = micros(start), micros(start + self.options.interval_seconds)
        found = []
        for lines in (self._lines, self._copies):
            for replica in sorted(lines):
                inside = _between(lines[replica], begin, end)
                if inside:
                    found.append(self._report(replica, inside, begin))
        there = {report.replica for report in found}
        return (*found, *(self._off(replica, start) for replica in sorted(self._elsewhere(start) - there)))

    def has_told(self, replica: str, end: float) -> bool:
        """Whether a replica has told all about the time before `end`."""
        lines = self._lines.get(replica, [])
        return any(line.last for line in lines) or bool(_between(lines, micros(end), None))

    def _take(self, record: StatisticsRecord, content: bytes, written: float) -> None:
        """A process numbers its lines, so that a copy of a file is told from a request that was answered late."""
        line = _Line(
            start=micros(datetime.fromisoformat(record.start).timestamp()),
            requests=record.requests if record.epoch == self.epoch else 0,
            dropped=record.log_dropped,
            last=record.last,
            written=written,
        )
        name = content if record.number is None else (record.replica, record.number)
        (self._copies if name in self._known else self._lines)[record.replica].append(line)
        self._known.add(name)

    def _report(self, replica: str, inside: list[_Line], begin: int) -> Report:
        newest = max(line.start for line in inside)
        recent = begin - micros(self.options.interval_seconds)
        before = _between(self._lines[replica], recent, begin)
        lost = max(line.dropped for line in inside)
        known = max((line.dropped for line in before), default=min(line.dropped for line in inside))
        return Report(
            replica=replica,
            requests=sum(line.requests for line in inside),
            # A request that is answered late adds a line to a bucket that was told of in time.
            written=min(line.written for line in inside if line.start == newest),
            dropped=max(lost - known, 0),
            last=any(line.last for line in inside),
        )

    def _elsewhere(self, start: float) -> set[str]:
        """Replicas that live in this interval by the storage's clock, and in another time by their own.

        What a dead process left and another delivers late comes all at once; who lives goes on writing.
        """
        return {replica for replica in self._lines if self._lag(replica, start) is not None}

    def _lag(self, replica: str, start: float) -> float | None:
        """How much later a replica writes than it should, seconds; None where that is no more than usual."""
        grace, length = self.options.grace_seconds, self.options.interval_seconds
        since = [line for line in self._lines[replica] if line.written >= start]
        if not since or any(line.last for line in since):
            return None
        lags = [line.written - line.start / 1_000_000 - self.segment_seconds for line in since]
        if any(-grace <= lag <= length + grace for lag in lags):
            return None
        times = [line.written for line in since]
        return lags[times.index(max(times))] if max(times) - min(times) >= self.segment_seconds else None

    def _off(self, replica: str, start: float) -> Report:
        """Its word on the interval is to be expected as much later as that on others is."""
        lag = self._lag(replica, start) or 0.0
        return Report(replica=replica, requests=0, written=start + self.options.interval_seconds + lag)


def _start(line: _Line) -> int:
    return line.start


def _between(lines: list[_Line], begin: int, end: int | None) -> list[_Line]:
    """Those of buckets that begin in [begin, end)."""
    until = None if end is None else bisect_left(lines, end, key=_start)
    return lines[bisect_left(lines, begin, key=_start) : until]
