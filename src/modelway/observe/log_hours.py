"""The files of one hour of a prediction log: segments as servers write them, and Parquet files made of segments.

An hour's folder holds segments, and below `compacted/` files that each list the segments they hold. A segment counts
once, however many files have it: see docs/adr/0018-compacting-the-prediction-log.md.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from modelway.errors import InputError
from modelway.storage import COMPACTED_SUFFIXES, LOG_SUFFIXES, fetch, is_s3, list_files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelway.records.data import S3Options
    from modelway.records.progress import Progress
    from modelway.storage import Found

STREAMS = ("predictions", "statistics")
COMPACTED = "compacted"
"""The folder of an hour's Parquet files."""
HOUR = timedelta(hours=1)
_COPIED = re.compile(r"(\w+)-(\d{4}-\d\d-\d\dT\d\d)")


@dataclass(frozen=True)
class LogFile:
    """One file of the log.

    Attributes:
        name: below its hour.
        path: where it lies on this machine.
        written: when the storage got it, by its own clock, in seconds since 1970.
    """

    name: str
    path: Path
    written: float


@dataclass(frozen=True)
class HourListing:
    """What the storage has of one stream and hour, each sorted by name."""

    segments: list[Found]
    compacted: list[Found]


@dataclass(frozen=True)
class LogPlace:
    """Where a prediction log lies.

    Attributes:
        log: its address.
        s3: where `s3://` leads.
        cache: where the objects of the hours that are needed are kept from one look to the next.
        progress: told of downloads.
    """

    log: str
    s3: S3Options
    cache: Path
    progress: Progress

    def require(self) -> None:
        """Raise `InputError` where a log on this machine has no folder; of a bucket nobody can say so."""
        if not is_s3(self.log) and not Path(self.log).is_dir():
            raise InputError(
                "there is no prediction log", where=self.log, remedy="See serve.log.uri, or name it with --predictions."
            )

    def listed(self, stream: str, hour: datetime) -> HourListing:
        """What the storage has of one stream and hour; nothing where nothing was written.

        Compacted files are listed last: whoever compacts removes a segment only after the file that holds it is there,
        so that what the first list lacks is in the second.

        Raises:
            OutsideError: S3 or the file system fails.
        """
        address = self.address(stream, hour)
        segments = self._list(f"{address}/", LOG_SUFFIXES)
        return HourListing(segments, self._list(f"{address}/{COMPACTED}/", COMPACTED_SUFFIXES))

    def fetch(
        self, stream: str, hour: datetime, found: list[Found], there: list[Found], *, compacted: bool = False
    ) -> list[LogFile]:
        """Listed files on this machine, without those that were removed since.

        Args:
            stream: predictions or statistics.
            hour: theirs.
            found: the files.
            there: all files whose copies are kept; those of others are removed.
            compacted: whether they are compacted files.

        Raises:
            OutsideError: S3 or the file system fails.
        """
        if not is_s3(self.log):
            return [LogFile(one.name, Path(one.uri), one.modified) for one in found]
        folder = self.own / f"{stream}-{hour:%Y-%m-%dT%H}" / (COMPACTED if compacted else "")
        if not found and not folder.is_dir():
            return []
        paths = fetch(found, folder, s3=self.s3, there={one.name for one in there}, progress=self.progress)
        return [LogFile(one.name, paths[one.name], one.modified) for one in found if one.name in paths]

    def forget(self, before: datetime) -> None:
        """Remove the copies of hours that are not needed any more."""
        if not is_s3(self.log) or not self.own.is_dir():
            return
        for folder in self.own.iterdir():
            form = _COPIED.fullmatch(folder.name)
            if form is not None and form[2] < f"{before:%Y-%m-%dT%H}":
                shutil.rmtree(folder, ignore_errors=True)

    @property
    def own(self) -> Path:
        """The folder of what is kept of this log on this machine."""
        name = hashlib.sha256(f"{self.log}\n{self.s3.endpoint_url}".encode()).hexdigest()[:16]
        return self.cache / f"hours-{name}"

    def address(self, stream: str, hour: datetime) -> str:
        """The address of an hour's folder."""
        return f"{self.log.rstrip('/')}/{stream}/{folder_of(hour)}"

    def _list(self, address: str, suffixes: tuple[str, ...]) -> list[Found]:
        try:
            return list_files(address, s3=self.s3, suffixes=suffixes)
        except InputError as error:
            if error.what == "there is no data file":
                return []
            raise


@cache
def folder_of(hour: datetime) -> str:
    """The folder of an hour below its stream."""
    return f"date={hour:%Y-%m-%d}/hour={hour:%H}"


def is_log(uri: str) -> bool:
    """Whether an address is that of a prediction log: a folder with `predictions/` in it, or one that is to come."""
    return is_s3(uri) or (Path(uri) / "predictions").is_dir()


def hours_between(since: float, until: float) -> Iterator[datetime]:
    """The hours that [since, until) touches; both in seconds since 1970."""
    hour = datetime.fromtimestamp(since, UTC).replace(minute=0, second=0, microsecond=0)
    while hour.timestamp() < until:
        yield hour
        hour += HOUR
