"""Segments of the prediction log as one Parquet file: each line as it was written, and its fields as columns.

`_line` is what counts. The columns next to it are what Arrow's JSON reader finds in the lines. A reader takes them
where they are exactly what it would have read from the lines, and reads the lines otherwise.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from modelway.errors import ModelwayError
from modelway.parsing import check_lines
from modelway.records.log_segments import CompactedSegment, CompactedSegments
from modelway.records.serve import PredictionRecord, StatisticsRecord

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Sequence

SEGMENT, LINE = "_segment", "_line"
_ABOUT = b"modelway"
_BLOCK = 4 << 20
_TIME = pa.timestamp("us", tz="UTC")
_TIMES = {"time", "start"}
_TYPES = {"str": pa.string(), "int": pa.int64(), "float": pa.float64(), "bool": pa.bool_()}


@dataclass(frozen=True)
class SegmentText:
    """One segment's content.

    Attributes:
        name: below its hour.
        written: when the storage got it, by its own clock, in seconds since 1970.
        content: its lines.
        where: its name below its stream, for messages.
    """

    name: str
    written: float
    content: bytes
    where: str

    @property
    def lines(self) -> list[bytes]:
        """Its lines, without those that are empty."""
        return [line for line in self.content.split(b"\n") if line.strip()]


@dataclass(frozen=True)
class Packed:
    """A Parquet file in memory; equal segments give the same name."""

    name: str
    content: bytes
    segments: tuple[CompactedSegment, ...]


def read_lines(content: bytes, schema: pa.Schema, *, infers: bool = False) -> pa.Table:
    """The fields of JSON lines that a schema names, or all.

    Raises:
        pa.ArrowInvalid: a line is not JSON, or a value not of its field's type.
    """
    import pyarrow.json

    check_lines(content)
    # No line may be longer than a block.
    longest = len(content) if len(content) <= _BLOCK else max(map(len, content.split(b"\n")))
    options = pyarrow.json.ParseOptions(
        explicit_schema=schema, unexpected_field_behavior="infer" if infers else "ignore"
    )
    reading = pyarrow.json.ReadOptions(block_size=max(_BLOCK, longest + 2))
    return pyarrow.json.read_json(pa.BufferReader(content), reading, options)


def is_sound(texts: Iterable[SegmentText]) -> bool:
    """Whether all lines are UTF-8 and one JSON object each."""
    lines = [line for text in texts for line in text.lines]
    if not lines:
        return True
    content = b"\n".join(lines) + b"\n"
    try:
        content.decode()
        rows: int = read_lines(content, pa.schema([(SEGMENT, pa.null())])).num_rows
    except (pa.ArrowInvalid, UnicodeDecodeError):
        return False
    return rows == len(lines)


def pack(stream: str, texts: Sequence[SegmentText]) -> Packed:
    """Write segments into a Parquet file.

    Raises:
        ValueError: a line is not UTF-8, or not one JSON object.
    """
    import pyarrow.parquet

    lines = [text.lines for text in texts]
    segments = tuple(
        CompactedSegment(name=text.name, written=text.written, records=len(own), digest=digest_of(own))
        for text, own in zip(texts, lines, strict=True)
    )
    flat = [line for own in lines for line in own]
    at = pa.array(np.repeat(np.arange(len(texts), dtype=np.int32), [len(own) for own in lines]))
    names = pa.DictionaryArray.from_arrays(at, pa.array([text.name for text in texts], pa.string()))
    columns = {SEGMENT: names, LINE: pa.array(flat, pa.string())}
    content = b"\n".join(flat) + b"\n"
    content.decode()
    fields = _fields(content, len(flat), stream) if flat else None
    if fields is None and not is_sound(texts):
        raise ValueError("a line is not one JSON object")
    if fields is not None:
        columns |= {name: fields[name] for name in fields.column_names}
    about = CompactedSegments(complete=fields is not None, segments=segments)
    table = pa.table(columns)
    sink = pa.BufferOutputStream()
    coded = [name for name in table.column_names if name != LINE]
    # Arrow's own copy of the schema would hold the metadata a second time.
    with pyarrow.parquet.ParquetWriter(
        sink, table.schema, compression="zstd", use_dictionary=coded, write_statistics=coded, store_schema=False
    ) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({_ABOUT: about.model_dump_json().encode()})
    made_of = "\n".join(f"{one.name} {one.digest}" for one in segments)
    name = f"{hashlib.sha256(made_of.encode()).hexdigest()[:32]}.parquet"
    packed = Packed(name, sink.getvalue().to_pybytes(), segments)
    _verify(packed, about)
    return packed


def _verify(packed: Packed, about: CompactedSegments) -> None:
    """Read the lines back: what they were read from is removed next."""
    file = CompactedFile(Path(packed.name), about, packed.content)
    written = [digest_of(text.lines) for text in file.texts({one.name for one in packed.segments}, "")]
    if written != [one.digest for one in packed.segments]:
        raise ModelwayError("the compacted lines are not those of the segments", where=packed.segments[0].name)


def digest_of(lines: Iterable[bytes]) -> str:
    """The SHA-256 of lines, hexadecimal."""
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line + b"\n")
    return digest.hexdigest()


@dataclass(frozen=True)
class CompactedFile:
    """A Parquet file of segments, on this machine.

    Attributes:
        path: where it lies.
        about: what it holds.
        content: its bytes, once they are loaded.
    """

    path: Path
    about: CompactedSegments
    content: bytes | None = None

    @classmethod
    def open(cls, path: Path) -> CompactedFile:
        """Read what a file holds.

        Raises:
            ValueError: this is not a file that compaction wrote, or it is corrupt.
            OSError: it can't be read.
        """
        with path.open("rb") as source:
            return cls(path, about_of(source))

    def load(self) -> CompactedFile:
        """The same in memory; raises `OSError` where it can't be read."""
        return replace(self, content=self.path.read_bytes())

    def texts(self, wanted: Container[str], folder: str) -> Iterator[SegmentText]:
        """The lines of some segments; `folder` is their hour's.

        Raises:
            ValueError: the file is corrupt.
            OSError: it can't be read.
        """
        lines = self._read([LINE])[LINE].combine_chunks()
        start = 0
        for one in self.about.segments:
            if one.name in wanted:
                own = lines.slice(start, one.records).to_pylist()
                content = "".join(f"{line}\n" for line in own).encode()
                yield SegmentText(one.name, one.written, content, f"{folder}/{one.name}")
            start += one.records

    def table(self, schema: pa.Schema, wanted: Container[str]) -> pa.Table | None:
        """The fields of a schema of some segments; None where only the lines say what they are.

        Raises:
            ValueError: the file is corrupt.
            OSError: it can't be read.
        """
        if not self.about.complete:
            return None
        found = self._read(schema.names)
        inside = [one.name in wanted for one in self.about.segments]
        if not all(inside):
            found = found.filter(pa.array(np.repeat(inside, [one.records for one in self.about.segments])))
        columns = {}
        for field in schema:
            there = found[field.name].combine_chunks() if field.name in found.column_names else None
            values = pa.nulls(found.num_rows, field.type) if there is None else _as(there, field.type)
            if values is None:
                return None
            columns[field.name] = values
        return pa.table(columns)

    def _read(self, names: list[str]) -> pa.Table:
        import pyarrow.parquet

        source = self.path if self.content is None else pa.BufferReader(self.content)
        with pyarrow.parquet.ParquetFile(source) as file:
            # `_segment` says how many rows there are, where no other column does.
            return file.read(columns=[SEGMENT, *(name for name in names if name in file.schema_arrow.names)])


