"""Segments of the log: grown on local disk as plain lines, closed by a rename, which needs no space on a full disk.

A closed segment is named by what it is: `STREAM~HOUR~NAME~RECORDS.jsonl`. Its address in the store follows from its
name, so a delivery that is repeated replaces what an earlier one wrote. While the store is away, closed segments are
compressed (`.jsonl.gz`).
"""

from __future__ import annotations

import errno
import gzip
import os
import re
import time
import zlib
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

CLOSED, PACKED, OPEN, WORK = ".jsonl", ".jsonl.gz", ".part", ".tmp"
SET_ASIDE = ".failed"
"""Ends the name of a segment that was given up and counted; kept until the spool needs its room."""
PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700
_CLOSED = re.compile(r"(?P<stream>\w+)~(?P<hour>\d{4}-\d\d-\d\dT\d\d)~(?P<name>[\w.-]+)~(?P<records>\d+)\.jsonl(\.gz)?")
_BORN = re.compile(r"-(\d{19})-\d+$")
_LEVEL = 3
_GZIP = 31
"""zlib's window bits for a gzip header."""


@dataclass(frozen=True)
class Segment:
    """A closed segment: a file, or what memory holds because local disk did not take it.

    Attributes:
        stream: predictions or statistics.
        hour: `YYYY-MM-DDTHH`, UTC.
        name: distinguishes it from all other segments of the hour.
        records: how many lines it has.
        size: in bytes, as it is kept.
        since: when it was begun, in seconds since 1970.
        path: the file; None where it is in memory.
        content: compressed lines where it is in memory.
    """

    stream: str
    hour: str
    name: str
    records: int
    size: int
    since: float
    path: Path | None = None
    content: bytes = b""

    @property
    def stem(self) -> str:
        """Its file's name without the ending."""
        return f"{self.stream}~{self.hour}~{self.name}~{self.records}"

    @property
    def address(self) -> str:
        """Where it belongs, below the log's address."""
        date, hour = self.hour.split("T")
        return f"{self.stream}/date={date}/hour={hour}/{self.name}{PACKED}"

    @property
    def age_key(self) -> tuple[str, float, str]:
        """Sorts the oldest first."""
        return self.hour, self.since, self.name


def segment_of(path: Path) -> Segment | None:
    """The closed segment of a file; None where its name is not a segment's. Raises `OSError`."""
    found = path.stat()
    return _named(path, found.st_size, found.st_mtime)


def _named(path: Path, size: int, modified: float) -> Segment | None:
    form = _CLOSED.fullmatch(path.name)
    if form is None:
        return None
    since = _born(form["name"]) or modified
    return Segment(form["stream"], form["hour"], form["name"], int(form["records"]), size, since, path)


def in_memory(stream: str, hour: str, name: str, lines: list[bytes], since: float) -> Segment:
    """A segment of lines that local disk did not take."""
    content = compress(b"\n".join(lines) + b"\n")
    return Segment(stream, hour, name, len(lines), len(content), since, None, content)


def compress(content: bytes) -> bytes:
    """The bytes in the store: gzip, without a time in it."""
    return gzip.compress(content, _LEVEL, mtime=0)


def read_segment(segment: Segment) -> tuple[bytes, int]:
    """What is to be delivered, compressed, and how many of the segment's records can't be read back.

    Raises:
        OSError: the file can't be read.
    """
    if segment.path is None:
        return segment.content, 0
    content = segment.path.read_bytes()
    packed = segment.path.name.endswith(PACKED)
    lines = _unpacked(content) if packed else content
    whole, records = _first_lines(lines, segment.records)
    if packed and records == segment.records and len(whole) == len(lines):
        return content, 0
    return compress(whole) if records else b"", segment.records - records


def _first_lines(content: bytes, records: int) -> tuple[bytes, int]:
    """At most so many whole lines. What follows them is what a failed write left: it was written elsewhere again."""
    found = content.count(b"\n")
    if found <= records:
        return content[: content.rfind(b"\n") + 1], found
    return b"\n".join(content.split(b"\n", records)[:records]) + b"\n", records


def _unpacked(content: bytes) -> bytes:
    """As much as can be decompressed."""
    found, reader = bytearray(), zlib.decompressobj(_GZIP)
    with suppress(zlib.error):
        for start in range(0, len(content), 1 << 16):
            found += reader.decompress(content[start : start + (1 << 16)])
    return bytes(found)


class GoneError(OSError):
    """The file of an open segment was removed or cut by someone else."""


