"""What a rollout sees of the prediction log: intervals that are over, counted by arm, and what the replicas say."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from modelway.observe.key_ledger import NO_KEYS, KeyLedger
from modelway.observe.log_hours import LogPlace, hours_between
from modelway.observe.log_tables import LogReader
from modelway.observe.rollout_counts import count_interval
from modelway.observe.rollout_reports import Replicas
from modelway.observe.rollout_rows import RolloutRows, micros
from modelway.records.rollout_seen import ArmCounts, SeenInterval

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modelway.observe.key_ledger import Keys
    from modelway.observe.rollout_counts import IntervalCounts
    from modelway.observe.score_buckets import ScoreBuckets
    from modelway.records.data import S3Options
    from modelway.records.progress import Progress
    from modelway.records.rollout import RolloutOptions
    from modelway.records.rollout_seen import Report

_CLOCK_SECONDS = 900.0
"""How wrong a replica's clock may be before its statistics are looked for in vain. A file of records that the storage
got so long before a moment holds nothing of it; with a clock that is wrong by more its requests are missed."""
_RATE_INTERVALS = 10


@dataclass(frozen=True)
class RolloutWindow:
    """What of the log is looked at; times in seconds since 1970.

    Attributes:
        since: where the first interval begins that is not counted yet.
        now: the time of the look.
        epoch: the shares in force.
        step: the plan's step, from 0.
        share: the challenger's share of the keys.
        shadow: whether pairs of answers are wanted.
        known: replicas that were seen before in this step and have not ended.
    """

    since: float
    now: float
    epoch: str
    step: int
    share: float
    shadow: bool
    known: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Counted:
    """What was counted.

    Attributes:
        intervals: those that are over, one after the other.
        seen: keys that were seen in them for the first time in the rollout, shape (keys,).
        failed: keys that failed in them for the first time, likewise.
        rate: requests a second of the last intervals; None where there are none.
        unreadable: files that could not be read, with the reason.
    """

    intervals: tuple[SeenInterval, ...]
    seen: Keys
    failed: Keys
    rate: float | None
    unreadable: tuple[str, ...] = ()


def read_intervals(
    log: str,
    window: RolloutWindow,
    ledger: KeyLedger,
    buckets: ScoreBuckets,
    options: RolloutOptions,
    segment_seconds: float,
    s3: S3Options,
    cache: Path,
    progress: Progress,
    paired: KeyLedger | None = None,
) -> Counted:
    """Count the intervals that are over.

    One is over as soon as every replica that is known has told all about it and as many requests were recorded as
    were reported; at the latest `grace_seconds` after its end, as it then is, and `decide` finds what is missing. The
    first of a step, of which nobody knows who will report, always waits so long.

    Args:
        log: the prediction log's address.
        window: what of it is looked at. The first interval begins at the first bucket from `since` on.
        ledger: which keys were seen before.
        buckets: how answers are read.
        options: the settings' `rollout`.
        segment_seconds: how long the statistics' buckets are, of which an interval is a multiple.
        s3: where `s3://` leads.
        cache: where objects are kept from one look to the next.
        progress: told of downloads and of files.
        paired: keys that were seen since the pairs in shadow count; all of the ledger's when absent. Where a step
            begins anew its evidence is gone, and whoever asks again and again has to be compared again.

    Raises:
        OutsideError: S3 or the file system fails.
    """
    place = LogPlace(log, s3, cache, progress)
    length, segment = options.interval_seconds, micros(segment_seconds)
    first = -(-micros(window.since) // segment) * segment / 1_000_000
    # In microseconds, in which buckets and intervals are whole numbers.
    starts = [at / 1_000_000 for at in range(micros(first), micros(window.now - length) + 1, micros(length))]
    replicas = Replicas(window.epoch, options, segment_seconds)
    statistics = LogReader(place, "statistics", unreadable=replicas.unreadable)
    replicas.read(statistics.texts(hours_between(first - _CLOCK_SECONDS, window.now + _CLOCK_SECONDS)))
    wanted = window.shadow and bool(options.guards.agreement.slices)
    slices = options.guards.agreement.slices if wanted else ()
    rows = RolloutRows(window.epoch, buckets, window.shadow, slices)
    counting = _Counting(window, ledger, ledger if paired is None else paired, options, replicas)
    for start, table in zip(starts, _by_interval(place, rows, starts, length), strict=True):
        if not counting.take(start, table):
            break
    place.forget(datetime.fromtimestamp(first, UTC) - timedelta(hours=1))
    return counting.counted((*replicas.unreadable, *rows.unreadable))


def read_recorded(
    log: str,
    since: float,
    until: float,
    length: float,
    buckets: ScoreBuckets,
    s3: S3Options,
    cache: Path,
    progress: Progress,
) -> Iterator[ArmCounts]:
    """What was recorded, interval by interval, whoever answered: traffic for a simulation.

    Args:
        log: the prediction log's address.
        since: from when on, in seconds since 1970.
        until: until when.
        length: of an interval, in seconds.
        buckets: how answers are read.
        s3: where `s3://` leads.
        cache: where objects are kept from one look to the next.
        progress: told of downloads and of files.

    Raises:
        OutsideError: S3 or the file system fails.
    """
    place, rows, ledger = LogPlace(log, s3, cache, progress), RolloutRows(None, buckets), KeyLedger()
    starts = np.arange(np.ceil(since / length) * length, until - length, length).tolist()
    for table in _by_interval(place, rows, starts, length):
        counts = count_interval(table, ledger, ledger)
        ledger = ledger.add(counts.seen, counts.failed)
        one, other = counts.champion, counts.challenger
        yield ArmCounts(
            keys=one.keys + other.keys,
            failed=one.failed + other.failed,
            new=one.new + other.new,
            latency=tuple(map(sum, zip(one.latency, other.latency, strict=True))),
            scores=tuple(map(sum, zip(one.scores, other.scores, strict=True))),
        )


def _by_interval(place: LogPlace, rows: RolloutRows, starts: list[float], length: float) -> Iterator[pa.Table]:
    """The requests of each interval, sorted by time; no more than those of an hour, or an interval, at once."""
    if not starts:
        return
    since, until = micros(starts[0]), micros(starts[-1] + length)
    pending = rows.nothing()
    left = list(starts)
    # A moment just before the hour may be rounded up to it, in a record that lies in the hour before.
    hours = list(hours_between(starts[0] - 1, starts[-1] + length))
    for done, hour in enumerate(hours, start=1):
        tables = rows.tables(place, hour, since, until, starts[0] - _CLOCK_SECONDS)
        pending = pa.concat_tables([pending, *tables]).sort_by("at")
        place.progress("requests", done, len(hours), f"{hour:%H}:00")
        over = (hour + timedelta(hours=1)).timestamp()
        while left and (left[0] + length <= over or done == len(hours)):
            begin, end = np.searchsorted(pending["at"].to_numpy(), [micros(left[0]), micros(left[0] + length)])
            yield pending.slice(begin, end - begin)
            pending, left = pending.slice(end), left[1:]


@dataclass
class _Counting:
    """Intervals one after the other, until one is not over yet."""

    window: RolloutWindow
    ledger: KeyLedger
    paired: KeyLedger
    options: RolloutOptions
    replicas: Replicas
    intervals: list[SeenInterval] = field(default_factory=list)
    seen: list[Keys] = field(default_factory=list)
    failed: list[Keys] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._known = set(self.window.known)

    def take(self, start: float, rows: pa.Table) -> bool:
        """Count an interval; False where it is not over yet."""
        counts, reports = count_interval(rows, self.ledger, self.paired), self.replicas.reports(start)
        if not self._is_over(start, counts, reports):
            return False
        self._known = (self._known | {one.replica for one in reports}) - {one.replica for one in reports if one.last}
        self.ledger = self.ledger.add(counts.seen, counts.failed)
        self.paired = self.paired.add(counts.keys, counts.failed)
        self.seen.append(counts.seen)
        self.failed.append(counts.failed)
        self.intervals.append(
            SeenInterval(
                start=start,
                step=self.window.step,
                share=self.window.share,
                requests=counts.requests,
                champion=counts.champion,
                challenger=counts.challenger,
                reports=reports,
                strays=counts.strays,
                pairs=counts.pairs,
            )
        )
        return True

    def counted(self, unreadable: tuple[str, ...]) -> Counted:
        """All that was taken."""
        last = self.intervals[-_RATE_INTERVALS:]
        requests = sum(interval.requests for interval in last)
        return Counted(
            intervals=tuple(self.intervals),
            seen=np.concatenate([NO_KEYS, *self.seen]),
            failed=np.concatenate([NO_KEYS, *self.failed]),
            rate=requests / (len(last) * self.options.interval_seconds) if last else None,
            unreadable=unreadable,
        )

    def _is_over(self, start: float, counts: IntervalCounts, reports: tuple[Report, ...]) -> bool:
        end = start + self.options.interval_seconds
        if self.window.now >= end + self.options.grace_seconds:
            return True
        told = bool(self._known) and all(self.replicas.has_told(replica, end) for replica in self._waited_for(reports))
        return told and counts.requests == sum(report.requests for report in reports)

    def _waited_for(self, reports: tuple[Report, ...]) -> set[str]:
        return self._known | {report.replica for report in reports}
