"""Which columns the files have, before their rows are read."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from modelway.data.suite.csv_batches import csv_batches, csv_header
from modelway.data.suite.json_batches import json_objects
from modelway.data.suite.kinds import Kind, found_type, guess_type
from modelway.data.suite.parquet_batches import parquet_schema
from modelway.errors import InputError, OutsideError
from modelway.records.data import Column, ColumnType

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from modelway.records.data import DataOptions

_LINES = 1000
"""Lines of JSON that the types of columns are guessed from that nobody declares."""


@dataclass(frozen=True)
class SourceFile:
    """One file of the data set."""

    name: str
    """In messages and results."""
    path: Path
    size: int
    """Bytes."""
    stored: dict[str, str]
    """The columns in their order, with the type that they are stored in; of JSON Lines those of the first lines."""
    rows: int | None
    """Where the file tells without being read."""

    @property
    def format(self) -> str:
        """Its ending."""
        return self.path.suffix


def survey(files: Iterable[tuple[str, Path]], source: DataOptions) -> list[SourceFile]:
    """Look at each file's columns.

    Raises:
        InputError: a file is missing, empty or torn, of no kind that can be read, or has two columns of one name.
        OutsideError: the file system fails.
        UsageError: there is no such encoding.
    """
    return [_look_at(name, path, source) for name, path in files]


def find_kinds(
    files: Iterable[SourceFile], source: DataOptions, declared: Mapping[str, Column] | None
) -> dict[str, Kind]:
    """What each column is taken for: as declared, else as the first file that has it says or lets guess.

    Declared columns that no file has are left out. The order is that of the files.
    """
    kinds: dict[str, Kind] = {}
    for file in files:
        new = [name for name in file.stored if name not in kinds]
        undeclared = [name for name in new if name not in (declared or {})]
        found = _found_columns(file, source, undeclared) if undeclared else {}
        for name in new:
            column = declared[name] if declared and name in declared else found.get(name)
            kinds[name] = Kind(column, name not in undeclared, file.stored[name])
    return kinds


def _look_at(name: str, path: Path, source: DataOptions) -> SourceFile:
    if not path.is_file():
        raise InputError("there is no such file", where=str(path), remedy="Check the data's address.")
    size = path.stat().st_size
    if not size:
        raise InputError("the file is empty", where=name, remedy="Remove it, or write it again.")
    rows = None
    try:
        match path.suffix:
            case ".parquet":
                schema, rows = parquet_schema(name, path)
                _refuse_doubled(name, schema.names)
                stored = {field.name: str(field.type) for field in schema}
            case ".csv":
                stored = dict.fromkeys(csv_header(source, name, path), "text")
            case ".jsonl":
                objects = _first_objects(name, path)
                stored = dict.fromkeys((key for found in objects for key in found), "JSON")
            case _:
                raise InputError(
                    f"files of kind {path.suffix or path.name!r} can't be read",
                    where=name,
                    remedy="Use CSV, Parquet or JSON Lines, named *.csv, *.parquet or *.jsonl.",
                )
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutsideError(f"reading fails: {reason}", where=str(path), remedy="Check the permissions.") from error
    _refuse_odd(name, stored)
    return SourceFile(name, path, size, stored, rows)


def _refuse_odd(file: str, names: Iterable[str]) -> None:
    """Refuse names that polars takes for patterns of names, or cuts."""
    for name in names:
        if name == "*" or (name.startswith("^") and name.endswith("$")) or "\0" in name:
            raise InputError(
                f"a column can't be named {name!r} here", where=file, remedy="Rename it where the file is written."
            )


def _first_objects(file: str, path: Path) -> list[dict[str, Any]]:
    objects = list(islice(json_objects(file, path), _LINES))
    if not objects:
        raise InputError("the file is empty", where=file, remedy="Remove it, or write it again.")
    return objects


def _refuse_doubled(file: str, names: list[str]) -> None:
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(
            f"the column {doubled[0]!r} stands there {names.count(doubled[0])} times",
            where=file,
            remedy="Give each column a name of its own.",
        )


def _found_columns(file: SourceFile, source: DataOptions, names: list[str]) -> dict[str, Column]:
    """The types that undeclared columns have by themselves."""
    found: dict[str, ColumnType | None] = {}
    if file.format == ".parquet":
        schema, _ = parquet_schema(file.name, file.path)
        found = {name: found_type(schema.field(name).type) for name in names}
    elif file.format == ".csv":
        _, first = next(csv_batches(source, file.name, file.path, names), (0, None))
        found = {name: guess_type(first[name]) if first is not None else ColumnType.TEXT for name in names}
    else:
        objects = _first_objects(file.name, file.path)
        found = {name: _guess_of_json([one[name] for one in objects if one.get(name) is not None]) for name in names}
    return {name: Column(type=kind, nullable=True) for name, kind in found.items() if kind is not None}


def _guess_of_json(values: list[Any]) -> ColumnType | None:
    sorts = {type(value) for value in values}
    if sorts & {list, dict}:
        return None
    if sorts == {bool}:
        return ColumnType.BOOLEAN
    if sorts == {int}:
        return ColumnType.INTEGER
    if sorts and sorts <= {int, float}:
        return ColumnType.NUMBER
    if sorts == {str} and guess_type(pa.chunked_array([values])) is ColumnType.DATE:
        return ColumnType.DATE
    return ColumnType.TEXT
