"""The rows of a data set, piece by piece, in the types that are wanted of its columns."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from modelway.errors import InputError, OutsideError
from modelway.parsing import check_lines
from modelway.records.data import ColumnType
from modelway.records.tables import ARROW_TYPES
from modelway.storage import is_s3, list_files, sync

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from modelway.records.data import S3Options
    from modelway.records.progress import Progress

Files = list[tuple[str, Path]]
"""Names and local paths."""
_ROWS = 262_144
"""Rows of a piece."""
_BLOCK = 16 << 20
"""Bytes of a piece of text."""
_NULLS = ["", "NA", "NaN", "null"]


def data_files(uri: str, s3: S3Options, cache: Path, progress: Progress) -> Files:
    """Name and local path of each file of a data set: a file, folder, glob or `s3://` address."""
    if is_s3(uri):
        place = cache / hashlib.sha256(f"{uri}\n{s3.endpoint_url}".encode()).hexdigest()[:16]
        return sync(uri, place, s3=s3, remove=True, progress=progress)
    return [(found.name, Path(found.uri)) for found in list_files(uri)]


def guess_kinds(files: Files) -> dict[str, ColumnType]:
    """The columns of the first file with the types that they have by themselves."""
    name, path = files[0]
    with _refusing(name, path):
        schema = _schema(path)
    if schema is None:
        raise InputError("there is no row", where=name, remedy="Name a data set with rows.")
    kinds = {field.name: _kind(field.type) for field in schema}
    return {name: kind for name, kind in kinds.items() if kind is not None}


def pieces(files: Files, kinds: Mapping[str, ColumnType] | None) -> Iterator[pa.RecordBatch]:
    """The rows of all files; columns that are not wanted are not read, those that are not there are left out.

    Args:
        files: CSV, Parquet or JSON Lines, told by their endings.
        kinds: the columns wanted, with their types; all, as they are, when absent.

    Raises:
        InputError: a file is torn, or a value is not of its column's type.
        OutsideError: the file system fails.
    """
    for name, path in files:
        with _refusing(name, path):
            yield from _READERS[path.suffix](path, kinds)


@contextmanager
def _refusing(name: str, path: Path) -> Iterator[None]:
    """Tell what Arrow and the file system say of a file in our own words."""
    try:
        yield
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise InputError(
            f"the file can't be read: {str(error).splitlines()[0]}",
            where=name,
            remedy="See whether it is whole, and its columns of the baseline's types.",
        ) from error
    except OSError as error:
        raise OutsideError(f"reading fails: {error.strerror or error}", where=str(path)) from error


def _schema(path: Path) -> pa.Schema | None:
    """The types of a file's columns, for which a Parquet file need not be read; None where it has no row."""
    if path.suffix == ".parquet":
        import pyarrow.parquet

        with pyarrow.parquet.ParquetFile(path) as file:
            return file.schema_arrow if file.metadata.num_rows else None
    first = next(_READERS[path.suffix](path, None), None)
    return None if first is None else first.schema


def _parquet(path: Path, kinds: Mapping[str, ColumnType] | None) -> Iterator[pa.RecordBatch]:
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(path) as file:
        names = [name for name in file.schema_arrow.names if kinds is None or name in kinds]
        texts = [
            name
            for name in names
            if pa.types.is_string(file.schema_arrow.field(name).type)
            and (kinds is None or kinds[name] is ColumnType.CATEGORY)
        ]
    # Categories stay coded as they are in the file: counting codes is many times as fast as counting texts.
    with pyarrow.parquet.ParquetFile(path, read_dictionary=texts) as file:
        for batch in file.iter_batches(_ROWS, columns=names):
            yield _typed(batch, kinds)


def _csv(path: Path, kinds: Mapping[str, ColumnType] | None) -> Iterator[pa.RecordBatch]:
    import pyarrow.csv

    types = {} if kinds is None else {name: _reading(kind) for name, kind in kinds.items()}
    convert = pyarrow.csv.ConvertOptions(
        column_types=types,
        null_values=_NULLS,
        strings_can_be_null=True,
        true_values=["true", "1", "True"],
        false_values=["false", "0", "False"],
    )
    reading = pyarrow.csv.ReadOptions(block_size=_BLOCK)
    with pyarrow.csv.open_csv(path, read_options=reading, convert_options=convert) as reader:
        for batch in reader:
            yield _typed(batch, kinds)


def _json(path: Path, kinds: Mapping[str, ColumnType] | None) -> Iterator[pa.RecordBatch]:
    import pyarrow.json

    check_lines(path)
    reading = pyarrow.json.ReadOptions(block_size=_BLOCK)
    parse: Any = None
    if kinds is not None:
        schema = pa.schema([(name, _reading(kind)) for name, kind in kinds.items()])
        parse = pyarrow.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
    with pyarrow.json.open_json(path, read_options=reading, parse_options=parse) as reader:
        for batch in reader:
            yield _typed(batch, kinds)


_READERS = {".parquet": _parquet, ".csv": _csv, ".jsonl": _json}


def _typed(batch: pa.RecordBatch, kinds: Mapping[str, ColumnType] | None) -> pa.RecordBatch:
    """The wanted columns; numbers, dates and booleans in one type each, categories as texts or codes of them."""
    if kinds is None:
        return batch
    found = {name: _cast(batch.column(name), kinds[name]) for name in batch.schema.names if name in kinds}
    kept = {name: values for name, values in found.items() if values is not None}
    return pa.RecordBatch.from_arrays(list(kept.values()), names=list(kept))


def _cast(values: pa.Array, kind: ColumnType) -> pa.Array | None:
    """The values in the type that is counted; None for dates that are not written as ISO 8601 has them."""
    if pa.types.is_null(values.type):
        return pa.nulls(len(values), _reading(kind))
    if kind in {ColumnType.INTEGER, ColumnType.NUMBER}:
        if pa.types.is_boolean(values.type):
            values = values.cast(pa.int8())
        return values.cast(pa.float64(), safe=False)
    if kind is ColumnType.CATEGORY:
        if pa.types.is_dictionary(values.type) or pa.types.is_string(values.type):
            return values
        return pc.if_else(values, "true", "false") if pa.types.is_boolean(values.type) else values.cast(pa.string())
    if kind is ColumnType.DATE and pa.types.is_string(values.type):
        return _dates(values)
    return values.cast(ARROW_TYPES[kind], safe=False)


def _dates(values: pa.Array) -> pa.Array | None:
    for form in (pa.timestamp("us"), ARROW_TYPES[ColumnType.DATE]):
        try:
            return values.cast(form).cast(ARROW_TYPES[ColumnType.DATE])
        except pa.ArrowInvalid:
            continue
    return None


def _reading(kind: ColumnType) -> pa.DataType:
    """The type that text is read as; dates stay texts: Arrow wants to know beforehand whether they have zones."""
    if kind is ColumnType.DATE:
        return pa.string()
    return pa.float64() if kind is ColumnType.INTEGER else ARROW_TYPES[kind]


def _kind(found: pa.DataType) -> ColumnType | None:
    types = pa.types
    if types.is_boolean(found):
        return ColumnType.BOOLEAN
    if types.is_integer(found) or types.is_floating(found) or types.is_decimal(found):
        return ColumnType.NUMBER
    if types.is_timestamp(found) or types.is_date(found):
        return ColumnType.DATE
    if types.is_string(found) or types.is_large_string(found) or types.is_dictionary(found):
        return ColumnType.CATEGORY
    return None
