"""What a run is to do: its input by digest, its model, and whether an earlier start of it did the same."""

from __future__ import annotations

import hashlib
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from pydantic import ValidationError

from modelway.batch.content import Content, etag_identity
from modelway.batch.parquet_rows import open_parquet
from modelway.batch.place import PLAN
from modelway.data.suite.kinds import found_type
from modelway.errors import InputError, OutsideError, UsageError
from modelway.records.batch import BatchPlan, InputFile
from modelway.records.data import ColumnType
from modelway.storage import is_s3, list_files

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modelway.batch.place import Place
    from modelway.records.data import Column, DataOptions, S3Options

_WORDS = {
    "model": "another version of the model",
    "bundle_digest": "another bundle",
    "input": "another address",
    "source": "CSV files written otherwise",
    "files": "other files, or files that have changed since",
    "keys": "other keys",
    "slices": "other slices",
    "batch_size": "another batch size",
}
"""What is told of a part of the plan that differs."""


def find_input(source: DataOptions, s3: S3Options) -> tuple[InputFile, ...]:
    """The files of the input, each with what says that it is still the same: its SHA-256, or the ETag of an object.

    Raises:
        InputError: nothing is there.
        OutsideError: S3 or the file system fails.
    """
    found = list_files(source.uri, s3=s3, include=source.include, exclude=source.exclude)
    files = []
    for item in found:
        remote = is_s3(item.uri)
        uri = item.uri if remote else str(Path(item.uri).absolute())
        identity = etag_identity(item.tag) if remote else _digest(Path(item.uri))
        files.append(InputFile(name=item.name, uri=uri, size=item.size, identity=identity))
    return tuple(files)


def key_types(
    keys: Sequence[str], declared: Mapping[str, Column], files: Sequence[InputFile], s3: S3Options
) -> dict[str, ColumnType]:
    """The type of each key: as declared; else as the first file stores it, if that is Parquet; else text.

    Raises:
        UsageError: a key has the name of a column of the output.
        InputError: the first file is torn.
    """
    kinds = {name: declared[name].type if name in declared else ColumnType.TEXT for name in keys}
    for name in keys:
        if name in {"prediction", "probability", "model_version", "run", "run_started"}:
            raise UsageError(f"{name!r} is a column of the output and can't be a key", where="batch.keys")
    if any(name not in declared for name in keys) and PurePosixPath(files[0].uri).suffix == ".parquet":
        with open_parquet(Content(files[0], s3)) as parquet:
            schema = parquet.schema_arrow
        for name in keys:
            if name not in declared and name in schema.names:
                kinds[name] = found_type(schema.field(name).type) or ColumnType.TEXT
    return kinds


def keep_plan(place: Place, wanted: BatchPlan) -> BatchPlan:
    """Write a run's plan, unless it was begun before, maybe by another process just now; return the one that is kept.

    Raises:
        InputError: the kept one can't be read.
        UsageError: the run was begun with something else.
    """

    def parse(content: bytes | None) -> BatchPlan | None:
        try:
            return None if content is None else BatchPlan.from_json(content)
        except ValidationError as error:
            raise InputError(
                "the plan of the run can't be read",
                where=place.uri,
                remedy="Choose another --run, or remove the folder.",
            ) from error

    kept, _ = place.document(PLAN, parse, BatchPlan.to_json).change(lambda found: wanted if found is None else None)
    _check_same(place, kept or wanted, wanted)
    return kept or wanted


def _check_same(place: Place, kept: BatchPlan, wanted: BatchPlan) -> None:
    for part, words in _WORDS.items():
        if getattr(kept, part) != getattr(wanted, part):
            raise UsageError(
                f"the run {kept.run!r} was begun with {words}",
                where=place.uri,
                remedy="Choose another --run, or give what it was begun with.",
            )


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise OutsideError(
            f"reading fails: {error.strerror}", where=str(path), remedy="Check the permissions."
        ) from error