def about_of(source: BinaryIO | bytes) -> CompactedSegments:
    """What a Parquet file of segments says that it holds; raises `ValueError` or `OSError` as `CompactedFile.open`."""
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(pa.BufferReader(source) if isinstance(source, bytes) else source) as file:
        found = (file.metadata.metadata or {}).get(_ABOUT)
        if found is None:
            raise ValueError("this file was not written by `modelway log compact`")
        about = CompactedSegments.from_json(found)
        if file.metadata.num_rows != sum(one.records for one in about.segments):
            raise ValueError("the file has other rows than it lists")
    return about


def _fields(content: bytes, count: int, stream: str) -> pa.Table | None:
    """All fields of the lines; None where they don't fit into columns."""
    known = _known(PredictionRecord if stream == "predictions" else StatisticsRecord)
    try:
        found = read_lines(content, known, infers=True)
        # Arrow takes texts that look like times for times; only `time` and `start` are.
        texts = pa.schema([field if field.name in _TIMES else _with_texts(field) for field in found.schema])
        if texts != found.schema:
            found = read_lines(content, texts, infers=True)
    except pa.ArrowInvalid:
        return None
    fits = found.num_rows == count and all(_is_storable(kind) for kind in found.schema.types)
    return found if fits and not {SEGMENT, LINE} & set(found.column_names) else None


