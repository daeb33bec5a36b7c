"""Lines from the request path, in memory for a moment, then in a segment on local disk, then in the store."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelway.serve.events import describe_error, say
from modelway.serve.log.counts import PREDICTIONS, STREAMS, Counts, Reason, Trouble, survive
from modelway.serve.log.delivery import Delivery
from modelway.serve.log.segments import GoneError, OpenSegment, in_memory
from modelway.serve.log.spool import Spool

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modelway.records.data import S3Options
    from modelway.records.serve import LogOptions
    from modelway.serve.log.segments import Segment

_HOUR = 3600
_BULK = 0.5
"""The part of the memory that large requests may fill; the rest is left for everybody else's records."""
_LOOK_SECONDS = 0.02
_SETTLED = 0.6
"""The part of the time to end in that predictions get; the rest is for the statistics, which tell what was lost."""


@dataclass(frozen=True)
class Backlog:
    """What was handed to the log and is not in the store.

    Attributes:
        records: by stream.
        disk_bytes: on local disk.
        memory_bytes: in memory.
        oldest: when the oldest of it came, in seconds since 1970; None where there is nothing.
        in_memory: of the records, those in memory alone, by stream: they are lost if the process is killed.
    """

    records: Mapping[str, int] = field(default_factory=dict)
    disk_bytes: int = 0
    memory_bytes: int = 0
    oldest: float | None = None
    in_memory: Mapping[str, int] = field(default_factory=dict)


