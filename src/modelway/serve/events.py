"""The server's own log: one JSON object a line, on stderr."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
import traceback
from datetime import UTC, datetime
from typing import Any

import msgspec

from modelway.escaping import json_printable

_BURST = 20
"""Lines of one kind that may come at once."""
_REFILL = 2.0
"""Lines of one kind a second after that."""


class _Bucket:
    """How many lines of one kind may still be written, and how many were not."""

    def __init__(self) -> None:
        self._left = float(_BURST)
        self._moment = time.monotonic()
        self.suppressed = 0

    def take(self) -> bool:
        now = time.monotonic()
        self._left = min(_BURST, self._left + (now - self._moment) * _REFILL)
        self._moment = now
        if self._left < 1:
            self.suppressed += 1
            return False
        self._left -= 1
        return True


_buckets: dict[str, _Bucket] = {}


def say(event: str, level: str = "info", **fields: Any) -> None:
    """Write one line, unless too many of its kind were written: callers must not be able to fill a disk.

    The next line of the kind has the number of those that were left out, as `suppressed`.
    """
    bucket = _buckets.setdefault(f"{event} {fields.get('logger', '')}", _Bucket())
    if bucket.take():
        if bucket.suppressed:
            fields["suppressed"], bucket.suppressed = bucket.suppressed, 0
        say_always(event, level, **fields)


def say_always(event: str, level: str = "info", **fields: Any) -> None:
    """Write one line, whatever is in it; a stderr that is gone is no reason to stop serving."""
    line = {"time": datetime.now(UTC).isoformat(), "level": level, "event": event, "pid": os.getpid(), **fields}
    try:
        text = msgspec.json.encode(line, enc_hook=str).decode()
    except (ValueError, OverflowError):  # half a surrogate pair, or an integer of more than 64 bits
        text = json.dumps(line, default=str)
    try:
        sys.stderr.write(json_printable(text) + "\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        pass


def describe_error(error: BaseException) -> dict[str, str]:
    """An error in the fields of a line, for whoever runs the server; callers never see it."""
    return {
        "error": f"{type(error).__name__}: {error}"[:2000],
        "traceback": "".join(traceback.format_exception(error))[-8000:],
    }


class _Handler(logging.Handler):
    """What libraries log, in the same form."""

    def emit(self, record: logging.LogRecord) -> None:
        fields = describe_error(record.exc_info[1]) if record.exc_info and record.exc_info[1] else {}
        say("library", record.levelname.lower(), logger=record.name, message=record.getMessage()[:2000], **fields)


def capture_library_logs() -> None:
    """From now on libraries' warnings and errors become lines of this log."""
    logging.basicConfig(handlers=[_Handler()], level=logging.WARNING, force=True)
