"""Folders by date and hour (`date=YYYY-MM-DD/hour=HH`): removing the old ones."""

from __future__ import annotations

import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from modelway.storage.addresses import is_s3, parse_s3
from modelway.storage.calls import whole
from modelway.storage.local import outside
from modelway.storage.objects import remove_below
from modelway.storage.s3 import s3_client

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import ListObjectsV2OutputTypeDef

    from modelway.records.data import S3Options

_KEYS = 1000
"""How many keys one request lists, and the next deletes."""
_PLACE = re.compile(r"date=(\d{4}-\d\d-\d\d)/hour=(\d\d)(?:/|$)")


def remove_hours(uri: str, before: float, s3: S3Options, *, requests: int) -> tuple[int, bool]:
    """Remove the hours that ended before a moment, the oldest first, whatever files are in them.

    Args:
        uri: the directory or prefix with `date=YYYY-MM-DD/hour=HH` below it; what has other names stays.
        before: in seconds since 1970.
        s3: where `s3://` leads.
        requests: how many requests to make at most; on local disk, how many hours to remove.

    Returns:
        How many files were removed, and whether no more are to be.

    Raises:
        InputError: there is no such bucket.
        OutsideError: S3 or the file system fails or denies it.
    """
    if is_s3(uri):
        return _remove_objects(uri, before, s3, requests)
    removed = 0
    try:
        for day in sorted(Path(uri).glob("date=*")):
            for folder in sorted(day.glob("hour=*")):
                if folder.is_symlink() or not _is_over(f"{day.name}/{folder.name}", before):
                    continue
                if not requests:
                    return removed, False
                requests -= 1
                removed += sum(path.is_file() for path in folder.rglob("*"))
                shutil.rmtree(folder)
            # No server makes an hour of this day any more; an earlier removal may have ended before this.
            if _is_over(f"{day.name}/hour=23", before) and not day.is_symlink() and not any(day.iterdir()):
                day.rmdir()
    except FileNotFoundError:
        return removed, False  # another process removes the same
    except OSError as error:
        raise outside(error, error.filename or uri) from error
    return removed, True


def _remove_objects(uri: str, before: float, s3: S3Options, requests: int) -> tuple[int, bool]:
    """Keys are listed in their order, which is that of time: the first page holds the oldest."""
    address, removed = parse_s3(uri), 0
    prefix = f"{address.key.rstrip('/')}/"
    last = f"{prefix}date="
    for _ in range(requests // 2):

        def page(last: str = last) -> ListObjectsV2OutputTypeDef:
            return s3_client(s3).list_objects_v2(
                Bucket=address.bucket, Prefix=f"{prefix}date=", StartAfter=last, MaxKeys=_KEYS
            )

        found = whole(page, uri, "the listing")
        keys = [item["Key"] for item in found.get("Contents", [])]
        old = [key for key in (key.removeprefix(prefix) for key in keys) if _is_over(key, before)]
        if old:
            remove_below(uri, old, s3)
            removed += len(old)
        if not found["IsTruncated"] or (keys and _is_newer(keys[-1].removeprefix(prefix), before)):
            return removed, True
        last = keys[-1]
    return removed, False


def _is_over(name: str, before: float) -> bool:
    end = _end(name)
    return end is not None and end <= before


def _is_newer(name: str, before: float) -> bool:
    end = _end(name)
    return end is not None and end > before


def _end(name: str) -> float | None:
    """When the hour of a path was over, in seconds since 1970; None where the path has none."""
    form = _PLACE.match(name)
    if form is None:
        return None
    try:
        day = datetime.strptime(form[1], "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return None
    return (day + timedelta(hours=int(form[2]) + 1)).timestamp()
