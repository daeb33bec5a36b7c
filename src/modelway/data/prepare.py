"""The `prepare` stage: from the settings to checked, split tables."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from modelway.data.classes import encode_target, find_classes
from modelway.data.duplicates import find_duplicates
from modelway.data.profile import profile_table
from modelway.data.refusals import place_in
from modelway.data.split import ignored_keys, sample_rows, split_rows
from modelway.data.table import read_table
from modelway.errors import InputError
from modelway.records.data import Dataset, Task
from modelway.records.progress import silent
from modelway.storage import is_s3, list_files, sync

if TYPE_CHECKING:
    import pyarrow as pa

    from modelway.records.data import DataOptions, PrepareOptions, S3Options
    from modelway.records.progress import Progress

    Files = list[tuple[str, Path]]

BENCHMARKS = "benchmarks/"
"""What the names of benchmark tables begin with."""


@dataclass(frozen=True)
class Prepared:
    """A data set, ready to fit and evaluate."""

    dataset: Dataset
    tables: dict[str, pa.Table]
    """By name: train, validation, test and `benchmarks/NAME`, in the columns and order of `dataset.columns`."""


def prepare_data(options: PrepareOptions, root: Path, cache: Path, progress: Progress = silent) -> Prepared:
    """Find, read, check and split a data set and its benchmarks.

    Args:
        options: the `prepare` section of the settings.
        root: what relative addresses are relative to.
        cache: where objects of `s3://` addresses are kept from one run to the next.
        progress: told of each step.

    Raises:
        InputError: what is there is missing, torn, or not what the settings say.
        OutsideError: S3 or the file system fails.
        UsageError: the settings do not fit the data (`positive`, `encoding`), or there are no credentials for S3.
    """
    steps = len(options.benchmarks) + 3
    files = find_files(options.data, options, root, cache, progress)
    table = read_table(options, options.data, files, ignored_keys(options))
    progress("prepare", 1, steps, f"{table.num_rows} rows read")
    _check_columns_filled(options, table)
    if options.sample is not None:
        table = sample_rows(table, options.sample)
    classes = find_classes(options, table[options.target])
    tables = split_rows(options, table)
    del table  # the parts are copies
    progress("prepare", 2, steps, "split")
    source = digest_files(files)
    for at, (name, data) in enumerate(sorted(options.benchmarks.items())):
        files = find_files(data, options, root, cache, progress)
        tables[BENCHMARKS + name] = read_table(options, data, files)
        source |= {f"{BENCHMARKS}{name}/{file}": digest for file, digest in digest_files(files).items()}
        progress("prepare", 3 + at, steps, f"benchmark {name} read")
    dataset = _describe(options, classes, tables, source)
    for name in tables:
        if name.startswith(BENCHMARKS):
            _check_benchmark(dataset, name, tables[name])
    progress("prepare", steps, steps, "checked")
    return Prepared(dataset, tables)


def find_files(
    data: DataOptions, options: PrepareOptions, root: Path, cache: Path, progress: Progress = silent
) -> Files:
    """Name and local path of each file of a data set; those on S3 are synced into a folder of their own in `cache`."""
    return locate_files(data, options.s3, root, cache, progress)


def locate_files(data: DataOptions, s3: S3Options, root: Path, cache: Path, progress: Progress = silent) -> Files:
    """The same, where nothing else is known of the data set."""
    if is_s3(data.uri):
        parts = [data.uri, s3.endpoint_url or "", *data.include, "-", *data.exclude]
        place = cache / hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
        return sync(data.uri, place, s3=s3, include=data.include, exclude=data.exclude, remove=True, progress=progress)
    found = list_files(str(root / data.uri), include=data.include, exclude=data.exclude)
    return [(item.name, Path(item.uri)) for item in found]


def digest_files(files: Files) -> dict[str, str]:
    """SHA-256 (hexadecimal) of each file by its name."""
    digests = {}
    for name, path in files:
        with path.open("rb") as file:
            digests[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return digests


def _describe(
    options: PrepareOptions, classes: tuple[str, ...], tables: dict[str, pa.Table], source: dict[str, str]
) -> Dataset:
    train = tables["train"]
    dataset = Dataset(
        task=options.task,
        target=options.target,
        classes=classes,
        columns=options.columns,
        split=options.split,
        rows={name: table.num_rows for name, table in tables.items()},
        duplicates=find_duplicates(options, tables),
        profile=profile_table(options.columns, train),
        source=source,
    )
    target = encode_target(dataset, train)
    if options.task is Task.REGRESSION:
        return dataset.model_copy(update={"target_mean": float(f"{target.mean():.12g}")})
    counts = np.bincount(target.astype(np.int64), minlength=len(classes))
    rates = {name: count / len(target) for name, count in zip(classes, counts.tolist(), strict=True)}
    return dataset.model_copy(update={"target_rates": rates})


def _check_columns_filled(options: PrepareOptions, table: pa.Table) -> None:
    for name in options.columns:
        if table[name].null_count == table.num_rows:
            raise InputError(
                "no row has a value",
                where=place_in(options.data.uri, None, name),
                remedy=f"Move {name!r} from prepare.columns to prepare.ignore, or check how the file was written.",
            )


def _check_benchmark(dataset: Dataset, name: str, table: pa.Table) -> None:
    try:
        encode_target(dataset, table)
    except InputError as error:
        raise InputError(error.what, where=f"{name}, {error.where}", remedy=error.advice) from error
