"""Reads hours of a prediction log, each record once: from segments, and from what was compacted of them."""

from __future__ import annotations

import gzip
import zlib
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from modelway.observe.key_ledger import keys_of_texts
from modelway.observe.log_hours import COMPACTED, LogFile, folder_of
from modelway.observe.log_parquet import CompactedFile, SegmentText, read_lines
from modelway.records.serve import HUNG_UP

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from modelway.observe.log_hours import LogPlace
    from modelway.storage import Found

Unreadable = (ValueError, OSError, EOFError, zlib.error)
"""What reading a corrupt file raises; of Arrow's errors, `pa.ArrowInvalid` is a `ValueError`."""
TOGETHER = 32 << 20
"""Bytes of text that are read at once: many small files cost as much as a few large ones then."""
_SMOKE = pa.field("smoke", pa.bool_())
_LOOKS = 5
"""How often an hour is listed where its files are removed meanwhile."""


@dataclass
class HourFiles:
    """What there is of an hour on this machine.

    Attributes:
        segments: those that no compacted file holds.
        held: those that one holds as well: a compaction was interrupted, or they were delivered twice.
        compacted: the files made of segments.
        gone: whether something was removed since it was listed.
        corrupt: compacted files that can't be read, with the reason.
    """

    segments: list[LogFile]
    held: list[Found]
    compacted: list[CompactedFile]
    gone: bool
    corrupt: list[tuple[str, BaseException]]


@dataclass
class LogReader:
    """Reads one stream.

    Attributes:
        place: the log.
        stream: predictions or statistics.
        hashed_keys: whether keys have to be the hashes that servers write.
        unreadable: files that could not be read, with the reason; grows while the log is read.
        files: how many segments were read into tables.
    """

    place: LogPlace
    stream: str
    hashed_keys: bool = False
    unreadable: list[str] = field(default_factory=list)
    files: int = 0

    def texts(self, hours: Iterable[datetime]) -> Iterator[SegmentText]:
        """The segments of some hours.

        Raises:
            OutsideError: S3 or the file system fails.
        """
        for hour in hours:
            for part in self._parts(hour, 0.0):
                if isinstance(part, SegmentText):
                    yield part
                else:
                    yield from self._texts_of(part)

    def tables(
        self, hours: Iterable[datetime], schemas: tuple[pa.Schema, ...], written_since: float = 0.0
    ) -> Iterator[pa.Table]:
        """All lines of some hours but those of smoke tests, many at a time.

        Args:
            hours: which.
            schemas: the fields that are wanted; the later ones are tried where the first do not fit.
            written_since: segments that the storage got before are passed over, in seconds since 1970.

        Raises:
            OutsideError: S3 or the file system fails.
        """
        batch: list[SegmentText] = []
        size = 0
        for hour in hours:
            for part in self._parts(hour, written_since):
                if isinstance(part, SegmentText):
                    batch.append(part)
                    size += len(part.content)
                if batch and (size >= TOGETHER or not isinstance(part, SegmentText)):
                    yield from self._tables(batch, schemas)
                    batch, size = [], 0
                if not isinstance(part, SegmentText):
                    yield from self._columns(part, schemas)
        yield from self._tables(batch, schemas)

    def _parts(self, hour: datetime, written_since: float) -> Iterator[SegmentText | _Part]:
        """Each segment once, by itself or within a compacted file, in the order of names."""
        seen: set[str] = set()
        for _ in range(_LOOKS):
            found = hour_files(self.place, self.stream, hour, written_since)
            gone = found.gone
            for name, error in found.corrupt:
                self._tell(f"{COMPACTED}/{name}", hour, error)
            compacted = [(one.about.segments[0].name, one) for one in found.compacted if one.about.segments]
            parts: list[tuple[str, CompactedFile | LogFile]] = [
                *compacted,
                *((one.name, one) for one in found.segments),
            ]
            for first, part in sorted(parts, key=lambda part: part[0]):
                names = [first] if isinstance(part, LogFile) else [one.name for one in part.about.segments]
                if seen.issuperset(names):
                    continue
                try:
                    yield from self._part(hour, part, seen, written_since)
                except FileNotFoundError:
                    gone = True
                    continue
                except Unreadable as error:
                    self._tell(first if isinstance(part, LogFile) else f"{COMPACTED}/{part.path.name}", hour, error)
                seen.update(names)
            if not gone:
                return
        self._tell("", hour, OSError("files were removed again and again while they were read"))

    def _part(
        self, hour: datetime, part: CompactedFile | LogFile, seen: set[str], since: float
    ) -> Iterator[SegmentText | _Part]:
        """One of them, in memory: what is removed from now on is read all the same."""
        if isinstance(part, CompactedFile):
            wanted = {one.name for one in part.about.segments if one.written >= since and one.name not in seen}
            if wanted:
                yield _Part(hour, part.load(), frozenset(wanted))
        else:
            yield read_segment(part, folder_of(hour))

    def _texts_of(self, part: _Part) -> Iterator[SegmentText]:
        try:
            yield from part.file.texts(part.wanted, folder_of(part.hour))
        except Unreadable as error:
            self._tell(f"{COMPACTED}/{part.file.path.name}", part.hour, error)

    def _columns(self, part: _Part, schemas: tuple[pa.Schema, ...]) -> Iterator[pa.Table]:
        """Compacted segments, by their columns where those will do, and else by their lines."""
        try:
            for schema in schemas:
                table = part.file.table(schema.append(_SMOKE), part.wanted)
                if table is not None and self._has_keys(table):
                    self.files += len(part.wanted)
                    yield _without_smoke(table)
                    return
        except Unreadable as error:
            self._tell(f"{COMPACTED}/{part.file.path.name}", part.hour, error)
            return
        yield from self._tables(list(self._texts_of(part)), schemas)

    def _tables(self, batch: list[SegmentText], schemas: tuple[pa.Schema, ...]) -> Iterator[pa.Table]:
        """One table of all; where that fails, one of each segment that can be read."""
        contents = [text.content for text in batch if text.content]
        if not contents:
            self.files += len(batch)
            return
        try:
            table = self._table(b"".join(contents), schemas)
        except Unreadable as error:
            if len(batch) > 1:
                for one in batch:
                    yield from self._tables([one], schemas)
            else:
                self._report(batch[0].where, error)
            return
        self.files += len(batch)
        yield table

    def _table(self, content: bytes, schemas: tuple[pa.Schema, ...]) -> pa.Table:
        """Raises `pa.ArrowInvalid` where the lines are not what the log's records are."""
        for schema in schemas:
            try:
                table = read_lines(content, schema.append(_SMOKE))
            except pa.ArrowInvalid:
                if schema is schemas[-1]:
                    raise
            else:
                if self.hashed_keys:
                    keys_of_texts(table["key"].drop_null().combine_chunks())
                return _without_smoke(table)
        raise AssertionError  # the loop returns or raises

    def _has_keys(self, table: pa.Table) -> bool:
        """Whether all keys are hashes, where they have to be."""
        with suppress(ValueError):
            if self.hashed_keys:
                keys_of_texts(table["key"].drop_null().combine_chunks())
            return True
        return False

    def _tell(self, name: str, hour: datetime, error: BaseException) -> None:
        self._report(f"{folder_of(hour)}/{name}", error)

    def _report(self, where: str, error: BaseException) -> None:
        """Once for each file, however often it is read."""
        told = f"{where}: {reason_of(error)}"
        if told not in self.unreadable:
            self.unreadable.append(told)


