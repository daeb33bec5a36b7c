"""Memory that was freed, back to the system: glibc keeps it, and one large request would leave a process large.

Blocks of at least `_LARGE_BLOCK` are mapped one by one and unmapped when freed; without a fixed limit glibc raises its
own to the largest block that was freed, up to 32 MiB (mallopt(3), "dynamic mmap threshold"). The pages of free blocks
between blocks in use go back by malloc_trim(3). Other C libraries have neither call, and nothing is done there.
"""

from __future__ import annotations

import ctypes
import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""From glibc's malloc.h."""
_LARGE_BLOCK, _LARGE_END = 1 << 20, 2 << 20
"""Bytes of a block that is mapped by itself, and of free memory at the end of a heap that goes back at once."""
_TUNED = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TOP_PAD_", "GLIBC_TUNABLES")
"""Variables by which whoever runs the server sets glibc's limits."""
_ROOM, _GAIN = 8 << 20, 1 << 20
"""Bytes over the least from which on to trim, and by which a trim was worth it."""
_SECONDS, _MOST_SECONDS = 1.0, 8.0
_STATM = Path("/proc/self/statm")


def fix_limits() -> None:
    """Fix glibc's limits for this process and those that it forks, unless the environment sets them."""
    mallopt = _of_libc("mallopt")
    if mallopt is not None and not any(name in os.environ for name in _TUNED):
        mallopt(_M_MMAP_THRESHOLD, _LARGE_BLOCK)
        mallopt(_M_TRIM_THRESHOLD, _LARGE_END)


def trim_often() -> None:
    """Start a thread that gives free memory back while the process holds more than it once did."""
    trim = _of_libc("malloc_trim")
    if trim is not None and _STATM.exists():
        threading.Thread(target=_trim_often, args=(trim,), name="memory", daemon=True).start()


def _trim_often(trim: Callable[[int], int]) -> None:
    least, seconds = _resident(), _SECONDS
    while True:
        time.sleep(seconds)
        before = _resident()
        least = min(least, before)
        if before - least < _ROOM:
            seconds = _SECONDS
            continue
        trim(0)  # without Python's lock
        seconds = _SECONDS if before - _resident() >= _GAIN else min(2 * seconds, _MOST_SECONDS)


def _resident() -> int:
    """Bytes of this process that are in memory (proc_pid_statm(5))."""
    return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _of_libc(name: str) -> Callable[..., int] | None:
    found: Callable[..., int] | None = getattr(ctypes.CDLL(None), name, None)
    return found
