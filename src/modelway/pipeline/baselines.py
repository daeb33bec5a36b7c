"""What a live model is compared with, wherever it lies."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from modelway.artifacts import digest_of
from modelway.atomic import scratch_directory
from modelway.errors import InputError
from modelway.observe.data_rows import data_files, guess_kinds, pieces
from modelway.observe.plain_statistics import read_baseline
from modelway.observe.profile import Profile, Slices
from modelway.records.observe import Baseline
from modelway.records.progress import Progress, silent
from modelway.storage import is_s3, read_bytes

if TYPE_CHECKING:
    from modelway.observe.data_rows import Files
    from modelway.records.data import ColumnType, PrepareOptions, S3Options
    from modelway.registry import Registry

FILE = "baseline.json"


@dataclass(frozen=True)
class Reference:
    """A baseline and where it came from.

    Attributes:
        baseline: the profile.
        where: its address, or the version it belongs to.
        digest: SHA-256 of it; of a data set, over its files' names and sizes.
    """

    baseline: Baseline
    where: str
    digest: str


def champion_reference(registry: Registry) -> Reference:
    """The baseline that the live champion was registered with.

    Raises:
        UsageError: there is no champion.
        InputError: its run holds no baseline.
        OutsideError: the registry fails.
    """
    version = registry.get("champion")
    with scratch_directory() as folder:
        registry.download_kept(str(version.number), (FILE,), folder)
        content = (folder / FILE).read_bytes()
    where = f"{version.name} version {version.number}"
    return Reference(read_baseline(content, where), where, hashlib.sha256(content).hexdigest())


def open_reference(
    uri: str,
    s3: S3Options,
    cache: Path,
    *,
    prepare: PrepareOptions | None = None,
    slices: tuple[str, ...] = (),
    progress: Progress = silent,
) -> Reference:
    """Read a baseline.

    Args:
        uri: a baseline.json or train_stats.json, a directory that holds a baseline.json (a bundle, what `train`
            leaves), or a data set, which is then profiled in one pass.
        s3: where `s3://` leads.
        cache: where objects are kept.
        prepare: the settings' section, which says what the columns of a data set are.
        slices: columns of a data set to profile value by value, which takes a second pass.
        progress: told of each file.

    Raises:
        InputError: there is none, or it can't be read.
        OutsideError: S3 or the file system fails.
    """
    if not is_s3(uri) and (Path(uri) / FILE).is_file():
        uri = str(Path(uri) / FILE)
    if uri.endswith(".json"):
        content = read_bytes(uri, s3=s3)
        return Reference(read_baseline(content, uri), uri, hashlib.sha256(content).hexdigest())
    files = data_files(uri, s3, cache, progress)
    digest = digest_of({name: str(path.stat().st_size) for name, path in files})
    return Reference(_profiled(files, prepare, slices), uri, digest)


def _profiled(files: Files, prepare: PrepareOptions | None, slices: tuple[str, ...]) -> Baseline:
    kinds = guess_kinds(files)
    if prepare is not None:
        kinds |= {name: column.type for name, column in prepare.columns.items() if name in kinds}
    profile, rows = Profile(kinds), 0
    for piece in pieces(files, kinds):
        profile.add(piece)
        rows += piece.num_rows
    if not rows:
        raise InputError("there is no row", where=files[0][0], remedy="Name a baseline with rows.")
    columns = profile.finish()
    sliced = Slices.over(slices, columns)
    if sliced.values:
        for piece in pieces(files, kinds):
            sliced.add(piece)
    target = prepare.target if prepare is not None and prepare.target in columns else None
    return Baseline(rows=rows, columns=columns, predictions=None, metrics={}, target=target, slices=sliced.finish())


def kinds_of(reference: Reference) -> dict[str, ColumnType]:
    """The columns of a baseline with their types."""
    return {name: found.type for name, found in reference.baseline.columns.items()}
