"""The files of a prediction log that a stretch of time needs: those of its hours, and no others."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from modelway.errors import InputError
from modelway.storage import LOG_SUFFIXES, is_s3, list_files, sync

if TYPE_CHECKING:
    from modelway.records.data import S3Options
    from modelway.records.progress import Progress

Files = list[tuple[str, Path]]
_HOUR = re.compile(r"(?:^|/)hour=(\d\d)/")


def is_log(uri: str) -> bool:
    """Whether an address is that of a prediction log: a folder with `predictions/` in it, or one that is to come."""
    return is_s3(uri) or (Path(uri) / "predictions").is_dir()


def log_files(
    uri: str, stream: str, since: datetime, until: datetime, s3: S3Options, cache: Path, progress: Progress
) -> Files:
    """Name and local path of each file of one stream whose hour touches [since, until).

    Args:
        uri: the log's address.
        stream: predictions or statistics.
        since: the first moment, aware of its zone.
        until: the end.
        s3: where `s3://` leads.
        cache: where objects are kept from one run to the next.
        progress: told of downloads.

    Raises:
        InputError: there is no log at all.
        OutsideError: S3 or the file system fails.
    """
    if not is_s3(uri) and not Path(uri).is_dir():
        raise InputError(
            "there is no prediction log", where=uri, remedy="See serve.log.uri, or name it with --predictions."
        )
    files: Files = []
    day = since.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    while day < until:
        place = f"{uri.rstrip('/')}/{stream}/date={day:%Y-%m-%d}"
        files += [
            (f"date={day:%Y-%m-%d}/{name}", path)
            for name, path in _below(place, s3, cache, progress)
            if _touches(name, day, since, until)
        ]
        day += timedelta(days=1)
    return files


def _below(place: str, s3: S3Options, cache: Path, progress: Progress) -> Files:
    """The files of one day; a day without any is no mistake."""
    try:
        if is_s3(place):
            own = cache / hashlib.sha256(f"{place}\n{s3.endpoint_url}".encode()).hexdigest()[:16]
            return sync(place, own, s3=s3, suffixes=LOG_SUFFIXES, remove=True, progress=progress)
        return [(found.name, Path(found.uri)) for found in list_files(place, suffixes=LOG_SUFFIXES)]
    except InputError as error:
        if error.what == "there is no data file":
            return []
        raise


def _touches(name: str, day: datetime, since: datetime, until: datetime) -> bool:
    found = _HOUR.search(name)
    if found is None:
        return True
    start = day + timedelta(hours=int(found[1]))
    return start < until and start + timedelta(hours=1) > since
