"""Closed segments to the store, by a thread of its own: a store that is away keeps nobody waiting."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from modelway.errors import ModelwayError
from modelway.serve.events import say
from modelway.storage import write_bytes

if TYPE_CHECKING:
    from modelway.records.data import S3Options
    from modelway.records.serve import LogOptions
    from modelway.serve.log.spool import Segment, Spool

_FIRST_WAIT = 1.0
_LONGEST_WAIT = 30.0
_LOOK_SECONDS = 60.0
"""How often spools of ended processes are looked for."""


class Delivery:
    """Delivers one spool.

    Attributes:
        away: whether the last delivery failed.
        waiting: bytes that are not delivered.
        dropped: records of segments for which there was no room.
    """

    def __init__(self, spool: Spool, options: LogOptions, s3: S3Options) -> None:
        self.away = False
        self.waiting = 0
        self.dropped = 0
        self._spool = spool
        self._options = options
        self._s3 = s3
        self._awake = threading.Event()
        self._awake.set()
        self._ending = False
        self._adopted = -_LOOK_SECONDS
        self._thread = threading.Thread(target=self._run, name="log-delivery", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """There are new segments."""
        self._awake.set()

    def close(self, seconds: float) -> None:
        """Deliver what is there, for at most so many seconds; the rest waits on local disk for the next start."""
        self._ending = True
        self._awake.set()
        self._thread.join(seconds)
        left = sum(segment.records for segment in self._spool.segments())
        if left:
            say("log_left_on_disk", "warning", records=left, spool=str(self._spool.directory))

    def _run(self) -> None:
        wait = _FIRST_WAIT
        while True:
            self._awake.wait(wait if self.away else _LOOK_SECONDS)
            self._awake.clear()
            ending = self._ending
            try:
                delivered = self._deliver()
            except OSError as error:
                delivered = False
                say("log_spool_failed", "error", error=str(error))
            wait = _FIRST_WAIT if delivered else min(wait * 2, _LONGEST_WAIT)
            if ending:
                return

    def _deliver(self) -> bool:
        """Deliver all closed segments; whether that went well."""
        if time.monotonic() - self._adopted >= _LOOK_SECONDS:
            self._spool.adopt()
            self._adopted = time.monotonic()
        segments = self._spool.segments()
        fine = True
        for segment in segments:
            fine = self._deliver_one(segment)
            if not fine:
                break
        self._make_room()
        return fine

    def _deliver_one(self, segment: Segment) -> bool:
        uri = f"{self._options.uri.rstrip('/')}/{segment.address}"
        try:
            write_bytes(uri, segment.path.read_bytes(), s3=self._s3)
        except ModelwayError as error:
            if not self.away:
                say("log_away", "error", error=str(error), uri=uri)
            self.away = True
            return False
        segment.path.unlink(missing_ok=True)
        if self.away:
            say("log_back", uri=self._options.uri)
        self.away = False
        return True

    def _make_room(self) -> None:
        """Drop the oldest segments beyond the limit."""
        segments = self._spool.segments()
        total = self._spool.size()
        for segment in segments:
            if total <= self._options.spool_bytes:
                break
            segment.path.unlink(missing_ok=True)
            total -= segment.size
            self.dropped += segment.records
            say("log_segment_dropped", "error", records=segment.records)
        self.waiting = total