class OpenSegment:
    """A segment that grows. The file is opened for each write, so that one that is gone is noticed.

    Attributes:
        path: its file.
        stream: predictions or statistics.
        records: lines on local disk.
        size: their bytes.
        since: when it was begun, in seconds since 1970.

    Args:
        directory: where.
        stream: predictions or statistics.
        hour: `YYYY-MM-DDTHH`, UTC.
        name: distinguishes it from all other segments of the hour.
    """

    def __init__(self, directory: Path, stream: str, hour: str, name: str) -> None:
        self.records = 0
        self.size = 0
        self.since = _born(name) or time.time()
        self.path = directory / f"{stream}~{hour}~{name}{OPEN}"
        self.stream = stream
        self._hour, self._name = hour, name
        self._made = False

    def append(self, lines: list[bytes]) -> None:
        """Add lines; `records` grows by those that are there in whole, also where it raises.

        They are written at a fixed place: what an earlier failed write left beyond it is written over.

        Raises:
            GoneError: the segment's file is gone, and its records with it.
            OSError: the disk is full, or can't be written.
        """
        content = b"\n".join(lines) + b"\n"
        number = self._opened()
        written = 0
        try:
            while written < len(content):
                written += os.pwrite(number, memoryview(content)[written:], self.size + written)
        finally:
            kept = content.rfind(b"\n", 0, written) + 1
            if kept < written:
                with suppress(OSError):
                    os.ftruncate(number, self.size + kept)
            os.close(number)  # a network file system reports a full disk here: then nothing counts as written
            self.records += content.count(b"\n", 0, kept)
            self.size += kept

    def close(self) -> Segment | None:
        """Close it; None where it has no records. It may be called again where it raises.

        Raises:
            GoneError: the segment's file is gone, and its records with it.
            OSError: the disk can't be written.
        """
        if not self.records:
            if self._made:
                self.path.unlink(missing_ok=True)
            return None
        closed = Segment(self.stream, self._hour, self._name, self.records, self.size, self.since)
        closed = replace(closed, path=self.path.with_name(f"{closed.stem}{CLOSED}"))
        try:
            number = os.open(self.path, os.O_RDWR)
            try:
                with suppress(OSError):  # the name says how many lines count
                    os.ftruncate(number, min(self.size, os.fstat(number).st_size))
                os.fsync(number)
            finally:
                os.close(number)
            _rename(self.path, self.path.with_name(f"{closed.stem}{CLOSED}"))
        except FileNotFoundError as error:
            raise GoneError(*error.args) from error
        return closed

    def _opened(self) -> int:
        if not self._made:
            number = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
            self._made = True
            return number
        try:
            number = os.open(self.path, os.O_WRONLY)
        except FileNotFoundError as error:
            raise GoneError(*error.args) from error
        if os.fstat(number).st_size < self.size:
            os.close(number)
            raise GoneError(errno.ENODATA, "the file was cut", str(self.path))
        return number


def recover(path: Path) -> tuple[Segment | None, int]:
    """Close the segment of a process that was killed: its whole lines, and how many half ones are cut off (0 or 1).

    Raises:
        FileNotFoundError: it is gone.
        OSError: it can't be read or written.
    """
    content = path.read_bytes()
    end = content.rfind(b"\n") + 1
    cut = int(len(content) > end)
    if not end:
        path.unlink()
        return None, cut
    records = content.count(b"\n")
    closed = path.with_name(f"{path.name.removesuffix(OPEN)}~{records}{CLOSED}")
    _rename(path, closed)  # the name says how many lines count
    return _named(closed, len(content), time.time()), cut


def pack(segment: Segment, content: bytes, directory: Path) -> Segment:
    """Keep a segment compressed: a plain file, or one that is in memory. Written beside its place and renamed.

    Raises:
        OSError: the disk is full, or can't be written.
    """
    target = directory / f"{segment.stem}{PACKED}"
    work = directory / f".{segment.stem}{WORK}"
    try:
        number = os.open(work, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE)
        with os.fdopen(number, "wb", buffering=0) as file:
            rest = memoryview(content)
            while rest:
                rest = rest[file.write(rest) or 0 :]
            os.fsync(number)
        _rename(work, target)
    except OSError:
        with suppress(OSError):
            work.unlink(missing_ok=True)
        raise
    if segment.path is not None:
        with suppress(OSError):  # both have the same address; whoever looks next removes it
            segment.path.unlink(missing_ok=True)
    return replace(segment, path=target, size=len(content), content=b"")


def _rename(path: Path, target: Path) -> None:
    """Rename a file; a network file system may report an error although it is done."""
    try:
        path.rename(target)
    except OSError:
        if path.exists() or not target.exists():
            raise


def _born(name: str) -> float | None:
    """When a segment was begun, by its name."""
    form = _BORN.search(name)
    return int(form[1]) / 1e9 if form else None
