"""Compacts hours of a prediction log that are over: many small segments into few Parquet files.

A file is written first, and only then are the segments that it lists removed. Readers take a segment from the first
file that lists it, so an hour reads the same before, during and after, and a killed compaction needs no repair.
"""

from __future__ import annotations

import gzip
import os
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from modelway.errors import InputError, OutsideError
from modelway.observe.log_hours import COMPACTED, HOUR, STREAMS, folder_of
from modelway.observe.log_parquet import SegmentText, about_of, digest_of, is_sound, pack
from modelway.observe.log_tables import TOGETHER, Unreadable, hour_files, read_segment, reason_of
from modelway.storage import LostAnswerError, is_s3, read_bytes, read_version, remove_below, write_if_unchanged
from modelway.storage.local import outside

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from modelway.observe.log_hours import LogFile, LogPlace
    from modelway.observe.log_parquet import Packed
    from modelway.observe.log_tables import HourFiles
    from modelway.records.data import S3Options

SETTLED = timedelta(hours=1)
"""How long after its end an hour is left alone: servers still deliver, and a rollout reads it again and again."""


@dataclass
class Compaction:
    """What was done.

    Attributes:
        hours: how many hours of a stream had segments to compact.
        segments: how many segments were compacted.
        records: how many lines they had.
        files: how many Parquet files were written.
        left: segments that stay as they are, with the reason.
    """

    hours: int = 0
    segments: int = 0
    records: int = 0
    files: int = 0
    left: list[str] = field(default_factory=list)


def settled(hours: Iterable[datetime], now: datetime) -> list[datetime]:
    """Those of the hours that are over for long enough."""
    return [hour for hour in hours if hour + HOUR + SETTLED <= now]


def compact_hours(place: LogPlace, hours: list[datetime]) -> Compaction:
    """Compact both streams of some hours.

    Args:
        place: the log.
        hours: hours that are settled; another that compacts them at the same time does no harm.

    Raises:
        InputError: there is no log.
        OutsideError: the storage fails, or denies writing or removing. What was done until then stays.
    """
    place.require()
    done = Compaction()
    parts = [(stream, hour) for hour in hours for stream in STREAMS]
    for number, (stream, hour) in enumerate(parts, start=1):
        _compact_hour(place, stream, hour, done)
        place.progress("compact", number, len(parts), f"{stream} {hour:%d %H}:00")
    return done


def _compact_hour(place: LogPlace, stream: str, hour: datetime, done: Compaction) -> None:
    if not place.listed(stream, hour).segments:
        return
    found = hour_files(place, stream, hour)
    done.left += [f"{folder_of(hour)}/{COMPACTED}/{name}: {error}" for name, error in found.corrupt]
    address = place.address(stream, hour)
    _remove_held(address, hour, found, place.s3, done)
    before = done.segments
    for batch in _batches(found.segments, hour, done):
        packed = _packed(stream, batch, done)
        if packed is None:
            continue
        uri = f"{address}/{COMPACTED}/{packed.name}"
        try:
            written = write_if_unchanged(uri, packed.content, None, s3=place.s3)
        except LostAnswerError:
            if read_version(uri, s3=place.s3).content is None:
                raise
            written = None  # its name follows from its content: as it is there, it was written
        if written is None:
            _check(uri, packed, place.s3)
        if not is_s3(uri):
            _flush(Path(uri))
        remove_below(address, [one.name for one in packed.segments], place.s3)
        done.segments += len(packed.segments)
        done.records += sum(one.records for one in packed.segments)
        done.files += 1
    if done.segments > before:
        done.hours += 1
        place.fetch(stream, hour, [], [])  # the copies are not needed any more


def _batches(files: list[LogFile], hour: datetime, done: Compaction) -> Iterator[list[SegmentText]]:
    """Segments that can be decompressed, as many as are held in memory at once."""
    batch: list[SegmentText] = []
    size = 0
    for file in files:
        try:
            batch.append(read_segment(file, folder_of(hour)))
        except FileNotFoundError:
            continue  # another has compacted it
        except Unreadable as error:
            done.left.append(f"{folder_of(hour)}/{file.name}: {reason_of(error)}")
            continue
        size += len(batch[-1].content)
        if size >= TOGETHER:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _packed(stream: str, batch: list[SegmentText], done: Compaction) -> Packed | None:
    """The segments of a batch whose lines are what they should be, if there are any."""
    try:
        return pack(stream, batch)
    except ValueError:
        bad = {text.name for text in batch if not is_sound([text])}
        done.left += [f"{text.where}: not lines of JSON objects" for text in batch if text.name in bad]
        batch = [text for text in batch if text.name not in bad]
        return pack(stream, batch) if batch else None


def _remove_held(address: str, hour: datetime, found: HourFiles, s3: S3Options, done: Compaction) -> None:
    """Remove segments that a compacted file holds: a compaction was interrupted, or a server delivered them twice."""
    digests: dict[str, set[str]] = {}
    for file in found.compacted:
        for segment in file.about.segments:
            digests.setdefault(segment.name, set()).add(segment.digest)
    same = []
    for one in found.held:
        where = f"{folder_of(hour)}/{one.name}"
        try:
            lines = SegmentText(one.name, one.modified, gzip.decompress(read_bytes(one.uri, s3=s3)), where).lines
        except InputError:
            continue  # another has removed it
        except Unreadable as error:
            done.left.append(f"{where}: {reason_of(error)}")
            continue
        if digest_of(lines) in digests[one.name]:
            same.append(one.name)
        else:
            done.left.append(f"{where}: a segment of this name and other content was compacted before")
    if same:
        remove_below(address, same, s3)


def _check(uri: str, packed: Packed, s3: S3Options) -> None:
    """Make sure that the file that another made of the same segments holds them, before they are removed."""
    try:
        held = about_of(read_bytes(uri, s3=s3)).segments
    except Unreadable as error:
        raise OutsideError(
            f"a compacted file is corrupt: {reason_of(error)}", where=uri, remedy="Remove it; its segments are there."
        ) from error
    if [(one.name, one.digest) for one in held] != [(one.name, one.digest) for one in packed.segments]:
        raise OutsideError("a compacted file holds other segments than its name says", where=uri)


def _flush(path: Path) -> None:
    """Bring a file and its name to the disk: the segments that it was made of are removed next."""
    try:
        for place, flags in ((path, os.O_RDONLY), (path.parent, os.O_RDONLY | os.O_DIRECTORY)):
            number = os.open(place, flags)
            try:
                os.fsync(number)
            finally:
                os.close(number)
    except OSError as error:
        raise outside(error, str(path)) from error
