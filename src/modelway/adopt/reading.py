"""The data set of a stranger's project, looked at once: how its files are written, and what they hold."""

from __future__ import annotations

import codecs
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from modelway.atomic import scratch_directory
from modelway.data.prepare import locate_files
from modelway.data.suite.suite import check_data_set
from modelway.records.check_data import CheckDataOptions
from modelway.records.data import DataOptions, S3Options
from modelway.records.progress import Progress, silent

if TYPE_CHECKING:
    from pathlib import Path

    from modelway.records.data_docs import DataProfile

_DELIMITERS = (",", ";", "\t", "|")
_BLOCK = 1 << 20


def read_profile(uri: str, root: Path, progress: Progress = silent) -> tuple[DataOptions, DataProfile]:
    """Read a data set, all of it.

    Args:
        uri: a file, folder, glob or `s3://` address; a path is relative to `root`.
        root: the project's folder.
        progress: told after each piece.

    Returns:
        How it is written, with a path relative to `root`; what it holds.

    Raises:
        InputError: it is missing, empty or torn.
        OutsideError: S3 or the file system fails.
        UsageError: there are no credentials for S3.
    """
    with scratch_directory() as cache:
        files = locate_files(DataOptions(uri=uri), S3Options(), root, cache, progress)
        source = _how_written(uri, [path for _, path in files])
        options = CheckDataOptions(data=source, failed_rows=0, samples=0)
        return source, check_data_set(options, source, files, {}, None, datetime.now(UTC), progress).result.profile


def _how_written(uri: str, paths: list[Path]) -> DataOptions:
    texts = [path for path in paths if path.suffix == ".csv" and path.stat().st_size]
    if not texts:
        return DataOptions(uri=uri)
    encoding = "utf-8" if all(map(_is_utf8, texts)) else "latin-1"
    with texts[0].open(encoding=encoding) as file:
        header = file.readline()
    delimiter = max(_DELIMITERS, key=header.count)
    return DataOptions(uri=uri, encoding=encoding, delimiter=delimiter if header.count(delimiter) else ",")


def _is_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True
