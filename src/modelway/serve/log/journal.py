"""Lines from the request path, in memory for a moment, then in a segment on local disk, then in the store."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from modelway.serve.events import say
from modelway.serve.log.delivery import Delivery
from modelway.serve.log.spool import OpenSegment, Spool

if TYPE_CHECKING:
    from modelway.records.data import S3Options
    from modelway.records.serve import LogOptions

_HOUR = 3600


class Journal:
    """One worker's prediction log.

    Attributes:
        dropped: records that were lost: no memory, or no room on local disk.

    Args:
        options: the log's.
        s3: where S3 is.
        replica: names this process among all that write to the same log.

    Raises:
        OSError: the local directory can't be written.
    """

    def __init__(self, options: LogOptions, s3: S3Options, replica: str) -> None:
        self._options = options
        self._spool = Spool(Path(options.spool))
        self._delivery = Delivery(self._spool, options, s3)
        self._streams = {name: _Stream(self._spool, name, replica) for name in ("predictions", "statistics")}
        self._memory_dropped = 0
        self._ending = threading.Event()
        self._failing = False
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """Records that were lost up to now."""
        return self._memory_dropped + self._delivery.dropped

    @property
    def spool_bytes(self) -> int:
        """Bytes that are not delivered yet."""
        return self._delivery.waiting

    @property
    def away(self) -> bool:
        """Whether the store, or the local disk, can't be written at the moment."""
        return self._failing or self._delivery.away

    def append(self, stream: str, line: bytes, moment: float) -> bool:
        """Take one line; never waits, and drops the line where memory is full. Whether it was taken.

        Args:
            stream: predictions or statistics.
            line: one JSON object, without a line end.
            moment: when it happened, in seconds since 1970; decides its hour.
        """
        taken = self._streams[stream].take(line, moment, self._options.queue_bytes)
        if not taken:
            self._memory_dropped += 1
        return taken

    def close(self, seconds: float) -> None:
        """Bring everything to local disk, and to the store as far as it can be reached within `seconds`."""
        self._ending.set()
        self._thread.join()
        self._delivery.close(seconds)

    def _run(self) -> None:
        rotated = time.monotonic()
        while not self._ending.wait(self._options.flush_seconds):
            rotates = time.monotonic() - rotated >= self._options.segment_seconds
            self._flush(closes=rotates)
            if rotates:
                rotated = time.monotonic()
                self._delivery.wake()
        self._flush(closes=True)

    def _flush(self, *, closes: bool) -> None:
        try:
            for stream in self._streams.values():
                stream.flush(closes=closes)
        except OSError as error:
            if not self._failing:
                say("log_spool_failed", "error", error=str(error), spool=str(self._spool.directory))
            self._failing = True
            return
        if self._failing:
            say("log_spool_recovered")
        self._failing = False


class _Stream:
    """Lines of one kind."""

    def __init__(self, spool: Spool, name: str, replica: str) -> None:
        self._spool = spool
        self._name = name
        self._replica = replica
        self._numbers = count()
        self._pending: list[bytes] = []
        self._bytes = 0
        self._hour = 0
        self._full: list[tuple[int, list[bytes], int]] = []
        self._open: OpenSegment | None = None
        self._lock = threading.Lock()

    def take(self, line: bytes, moment: float, limit: int) -> bool:
        hour = int(moment // _HOUR)
        with self._lock:
            if self._bytes + len(line) > limit:
                return False
            if hour != self._hour:
                self._shelve()
                self._hour = hour
            self._pending.append(line)
            self._bytes += len(line) + 1
        return True

    def flush(self, *, closes: bool) -> None:
        """Write what is in memory; raises `OSError`, and what was not written stays in memory."""
        with self._lock:
            self._shelve()
        while self._full:
            hour, lines, size = self._full[0]
            self._segment(_hour_text(hour)).append(lines)
            with self._lock:
                self._full.pop(0)
                self._bytes -= size
        if closes:
            self._close()

    def _shelve(self) -> None:
        if self._pending:
            self._full.append((self._hour, self._pending, sum(map(len, self._pending)) + len(self._pending)))
            self._pending = []

    def _segment(self, hour: str) -> OpenSegment:
        if self._open is not None and self._open.hour != hour:
            self._close()
        if self._open is None:
            name = f"{self._replica}-{time.time_ns()}-{next(self._numbers)}"
            self._open = OpenSegment(self._spool.directory, self._name, hour, name)
        return self._open

    def _close(self) -> None:
        if self._open is not None:
            if self._open.records:
                self._open.close()
            self._open = None


def _hour_text(hour: int) -> str:
    return datetime.fromtimestamp(hour * _HOUR, UTC).strftime("%Y-%m-%dT%H")