@dataclass(frozen=True)
class _Part:
    """Segments of a compacted file.

    Attributes:
        hour: theirs.
        file: the file.
        wanted: their names.
    """

    hour: datetime
    file: CompactedFile
    wanted: frozenset[str]


def hour_files(place: LogPlace, stream: str, hour: datetime, written_since: float = 0.0) -> HourFiles:
    """What there is of an hour, on this machine, without segments that the storage got before a moment.

    Raises:
        OutsideError: S3 or the file system fails.
    """
    listing = place.listed(stream, hour)
    compacted: list[CompactedFile] = []
    corrupt: list[tuple[str, BaseException]] = []
    files = place.fetch(stream, hour, listing.compacted, listing.compacted, compacted=True)
    gone = len(files) < len(listing.compacted)
    for file in files:
        try:
            compacted.append(CompactedFile.open(file.path))
        except FileNotFoundError:
            gone = True
        except Unreadable as error:
            corrupt.append((file.name, error))
    held = {one.name for file in compacted for one in file.about.segments}
    alone = [one for one in listing.segments if one.name not in held]
    wanted = [one for one in alone if one.modified >= written_since]
    segments = place.fetch(stream, hour, wanted, alone)
    return HourFiles(
        segments=segments,
        held=[one for one in listing.segments if one.name in held],
        compacted=compacted,
        gone=gone or len(segments) < len(wanted),
        corrupt=corrupt,
    )


def read_segment(file: LogFile, folder: str) -> SegmentText:
    """Read and decompress a segment of an hour's folder; raises what `Unreadable` names where it is corrupt."""
    content = gzip.decompress(file.path.read_bytes())
    return SegmentText(file.name, file.written, content, f"{folder}/{file.name}")


def reason_of(error: BaseException) -> str:
    """The first line of an error's text; its type where it has none."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def _without_smoke(table: pa.Table) -> pa.Table:
    """The lines that are no smoke test's."""
    smoke = pc.fill_null(table[_SMOKE.name], False)
    return (table.filter(pc.invert(smoke)) if pc.any(smoke).as_py() else table).drop_columns(_SMOKE.name)


def is_answered(table: pa.Table) -> pa.ChunkedArray:
    """Whether the model gave each line an answer, which its caller may have hung up on; from `status` and `rows`."""
    unheard = pc.and_(pc.equal(table["status"], HUNG_UP), pc.greater(table["rows"], 0))
    return pc.or_(pc.less(table["status"], 400), unheard)


def field_of(structs: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    """One field of structs, whatever its name: Arrow takes a bare name that begins with a dot or bracket for a path."""
    return pc.struct_field(structs, [name])


def keys_of(texts: pa.ChunkedArray) -> pa.Array:
    """The log's keys as 64-bit numbers; null where there is none."""
    there = texts.is_valid().to_numpy()
    keys = np.zeros(len(texts), np.uint64)
    keys[there] = keys_of_texts(texts.drop_null().combine_chunks())
    return pa.array(keys, mask=~there)
