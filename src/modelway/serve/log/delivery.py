"""Closed segments to the store, by a thread of its own: a store that is away keeps nobody waiting."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from modelway.serve.events import say
from modelway.serve.log.counts import Reason, Trouble, survive
from modelway.serve.log.retention import Retention
from modelway.serve.log.segments import CLOSED, Segment, pack, read_segment
from modelway.storage import write_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelway.records.data import S3Options
    from modelway.records.serve import LogOptions
    from modelway.serve.log.counts import Counts
    from modelway.serve.log.spool import Spool

_FIRST_WAIT = 1.0
_LONGEST_WAIT = 30.0
_LOOK_SECONDS = 60.0
"""How often spools of ended processes are looked for."""
_FAILURES = 3
"""So many writes failed one after the other: the store is away."""
_REFUSALS = 5
_REFUSED_SECONDS = 600.0
"""A segment that failed so often, and for so long, while the store took others is refused for good."""


class Delivery:
    """Delivers one spool.

    Attributes:
        held_bytes: bytes of the segments that are in memory.

    Args:
        spool: where segments lie on local disk.
        options: the log's.
        s3: where S3 is.
        counts: what is delivered, and what is lost, is counted there.
        keeps: whether old hours have to be kept at the moment, in spite of `keep_days`.
    """

    def __init__(
        self, spool: Spool, options: LogOptions, s3: S3Options, counts: Counts, keeps: Callable[[], bool]
    ) -> None:
        self._spool = spool
        self._options = options
        self._s3 = s3
        self._counts = counts
        self._trouble = Trouble(counts, "log_away", "log_back")
        self._retention = Retention(options, s3, keeps)
        self._lock = threading.Lock()
        self._held: dict[str, Segment] = {}
        self.held_bytes = 0
        self._failed: dict[str, tuple[int, float]] = {}
        self._asked = threading.Event()
        self._asked.set()
        self._passed = threading.Condition()
        self._wanted = self._done = 0
        self._ending = False
        self._looked = float("-inf")
        self._thread = threading.Thread(target=self._run, name="log-delivery", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    @property
    def away(self) -> bool:
        """Whether the last delivery failed."""
        return bool(self._trouble)

    def hold(self, segment: Segment) -> None:
        """Take a segment that local disk did not take; it stays in memory until the store or the disk has it."""
        with self._lock:
            self._held[segment.stem] = segment
            self.held_bytes += segment.size

    def held(self) -> list[Segment]:
        """The segments in memory."""
        with self._lock:
            return list(self._held.values())

    def wake(self) -> None:
        """There are new segments."""
        self._asked.set()

    def settle(self, seconds: float) -> None:
        """Deliver what is there, for at most so many seconds; what is in memory then is spilled to disk or lost."""
        with self._passed:
            self._wanted = wanted = self._wanted + 1
            self._asked.set()
            self._passed.wait_for(lambda: self._done >= wanted, seconds)
        self._spill()
        for segment in self.held():
            if self._release(segment):
                self._counts.dropped(segment.stream, Reason.SHUTDOWN, segment.records)
                say("log_lost", "error", stream=segment.stream, records=segment.records)

    def close(self) -> None:
        """End the thread; what it has not delivered by now waits on local disk for the next start."""
        self._ending = True
        self._asked.set()
        left = sum(segment.records for segment in self._spool.segments())
        if left:
            say("log_left_on_disk", "warning", records=left, spool=str(self._spool.root))

    def _run(self) -> None:
        wait = _FIRST_WAIT
        while not self._ending:
            self._asked.wait(wait if self.away else _LOOK_SECONDS)
            self._asked.clear()
            with self._passed:
                wanted = self._wanted
            survive(self.deliver)
            wait = min(wait * 2, _LONGEST_WAIT) if self.away else _FIRST_WAIT
            with self._passed:
                self._done = wanted
                self._passed.notify_all()

    def deliver(self) -> None:
        """Deliver all closed segments, those first that are in memory alone; drop what is beyond the limits."""
        if time.monotonic() - self._looked >= _LOOK_SECONDS:
            self._looked = time.monotonic()
            self._spool.look()
        self._deliver_all()
        self._pack()
        self._spill()
        self._make_room()
        if not self.away and self._spool.is_first:
            self._retention.remove_old()

    def _deliver_all(self) -> None:
        """Deliver, oldest first. Segments that fail are at fault where the store takes others; otherwise the store is.

        After two failures the newest segment is tried: refused segments must not stop those behind them.
        """
        waiting = deque((*self.held(), *self._spool.segments()))
        failed: list[tuple[Segment, Exception]] = []
        while waiting and len(failed) < _FAILURES:
            segment = waiting.pop() if len(failed) == _FAILURES - 1 else waiting.popleft()
            if self._is_lost(segment):
                continue
            try:
                content, lost = self._read(segment)
            except Exception as error:  # noqa: BLE001 - one segment is no reason to leave the others
                self._count_failure(segment, error, Reason.UNREADABLE)
                continue
            try:
                if content:
                    write_bytes(self._uri(segment), content, s3=self._s3)
            except Exception as error:  # noqa: BLE001 - a client may fail in any way, and segments wait
                failed.append((segment, error))
                continue
            self._finish(segment, lost)
            if content:
                self._trouble.end(uri=self._options.uri)
                for one, reason in failed:
                    self._count_failure(one, reason, Reason.REFUSED)
                failed = []
        if failed:
            segment, reason = failed[0]
            self._trouble.begin(reason, uri=self._uri(segment))

    def _is_lost(self, segment: Segment) -> bool:
        """Whether a segment in memory was counted as lost meanwhile: the log ended while the store did not answer."""
        if segment.path is not None:
            return False
        with self._lock:
            return segment.stem not in self._held and self._spool.find(segment.stem) is None

    def _uri(self, segment: Segment) -> str:
        return f"{self._options.uri.rstrip('/')}/{segment.address}"

    @staticmethod
    def _read(segment: Segment) -> tuple[bytes, int]:
        try:
            return read_segment(segment)
        except FileNotFoundError:
            return b"", segment.records

    def _finish(self, segment: Segment, lost: int) -> None:
        """A segment is in the store, but for what could not be read back."""
        self._failed.pop(segment.stem, None)
        if segment.path is None:
            released, spilled = self._release(segment), self._spool.find(segment.stem)
            if not released and spilled is None:
                return  # it counted as lost while it was on its way
            segment = spilled or segment
        if lost:
            say("log_unreadable", "error", segment=str(segment.path), records=lost)
        self._counts.delivered(segment.stream, segment.records - lost)
        self._counts.dropped(segment.stream, Reason.UNREADABLE, lost)
        if lost == segment.records:
            self._spool.give_up(segment)
        else:
            self._spool.delivered(segment)

    def _count_failure(self, segment: Segment, error: Exception, reason: Reason) -> None:
        """Count an attempt that failed for the segment's own sake; give it up after several."""
        self._counts.failed()
        now = time.monotonic()
        attempts, since = self._failed.get(segment.stem, (0, now))
        self._failed[segment.stem] = attempts + 1, since
        if not attempts:
            say("log_segment_failed", "error", segment=segment.stem, error=str(error) or type(error).__name__)
        if attempts + 1 < _REFUSALS or now - since < _REFUSED_SECONDS:
            return
        del self._failed[segment.stem]
        if segment.path is None and not self._release(segment):
            return
        self._counts.dropped(segment.stream, reason, segment.records)
        self._spool.give_up(segment)
        say("log_segment_given_up", "error", segment=segment.stem, records=segment.records, reason=reason.value)

    def _release(self, segment: Segment) -> bool:
        """Forget a segment in memory; whether it was still there."""
        with self._lock:
            found = self._held.pop(segment.stem, None)
            self.held_bytes -= found.size if found is not None else 0
        return found is not None

    def _pack(self) -> None:
        """While the store is away, compress what waits on disk, as far as that has room for it."""
        for segment in self._spool.segments() if self.away else ():
            if segment.path is not None and segment.path.name.endswith(CLOSED):
                try:
                    content, lost = read_segment(segment)
                    if not lost:
                        self._spool.replace(segment, pack(segment, content, segment.path.parent))
                except OSError:
                    return

    def _spill(self) -> None:
        """What is in memory because local disk did not take it: try again."""
        for segment in self.held():
            try:
                packed = pack(segment, segment.content, self._spool.directory())
            except OSError:
                self._counts.failed()
                return
            if self._release(segment):
                self._spool.add(packed)

    def _make_room(self) -> None:
        """Drop the oldest segments beyond the limit; first of all those that were given up."""
        _, total, _ = self._spool.waiting()
        if total + self._spool.set_aside_bytes() > self._options.spool_bytes:
            self._spool.clear_set_aside()
        for segment in self._spool.segments():
            if total <= self._options.spool_bytes:
                break
            if self._spool.drop(segment):
                total -= segment.size
                self._failed.pop(segment.stem, None)
                self._counts.dropped(segment.stream, Reason.SPOOL, segment.records)
                say("log_segment_dropped", "error", stream=segment.stream, records=segment.records)
