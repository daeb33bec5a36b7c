"""The local directories where segments wait: which of them this process owns, and what lies in them."""

from __future__ import annotations

import errno
import fcntl
import os
import threading
from collections import Counter
from contextlib import contextmanager, suppress
from itertools import count
from typing import TYPE_CHECKING

from modelway.atomic import make_directories
from modelway.serve.log.counts import Reason, Trouble
from modelway.serve.log.segments import (
    CLOSED,
    OPEN,
    PACKED,
    PRIVATE_FILE,
    PRIVATE_FOLDER,
    SET_ASIDE,
    WORK,
    OpenSegment,
    Segment,
    recover,
    segment_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modelway.serve.log.counts import Counts

_PASSING = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM})
"""Errors of a disk that is full or failing: a server starts nevertheless. All others are a matter of the settings."""


class Spool:
    """One process's directory of segments, which no other uses while this one lives, and those of ended processes.

    An index in memory says what waits, so that asking for it costs no look at the disk. The log's thread adds to it,
    the delivery's alone takes from it.

    Attributes:
        root: the directory of the spools of all processes.

    Args:
        root: the same.
        counts: what is lost is counted there.

    Raises:
        OSError: it can't be written, for a reason that will not pass.
    """

    def __init__(self, root: Path, counts: Counts) -> None:
        self.root = root
        self._counts = counts
        self._trouble = Trouble(counts, "log_spool_failed", "log_spool_recovered")
        self._errors: list[tuple[OSError, Path]] = []
        self._claiming = threading.Lock()
        self._lock = threading.Lock()
        self._index: dict[str, Segment] = {}
        self._records: Counter[str] = Counter()
        self._bytes = 0
        self._oldest: float | None = None
        self._oldest_known = True
        self._growing: dict[Path, OpenSegment] = {}
        self._left: set[Path] = set()
        self._delivered: set[Path] = set()
        self._set_aside: dict[Path, int] = {}
        self._owned: dict[Path, int] = {}
        self._directory: Path | None = None
        try:
            self.directory()
        except OSError as error:
            if error.errno not in _PASSING:
                raise
            self._trouble.begin(error, spool=str(root))

    @property
    def is_first(self) -> bool:
        """Whether this process owns the first directory: what a server does once, that process does."""
        return self._directory is not None and self._directory.name == "0"

    def directory(self) -> Path:
        """This process's directory; made, and locked, where it is not there yet or any more.

        Raises:
            OSError: it can't be made or locked.
        """
        with self._claiming:
            if self._directory is not None:
                if self._still_owns(self._directory):
                    return self._directory
                self._directory = None
            make_directories(self.root)
            for number in count():
                directory = self.root / str(number)
                if directory in self._owned:
                    continue
                _make_private(directory)
                if (lock := _try_lock(directory)) is not None:
                    self._owned[directory] = lock
                    self._directory = directory
                    return directory
        raise AssertionError  # the loop returns

    def grow(self, segment: OpenSegment) -> None:
        """Know an open segment of this process: nobody is to recover it."""
        with self._lock:
            self._growing[segment.path] = segment

    def grown(self, segment: OpenSegment, closed: Segment | None) -> None:
        """An open segment was closed; None where it left nothing."""
        with self._lock:
            self._growing.pop(segment.path, None)
            if closed is not None:
                self._put(closed)

    def add(self, segment: Segment) -> None:
        """Take a closed segment into the index."""
        with self._lock:
            self._put(segment)

    def look(self) -> None:
        """Find what others, or an earlier process, left: in this process's directory and in those nobody uses now."""
        self._errors = []
        with self._noting(self.root):
            self._look_in(self.directory())
        with self._noting(self.root):
            for directory in self._unused():
                with self._noting(directory):
                    self._look_in(directory)
        for path in list(self._left):
            with self._noting(path):
                self._recover(path)
        with self._noting(self.root):
            self._release_empty()
        if self._errors:
            error, path = self._errors[0]
            self._trouble.begin(error, spool=str(path))
        else:
            self._trouble.end()

    @contextmanager
    def _noting(self, path: Path) -> Iterator[None]:
        """Let nothing that fails at one place keep others from being looked at."""
        try:
            yield
        except OSError as error:
            self._errors.append((error, path))

    def segments(self) -> list[Segment]:
        """The closed segments, the oldest first."""
        with self._lock:
            return sorted(self._index.values(), key=lambda segment: segment.age_key)

    def find(self, stem: str) -> Segment | None:
        """The segment of that name, if it lies here."""
        with self._lock:
            return self._index.get(stem)

    def waiting(self) -> tuple[Counter[str], int, float | None]:
        """Records by stream, bytes, and when the oldest segment was begun; open ones count."""
        with self._lock:
            if not self._oldest_known:
                self._oldest = min((segment.since for segment in self._index.values()), default=None)
                self._oldest_known = True
            records, size, times = Counter(self._records), self._bytes, [self._oldest]
            for segment in self._growing.values():
                records[segment.stream] += segment.records
                size += segment.size
                times.append(segment.since if segment.records else None)
            return records, size, min((time for time in times if time is not None), default=None)

    def set_aside_bytes(self) -> int:
        """Bytes of segments that were given up."""
        return sum(self._set_aside.values())

    def delivered(self, segment: Segment) -> None:
        """Remove a segment that the store has; where its file can't be removed now, it is later."""
        self._forget(segment)
        if segment.path is not None:
            self._delivered |= set(_both(segment.path))
            self._remove_delivered()

    def drop(self, segment: Segment) -> bool:
        """Remove a segment to make room; whether that went well."""
        if segment.path is not None:
            try:
                for path in _both(segment.path):
                    path.unlink(missing_ok=True)
            except OSError:
                return False
        self._forget(segment)
        return True

    def give_up(self, segment: Segment) -> None:
        """Set a segment aside: it counts as lost, and is kept for a person until there is need of its room."""
        self._forget(segment)
        if segment.path is not None:
            aside = segment.path.with_name(f"{segment.path.name}{SET_ASIDE}")
            try:
                segment.path.rename(aside)
                self._set_aside[aside] = segment.size
            except OSError:
                self._delivered.add(segment.path)  # it must not be found again

    def clear_set_aside(self) -> None:
        """Remove what was set aside."""
        for path in list(self._set_aside):
            with suppress(OSError):
                path.unlink(missing_ok=True)
                del self._set_aside[path]

    def replace(self, segment: Segment, other: Segment) -> None:
        """Put another form of a segment in its place."""
        with self._lock:
            self._take(segment)
            self._put(other)

    def _forget(self, segment: Segment) -> None:
        with self._lock:
            self._take(segment)

    def _put(self, segment: Segment) -> None:
        self._take(segment)
        self._index[segment.stem] = segment
        self._records[segment.stream] += segment.records
        self._bytes += segment.size
        if self._oldest_known:
            self._oldest = segment.since if self._oldest is None else min(self._oldest, segment.since)

    def _take(self, segment: Segment) -> None:
        found = self._index.pop(segment.stem, None)
        if found is not None:
            self._records[found.stream] -= found.records
            self._bytes -= found.size
            self._oldest_known = self._oldest_known and found.since != self._oldest

    def _unused(self) -> list[Path]:
        """Directories of ended processes that hold something; they are this process's from now on."""
        for directory in self._adopted():
            self._still_owns(directory)
        for directory in self.root.iterdir():
            if directory in self._owned or not directory.is_dir():
                continue
            with self._noting(directory):
                if any(not path.name.endswith(SET_ASIDE) for path in directory.glob("*~*")):
                    lock = _try_lock(directory)
                    if lock is not None:
                        self._owned[directory] = lock
        return self._adopted()

    def _adopted(self) -> list[Path]:
        return [directory for directory in self._owned if directory != self._directory]

    def _still_owns(self, directory: Path) -> bool:
        """Return whether this process's lock on a directory counts; let go of one on a directory that was removed.

        Another process may have created the directory again since, and own it.
        """
        if _holds(self._owned[directory], directory):
            return True
        os.close(self._owned.pop(directory))
        return False

    def _look_in(self, directory: Path) -> None:
        for path in directory.glob(f".*{WORK}"):
            with suppress(OSError):
                path.unlink(missing_ok=True)
        self._remove_delivered()
        for path in directory.glob("*~*"):
            if path in self._delivered:
                continue
            if path.name.endswith(OPEN):
                if path not in self._growing:
                    self._left.add(path)
            elif path.name.endswith(SET_ASIDE):
                with suppress(FileNotFoundError):
                    self._set_aside[path] = path.stat().st_size
            elif not (path.name.endswith(CLOSED) and path.with_name(f"{path.name}.gz").exists()):
                with suppress(FileNotFoundError):
                    if (segment := segment_of(path)) is not None:
                        self.add(segment)

    def _recover(self, path: Path) -> None:
        """Close what a killed process left open."""
        try:
            segment, cut = recover(path)
        except FileNotFoundError:
            self._left.discard(path)  # closed by this process itself meanwhile
            return
        self._left.discard(path)
        self._counts.dropped(path.name.partition("~")[0], Reason.CUT, cut)
        if segment is not None:
            self.add(segment)

    def _release_empty(self) -> None:
        """Let go of the directories of ended processes from which all was delivered."""
        used = {path.parent for path in (*self._left, *self._delivered)}
        with self._lock:
            used |= {segment.path.parent for segment in self._index.values() if segment.path is not None}
        for directory in self._adopted():
            if directory not in used:
                os.close(self._owned.pop(directory))

    def _remove_delivered(self) -> None:
        for path in list(self._delivered):
            with suppress(OSError):
                path.unlink(missing_ok=True)
                self._delivered.discard(path)


def _both(path: Path) -> tuple[Path, Path]:
    """A segment's plain file and its compressed one: a process that was killed may have left both."""
    plain = path.with_name(path.name.removesuffix(PACKED).removesuffix(CLOSED) + CLOSED)
    return plain, plain.with_name(f"{plain.name}.gz")


def _make_private(directory: Path) -> None:
    """Make a directory that no other user can read, and shut one that an earlier version left open."""
    directory.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
    if directory.stat().st_mode & 0o077:
        directory.chmod(PRIVATE_FOLDER)


def _holds(lock: int, directory: Path) -> bool:
    """Whether a lock is on the file that is in a directory now."""
    try:
        return os.path.samestat(os.fstat(lock), (directory / ".lock").stat())
    except FileNotFoundError:
        return False


def _try_lock(directory: Path) -> int | None:
    """A lock on a directory, which the system lets go of when this process ends; None where another has it."""
    number = os.open(directory / ".lock", os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(number)
        return None
    except OSError:
        os.close(number)
        raise
    return number
