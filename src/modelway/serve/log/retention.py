"""Hours of the log that are older than the settings keep."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from modelway.serve.events import say
from modelway.serve.log.counts import STREAMS
from modelway.storage import remove_hours

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelway.records.data import S3Options
    from modelway.records.serve import LogOptions

_DAY, _HOUR = 86400.0, 3600.0
_REQUESTS = 50
"""Requests to the store, or hours of a directory, of one look; what is left has to wait for the next."""


class Retention:
    """Removes whole hours, once an hour. One process of a server is enough; several do no harm.

    Args:
        options: the log's.
        s3: where S3 is.
        keeps: whether nothing may be removed now: a rollout reads back to where its step began.
    """

    def __init__(self, options: LogOptions, s3: S3Options, keeps: Callable[[], bool]) -> None:
        self._options = options
        self._s3 = s3
        self._keeps = keeps
        self._next = float("-inf")

    def remove_old(self) -> None:
        """Remove what is due; a store that refuses is reported, and asked again an hour later."""
        days, now = self._options.keep_days, time.monotonic()
        if days is None or now < self._next or self._keeps():
            return
        self._next = now + _HOUR
        # One hour more: clocks may be wrong, and whoever reads back so far is still reading.
        before = time.time() - days * _DAY - _HOUR
        for stream in STREAMS:
            uri = f"{self._options.uri.rstrip('/')}/{stream}"
            try:
                removed, complete = remove_hours(uri, before, self._s3, requests=_REQUESTS)
            except Exception as error:  # noqa: BLE001 - whatever a client says: records still have to be delivered
                say("log_not_removed", "error", uri=uri, error=str(error) or type(error).__name__)
                continue
            if removed:
                say("log_removed", uri=uri, files=removed, keep_days=days)
            if not complete:
                self._next = now
