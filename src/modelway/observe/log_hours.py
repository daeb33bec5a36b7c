"""The files of one hour of a prediction log, with the storage's own time of each."""

from __future__ import annotations

import hashlib
import re
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from modelway.errors import InputError
from modelway.storage import LOG_SUFFIXES, is_s3, list_files, sync

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelway.records.data import S3Options
    from modelway.records.progress import Progress
    from modelway.storage import Found

_HOUR = timedelta(hours=1)
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

    def listed(self, stream: str, hour: datetime) -> list[Found]:
        """What the storage has of one stream and hour, sorted by name; none where nothing was written.

        Raises:
            OutsideError: S3 or the file system fails.
        """
        try:
            return list_files(self._address(stream, hour), s3=self.s3, suffixes=LOG_SUFFIXES)
        except InputError as error:
            if error.what == "there is no data file":
                return []
            raise

    def files(self, stream: str, hour: datetime) -> list[LogFile]:
        """The same, on this machine.

        Raises:
            OutsideError: S3 or the file system fails.
        """
        found = self.listed(stream, hour)
        if not found:
            return []
        paths = self._copied(stream, hour) if is_s3(self.log) else {one.name: Path(one.uri) for one in found}
        # What was written between the two looks has no time yet; it is there at the next.
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

    def _address(self, stream: str, hour: datetime) -> str:
        return f"{self.log.rstrip('/')}/{stream}/date={hour:%Y-%m-%d}/hour={hour:%H}"

    def _copied(self, stream: str, hour: datetime) -> dict[str, Path]:
        place = self.own / f"{stream}-{hour:%Y-%m-%dT%H}"
        found = sync(
            self._address(stream, hour),
            place,
            s3=self.s3,
            suffixes=LOG_SUFFIXES,
            remove=True,
            progress=self.progress,
        )
        return dict(found)


def hours_between(since: float, until: float) -> Iterator[datetime]:
    """The hours that [since, until) touches; both in seconds since 1970."""
    hour = datetime.fromtimestamp(since, UTC).replace(minute=0, second=0, microsecond=0)
    while hour.timestamp() < until:
        yield hour
        hour += _HOUR