class Journal:
    """One worker's prediction log.

    Every record that is handed to it is in the store, in the backlog, or counted as dropped, and in one of them alone.

    Args:
        options: the log's.
        s3: where S3 is.
        replica: names this process among all that write to the same log.
        keeps: whether old hours have to be kept at the moment, in spite of `keep_days`.

    Raises:
        OSError: the local directory can't be written, for a reason that will not pass.
    """

    def __init__(
        self, options: LogOptions, s3: S3Options, replica: str, keeps: Callable[[], bool] = lambda: False
    ) -> None:
        self._options = options
        self._counts = Counts()
        self._spool = Spool(Path(options.spool), self._counts)
        self._delivery = Delivery(self._spool, options, s3, self._counts, keeps)
        self._streams = {name: Stream(self._spool, self._counts, name, replica) for name in STREAMS}
        self._trouble = Trouble(self._counts, "log_spool_failed", "log_spool_recovered")
        self._ending = threading.Event()
        self._settled = False
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()
        self._delivery.start()

    @property
    def dropped(self) -> int:
        """Records of predictions that were lost up to now."""
        return self._counts.lost(PREDICTIONS)

    @property
    def away(self) -> bool:
        """Whether the store, or the local disk, can't be written at the moment."""
        return bool(self._trouble) or self._delivery.away

    def counts(self) -> dict[str, Any]:
        """What became of records, as a tree of numbers."""
        return self._counts.tree()

    def backlog(self) -> Backlog:
        """What waits; asks neither disk nor store."""
        records, disk, oldest = self._spool.waiting()
        times, memory = [oldest], 0
        unwritten: Counter[str] = Counter()
        for stream in self._streams.values():
            lines, size, since = stream.pending()
            unwritten[stream.name] += lines
            memory += size
            times.append(since)
        for segment in self._delivery.held():
            unwritten[segment.stream] += segment.records
            memory += segment.size
            times.append(segment.since)
        records.update(unwritten)
        since = min((one for one in times if one is not None), default=None)
        return Backlog(records, disk, memory, since, {stream: unwritten[stream] for stream in self._streams})

    def append(self, stream: str, line: bytes, moment: float, *, bulk: bool = False) -> bool:
        """Take one line, unless memory is full, and return whether it was taken. Never waits.

        Args:
            stream: predictions or statistics.
            line: one JSON object, without a line end.
            moment: when it happened, in seconds since 1970; decides its hour.
            bulk: whether it is one of a large request's many, which may fill half of the memory.
        """
        reason = None
        if self._closed or (self._settled and stream == PREDICTIONS):
            reason = Reason.SHUTDOWN
        elif not self._streams[stream].take(line, moment, self._limit(bulk=bulk)):
            reason = Reason.MEMORY
        self._counts.handed(stream, reason)
        return reason is None

    def wait_for_room(self, size: int, seconds: float) -> bool:
        """Wait until a line of so many bytes of a large request fits, and return whether it does.

        For threads that may wait. Ends early where the log is ending.
        """
        deadline = time.monotonic() + seconds
        while not (fits := self._streams[PREDICTIONS].fits(size, self._limit(bulk=True))):
            if time.monotonic() > deadline or self._ending.wait(_LOOK_SECONDS):
                break
        return fits

    def _limit(self, *, bulk: bool) -> int:
        free = self._options.queue_bytes - self._delivery.held_bytes
        return int(free * _BULK) if bulk else free

    def settle(self, seconds: float) -> None:
        """Bring all predictions to local disk or to the store; from then on it is known how many were lost.

        What neither of the two takes within `seconds` is lost and counted. The statistics may still be written to.
        """
        if self._settled:
            return
        deadline = time.monotonic() + seconds
        self._ending.set()
        self._thread.join(seconds)
        if self._thread.is_alive():
            say("log_stuck", "error", spool=str(self._spool.root))
        self._settled = True
        self._delivery.settle(max(deadline - time.monotonic(), 0))
        self._abandon(PREDICTIONS)

    def close(self, seconds: float) -> None:
        """Bring everything to local disk, and to the store as far as it can be reached within `seconds`."""
        deadline = time.monotonic() + seconds
        self.settle(seconds * _SETTLED)
        if not self._thread.is_alive():
            self._flush(closes=True)
        self._closed = True
        self._delivery.settle(max(deadline - time.monotonic(), 0))
        for stream in STREAMS:
            self._abandon(stream)
        self._delivery.close()
        say("log_closed", **self._counts.tree())

    def _abandon(self, stream: str) -> None:
        """Count what is still in memory: the disk hangs, or memory for a segment of it is lacking."""
        lost = self._streams[stream].abandon()
        self._counts.dropped(stream, Reason.SHUTDOWN, lost)
        if lost:
            say("log_lost", "error", stream=stream, records=lost)

    def _run(self) -> None:
        rotated = time.monotonic()
        while not self._ending.wait(self._options.flush_seconds):
            rotates = time.monotonic() - rotated >= self._options.segment_seconds
            survive(partial(self._flush, closes=rotates))
            if rotates:
                rotated = time.monotonic()
        survive(partial(self._flush, closes=True))

    def _flush(self, *, closes: bool) -> None:
        """Write what is in memory; nothing that happens here may end the log."""
        troubles: list[Exception] = []
        for stream in self._streams.values():
            try:
                stream.write(closes=closes)
            except Exception as error:  # noqa: BLE001 - whatever it is, what was not written is tried again
                troubles.append(error)
                if closes:
                    self._hold(stream)
        if troubles:
            fields = {} if isinstance(troubles[0], OSError) else describe_error(troubles[0])
            self._trouble.begin(troubles[0], spool=str(self._spool.root), **fields)
        else:
            self._trouble.end()
        if closes:
            self._delivery.wake()

    def _hold(self, stream: Stream) -> None:
        """What local disk does not take goes to the store straight from memory."""
        try:
            for segment in stream.take_out():
                self._delivery.hold(segment)
        except Exception as error:  # noqa: BLE001 - it stays where it is
            say("log_spool_failed", "error", **describe_error(error))


