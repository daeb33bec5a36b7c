"""Segments on local disk: grown as plain lines, closed as compressed files, kept until they are delivered.

A file that is still plain was left by a process that was killed; its whole lines are closed like any other's.
"""

from __future__ import annotations

import fcntl
import gzip
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_NAME = re.compile(r"(?P<stream>\w+)~(?P<hour>\d{4}-\d\d-\d\dT\d\d)~(?P<name>[\w.-]+)~(?P<records>\d+)\.jsonl\.gz")
_OPEN = ".part"
_LEVEL = 3


@dataclass(frozen=True)
class Segment:
    """A closed segment.

    Attributes:
        path: where it lies.
        address: where it belongs, below the log's address.
        records: how many lines it has.
        size: in bytes.
    """

    path: Path
    address: str
    records: int
    size: int


class Spool:
    """One process's directory of segments, which no other writes as long as this one lives.

    Args:
        root: the directory of the spools of all processes.

    Raises:
        OSError: it can't be written.
    """

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self._lock: IO[bytes]
        for number in count():
            directory = root / str(number)
            directory.mkdir(exist_ok=True)
            lock = _try_lock(directory)
            if lock is not None:
                self.directory, self._lock = directory, lock
                break
        self._root = root
        close_left_behind(self.directory)

    def adopt(self) -> None:
        """Close and take over what ended processes left in spools that nobody uses now."""
        for directory in self._root.iterdir():
            if directory != self.directory and directory.is_dir() and any(directory.glob("*~*")):
                lock = _try_lock(directory)
                if lock is not None:
                    with lock:
                        close_left_behind(directory)
                        for path in directory.glob("*~*"):
                            path.rename(self.directory / path.name)

    def segments(self) -> list[Segment]:
        """The closed segments, the oldest first."""
        found = []
        for path in self.directory.glob("*~*.jsonl.gz"):
            form = _NAME.fullmatch(path.name)
            if form is not None:
                date, hour = form["hour"].split("T")
                address = f"{form['stream']}/date={date}/hour={hour}/{form['name']}.jsonl.gz"
                found.append(Segment(path, address, int(form["records"]), path.stat().st_size))
        return sorted(found, key=lambda segment: segment.path.name.split("~", 2)[1:])

    def size(self) -> int:
        """The bytes of everything that lies here."""
        return sum(path.stat().st_size for path in self.directory.glob("*~*"))


class OpenSegment:
    """A segment that grows.

    Args:
        directory: where.
        stream: predictions or statistics.
        hour: `YYYY-MM-DDTHH`, UTC.
        name: distinguishes it from all other segments of the hour.
    """

    def __init__(self, directory: Path, stream: str, hour: str, name: str) -> None:
        self.hour = hour
        self.records = 0
        self._path = directory / f"{stream}~{hour}~{name}{_OPEN}"
        self._size = 0

    def append(self, lines: list[bytes]) -> None:
        """Add lines; on an error none of them is there.

        Raises:
            OSError: the disk is full, or can't be written.
        """
        content = b"\n".join(lines) + b"\n"
        with self._path.open("ab", buffering=0) as file:
            try:
                written = 0
                while written < len(content):
                    written += file.write(content[written:])
            except OSError:
                with suppress(OSError):
                    os.ftruncate(file.fileno(), self._size)
                raise
        self._size += len(content)
        self.records += len(lines)

    def close(self) -> None:
        """Compress it; raises `OSError`, and then may be called again."""
        _close(self._path)


def close_left_behind(directory: Path) -> None:
    """Close the segments of a process that was killed; what it was about to write is cut off."""
    for path in directory.glob(f"*~*{_OPEN}"):
        _close(path)
    for path in directory.glob(".*.tmp"):
        path.unlink(missing_ok=True)


def _close(path: Path) -> None:
    content = path.read_bytes()
    content = content[: content.rfind(b"\n") + 1]
    if content:
        records = content.count(b"\n")
        closed = path.with_name(f"{path.name.removesuffix(_OPEN)}~{records}.jsonl.gz")
        work = path.with_name(f".{path.name}.tmp")
        work.write_bytes(gzip.compress(content, _LEVEL, mtime=0))
        work.rename(closed)
    path.unlink()


def _try_lock(directory: Path) -> IO[bytes] | None:
    file = (directory / ".lock").open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file