def _known(record: type[PredictionRecord | StatisticsRecord]) -> pa.Schema:
    """The fields of a record that have one plain type."""
    fields = []
    for name, field in record.model_fields.items():
        kind = str(field.annotation.__name__ if isinstance(field.annotation, type) else field.annotation)
        plain = _TYPES.get(kind.removesuffix(" | None"))
        if plain is not None:
            fields.append((name, _TIME if name in _TIMES else plain))
    return pa.schema(fields)


def _with_texts(field: pa.Field) -> pa.Field:
    return field.with_type(_as_text(field.type))


def _as_text(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_struct(kind):
        return pa.struct([_with_texts(field) for field in kind])
    if pa.types.is_list(kind):
        return pa.list_(_as_text(kind.value_type))
    return pa.string() if pa.types.is_timestamp(kind) else kind


def _is_storable(kind: pa.DataType) -> bool:
    """Parquet has no structure without a field."""
    if pa.types.is_struct(kind):
        return kind.num_fields > 0 and all(_is_storable(field.type) for field in kind)
    return not pa.types.is_list(kind) or _is_storable(kind.value_type)


def _as(values: pa.Array, wanted: pa.DataType) -> pa.Array | None:
    """Values as JSON's reader would have given them in the wanted type; None where it would have refused them."""
    if values.type == wanted:
        return values
    if pa.types.is_null(values.type):
        return pa.nulls(len(values), wanted)
    if pa.types.is_int64(values.type) and pa.types.is_float64(wanted):
        return values.cast(wanted, safe=False)
    if pa.types.is_string(values.type) and pa.types.is_timestamp(wanted):
        return _times(values, wanted)
    return _structure(values, wanted) if pa.types.is_struct(values.type) and pa.types.is_struct(wanted) else None


def _structure(values: pa.Array, wanted: pa.DataType) -> pa.Array | None:
    children = []
    for field in wanted:
        at = values.type.get_field_index(field.name)
        child = pa.nulls(len(values), field.type) if at < 0 else _as(pc.struct_field(values, [at]), field.type)
        if child is None:
            return None
        children.append(child)
    return pa.StructArray.from_arrays(children, fields=list(wanted), mask=values.is_null())


def _times(values: pa.Array, wanted: pa.DataType) -> pa.Array | None:
    """Times of texts, by JSON's own reader."""
    coded = values.dictionary_encode()
    texts: list[Any] = coded.dictionary.to_pylist()
    if not texts:
        return pa.nulls(len(values), wanted)
    content = "".join(json.dumps({"at": text}) + "\n" for text in texts).encode()
    try:
        times = read_lines(content, pa.schema([("at", wanted)]))["at"].combine_chunks()
    except pa.ArrowInvalid:
        return None
    return times.take(coded.indices)