class Stream:
    """Lines of one kind.

    Attributes:
        name: predictions or statistics.

    Args:
        spool: where its segments lie.
        counts: what is lost is counted there.
        name: predictions or statistics.
        replica: names the process.
    """

    def __init__(self, spool: Spool, counts: Counts, name: str, replica: str) -> None:
        self.name = name
        self._spool = spool
        self._counts = counts
        self._replica = replica
        self._numbers = count()
        self._pending: dict[int, deque[bytes]] = {}
        self._bytes = 0
        self._since: float | None = None
        self._open: dict[int, OpenSegment] = {}
        self._closing: list[OpenSegment] = []
        self._lock = threading.Lock()

    def take(self, line: bytes, moment: float, limit: int) -> bool:
        """Keep a line in memory; False where that would be more than `limit` bytes."""
        with self._lock:
            if not self._fits(len(line), limit):
                return False
            if not self._pending:
                self._since = time.time()
            self._pending.setdefault(int(moment // _HOUR), deque()).append(line)
            self._bytes += len(line) + 1
        return True

    def fits(self, size: int, limit: int) -> bool:
        """Return whether a line of `size` bytes would be taken."""
        with self._lock:
            return self._fits(size, limit)

    def _fits(self, size: int, limit: int) -> bool:
        return self._bytes + size <= limit

    def pending(self) -> tuple[int, int, float | None]:
        """Lines in memory, their bytes, and since when there are some."""
        with self._lock:
            return sum(map(len, self._pending.values())), self._bytes, self._since if self._pending else None

    def write(self, *, closes: bool) -> None:
        """Write what is in memory, and close segments.

        Raises:
            Exception: the first failure; what was not written stays in memory, what was not closed stays open.
        """
        failures: list[Exception] = []
        with self._lock:
            hours = sorted(self._pending)
        for hour in hours:
            try:
                self._write_hour(hour)
            except Exception as error:  # noqa: BLE001 - collected, and raised below
                failures.append(error)
        if closes:
            self._closing += self._open.values()
            self._open = {}
        for segment in list(self._closing):
            try:
                self._close(segment)
            except Exception as error:  # noqa: BLE001 - collected, and raised below
                failures.append(error)
        if failures:
            raise failures[0]

    def take_out(self) -> list[Segment]:
        """What is in memory as segments, which are in this stream no longer."""
        segments = []
        with self._lock:
            hours = sorted(self._pending)
        for hour in hours:
            with self._lock:
                lines, since = list(self._pending[hour]), self._since or time.time()
            segments.append(in_memory(self.name, _hour_text(hour), self._new_name(), lines, since))
            self._forget(hour, len(lines))
        return segments

    def abandon(self) -> int:
        """Forget what is in memory; how many lines that was."""
        with self._lock:
            lost = sum(map(len, self._pending.values()))
            self._pending, self._bytes = {}, 0
        return lost

    def _write_hour(self, hour: int) -> None:
        with self._lock:
            lines = list(self._pending.get(hour, ()))
        if not lines:
            return
        segment = self._segment(hour)
        before = segment.records
        try:
            segment.append(lines)
        except GoneError:
            self._closing.append(self._open.pop(hour))
            segment, before = self._segment(hour), 0
            segment.append(lines)
        finally:
            self._forget(hour, segment.records - before)
            if not segment.records and self._open.pop(hour, None) is not None:
                self._closing.append(segment)  # its place may be gone for good: the next one is made where there is one

    def _forget(self, hour: int, number: int) -> None:
        """The first lines of an hour are elsewhere now."""
        with self._lock:
            lines = self._pending.get(hour, deque())
            for _ in range(min(number, len(lines))):
                self._bytes -= len(lines.popleft()) + 1
            if not lines:
                self._pending.pop(hour, None)
            self._since = time.time()

    def _segment(self, hour: int) -> OpenSegment:
        if hour not in self._open:
            segment = OpenSegment(self._spool.directory(), self.name, _hour_text(hour), self._new_name())
            self._spool.grow(segment)
            self._open[hour] = segment
        return self._open[hour]

    def _close(self, segment: OpenSegment) -> None:
        try:
            closed = segment.close()
        except GoneError:
            closed = None
            self._counts.dropped(self.name, Reason.UNREADABLE, segment.records)
            say("log_unreadable", "error", segment=str(segment.path), records=segment.records)
        self._spool.grown(segment, closed)
        if segment in self._closing:
            self._closing.remove(segment)

    def _new_name(self) -> str:
        return f"{self._replica}-{time.time_ns()}-{next(self._numbers)}"


def _hour_text(hour: int) -> str:
    return datetime.fromtimestamp(hour * _HOUR, UTC).strftime("%Y-%m-%dT%H")
