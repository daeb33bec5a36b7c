"""The prediction log in simulated time: threads take turns when the test lets them, disk and store fail at will."""

from __future__ import annotations

import errno
import gzip
import json
import os
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Lock, Thread
from types import SimpleNamespace
from typing import Any, Self

import pytest

from modelway.records.data import S3Options
from modelway.records.serve import LogOptions
from modelway.serve.log import Journal, counts, delivery, journal, retention, segments, spool
from modelway.serve.log.segments import OPEN, SET_ASIDE, segment_of

_PATIENCE = 60.0
"""Seconds after which a thread that should have taken its turn is stuck."""


class Clock:
    """Stands in for the module `time`; every look is a microsecond later than the one before."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def time(self) -> float:
        self.now += 1e-6
        return self.now

    monotonic = time

    def time_ns(self) -> int:
        return int(self.time() * 1e9)


class Turns:
    """Stands in for the event that a thread waits for: the thread runs until it waits again, when the test lets it.

    Args:
        clock: decides when a wait is over.
        ends: whether the event ends the thread, so that the thread runs as soon as the event is set.
    """

    def __init__(self, clock: Clock, *, ends: bool) -> None:
        self._clock, self._ends = clock, ends
        self._set = self._killed = self.hangs = False
        self._may_run, self._waits = threading.Semaphore(0), threading.Semaphore(0)
        self._deadline = 0.0

    @property
    def is_due(self) -> bool:
        """Whether a thread would wake now."""
        return self._set or self._clock.now >= self._deadline

    def set(self) -> None:
        self._set = True
        if self._ends:
            self.resume()

    def clear(self) -> None:
        self._set = False

    def wait(self, seconds: float) -> bool:
        """Wait for the next turn; called by the thread."""
        self._deadline = self._clock.now + seconds
        self._pause()
        return self._set

    def hang(self) -> None:
        """Hang in the middle of a turn; called by the thread."""
        self.hangs = True
        self._pause()
        self.hangs = False

    def _pause(self) -> None:
        self._waits.release()
        self._may_run.acquire()
        if self._killed:
            raise SystemExit

    def resume(self) -> None:
        """Let the thread run on; does not wait for it."""
        self._may_run.release()

    def take(self) -> None:
        """Let the thread run until it waits again, or hangs."""
        self.resume()
        self.meet()

    def meet(self) -> None:
        """Wait until the thread waits, or hangs."""
        assert self._waits.acquire(timeout=_PATIENCE)

    def kill(self) -> None:
        """Let the thread run no further."""
        self._killed = True
        self.resume()


class Settling(threading.Condition):
    """Stands in for the condition that the end of the log waits for: meanwhile the delivery has one turn."""

    turns: Turns

    def wait_for(self, predicate: Callable[[], Any], timeout: float | None = None) -> Any:
        del timeout  # it is over when the turn is
        if not self.turns.hangs:
            self.release()
            try:
                self.turns.take()
            finally:
                self.acquire()
        return predicate()


class _Thread(Thread):
    """A thread that may be killed."""

    def run(self) -> None:
        with suppress(SystemExit):
            super().run()


class Disk:
    """Stands in for the module `os` where segments are written: a disk on which so many bytes are free."""

    def __init__(self) -> None:
        self.room: int | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def _take(self, size: int) -> int:
        if self.room is None:
            return size
        taken = min(size, self.room)
        if size and not taken:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.room -= taken
        return taken

    def open(self, path: Path, flags: int, mode: int = 0o777) -> int:
        if self.room == 0 and flags & os.O_CREAT and not path.exists():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        return os.open(path, flags, mode)

    def pwrite(self, number: int, content: memoryview, place: int) -> int:
        overwritten = max(0, min(os.fstat(number).st_size - place, len(content)))
        taken = overwritten + self._take(len(content) - overwritten)
        return os.pwrite(number, content[:taken], place)

    def fdopen(self, number: int, *arguments: Any, **more: Any) -> Any:
        file = os.fdopen(number, *arguments, **more)
        disk = self

        class Limited:
            def __enter__(self) -> Self:
                return self

            def __exit__(self, *_: object) -> None:
                file.close()

            def write(self, content: memoryview) -> int:
                return os.write(number, content[: disk._take(len(content))])

        return Limited()


class Store:
    """Stands in for writing to the store.

    Attributes:
        away: whether it takes nothing.
        refused: the address that it never takes.
        attempts: when it was asked to take that.
        hanging: what the next write hangs on.
        on_the_way: the records of the write that hung.
    """

    def __init__(self, root: Path, clock: Clock, write: Callable[..., None]) -> None:
        self.root = root
        self.away = False
        self.refused: str | None = None
        self.attempts: list[float] = []
        self.hanging: Turns | None = None
        self.on_the_way: set[int] = set()
        self._clock, self._write = clock, write

    def write(self, uri: str, content: bytes, *, s3: S3Options) -> None:
        if self.hanging is not None:
            turns, self.hanging = self.hanging, None
            self.on_the_way = set(_numbers(gzip.decompress(content)))
            turns.hang()
        if self.away:
            raise OSError(errno.EHOSTUNREACH, os.strerror(errno.EHOSTUNREACH))
        if uri == self.refused:
            self.attempts.append(self._clock.now)
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        self._write(uri, content, s3=s3)


class World:
    """What all processes of a machine share: time, disk, store."""

    def __init__(self, root: Path, patch: pytest.MonkeyPatch) -> None:
        self.root, self.spool = root, root / "spool"
        self.clock, self.disk = Clock(), Disk()
        self.store = Store(root / "log", self.clock, delivery.write_bytes)
        for module in (counts, delivery, journal, retention, segments):
            patch.setattr(module, "time", self.clock)
        for module, ends in ((delivery, False), (journal, True)):
            event = partial(Turns, self.clock, ends=ends)
            fake = SimpleNamespace(Thread=_Thread, Lock=Lock, Condition=Settling, Event=event)
            patch.setattr(module, "threading", fake)
        patch.setattr(segments, "os", self.disk)
        patch.setattr(delivery, "write_bytes", self.store.write)
        self._known: dict[tuple[Path, int], list[int]] = {}
        self.events: Counter[str] = Counter()
        """What was reported: records of each event, or how often it came."""
        for module in (counts, delivery, journal, retention):
            patch.setattr(module, "say", self._say)

    def _say(self, event: str, *_: str, **fields: Any) -> None:
        self.events[event] += fields.get("records", 1)

    def stored(self, stream: str) -> list[int]:
        """The records in the store."""
        paths = self.store.root.glob(f"{stream}/date=*/hour=*/*.jsonl.gz")
        return [number for path in paths for number in self._read(path)]

    def _read(self, path: Path) -> list[int]:
        size = path.stat().st_size
        if (path, size) not in self._known:
            self._known[path, size] = _numbers(gzip.decompress(path.read_bytes()))
        return self._known[path, size]

    def spooled(self) -> Iterator[tuple[Path, str, list[int]]]:
        """Files on local disk that are still to be delivered, their streams and their records."""
        for path in self.spool.glob("[0-9]*/*~*"):
            stream = path.name.partition("~")[0]
            if path.name.startswith(".") or path.name.endswith(SET_ASIDE):
                continue
            if path.with_name(f"{path.name}.gz").exists():
                continue  # the compressed form holds the same
            content = path.read_bytes()
            if path.name.endswith(OPEN):
                yield path, stream, _numbers(content[: content.rfind(b"\n") + 1])
                continue
            segment = segment_of(path)
            assert segment is not None
            found = gzip.decompress(content) if path.name.endswith(".gz") else content
            yield path, stream, _numbers(b"\n".join(found.split(b"\n")[: segment.records]))


class Log:
    """One process's log."""

    def __init__(self, world: World, name: str, options: LogOptions, keeps: Callable[[], bool]) -> None:
        self._world = world
        self.name = name
        self._ended_with: set[Path] | None = None
        self.journal = Journal(options, S3Options(), name, keeps)
        self.spool, self.delivery = self.journal._spool, self.journal._delivery
        self.writing: Any = self.journal._ending
        self.delivering: Any = self.delivery._asked
        passed: Any = self.delivery._passed
        passed.turns = self.delivering
        self.writing.meet()
        self.delivering.meet()

    @property
    def directories(self) -> set[Path]:
        """Directories that it has, or had at its end, locked, but for those that were removed or made again since."""
        if self._ended_with is not None:
            return self._ended_with
        return {directory for directory, lock in self.spool._owned.items() if spool._holds(lock, directory)}

    def held(self, stream: str) -> list[int]:
        """Records in segments that local disk did not take."""
        segments = [segment for segment in self.delivery.held() if segment.stream == stream]
        return [number for segment in segments for number in _numbers(gzip.decompress(segment.content))]

    def hang(self) -> None:
        """Let the next write to the store hang until the log has ended."""
        self._world.store.hanging = self.delivering

    def end(self) -> None:
        """End the process after `close`; a write that hung gets through before."""
        self._world.store.hanging = None
        if self.delivering.hangs:
            self.delivering.resume()
        else:
            self.delivering.kill()
        self._release()

    def kill(self) -> None:
        """End as a killed process does: nothing more is written."""
        self.writing.kill()
        self.delivering.kill()
        self._release()

    def _release(self) -> None:
        self.journal._thread.join()
        self.delivery._thread.join()
        self._ended_with = self.directories
        for lock in self.spool._owned.values():
            os.close(lock)


def line(number: int, size: int) -> bytes:
    """A record of just so many bytes, 20 at least, that hardly compresses."""
    bare = b'{"n":%d,"x":"%%b"}' % number
    noise = random.Random(number).randbytes(size).hex().encode()
    return bare % noise[: max(0, size - len(bare) + 2)]


def _numbers(content: bytes) -> list[int]:
    return [json.loads(one)["n"] for one in content.splitlines()]
