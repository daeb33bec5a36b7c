"""Columns next to the lines: a reader takes them only where they are what the lines say, by Arrow's JSON reader."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelway.observe.log_parquet import CompactedFile, SegmentText, about_of, pack, read_lines

_TIME = pa.timestamp("us", tz="UTC")
_TEXTS = st.sampled_from(
    ["", "a", "ü\u2028", "2024-01-01", "2024-02-29T00:00:00Z", "2024-01-01T01:00:00+02:00", "7", "tr\\ue"]
)
_NUMBERS = (
    st.integers(-(2**63), 2**63 - 1)
    | st.sampled_from([0, 1, 2**53 + 1, -(2**63)])
    | st.floats(allow_nan=False, allow_infinity=False)
)
_PLAIN = {
    "text": st.none() | _TEXTS,
    "number": st.none() | _NUMBERS,
    "whole": st.none() | st.integers(-5, 5),
    "flag": st.none() | st.booleans(),
    "mixed": st.none() | _TEXTS | _NUMBERS | st.booleans(),
}
_FEATURES = st.none() | st.dictionaries(st.sampled_from(sorted(_PLAIN)), st.none(), max_size=5).flatmap(
    lambda names: st.fixed_dictionaries({name: _PLAIN[name] for name in names})
)
_RECORDS = st.fixed_dictionaries(
    {"id": _TEXTS, "row": st.integers(0, 3)},
    optional={
        "time": st.sampled_from(["2026-11-25T10:00:00.123456Z", "2026-11-25T10:00:00Z"]),
        "latency_ms": st.floats(0, 1e6),
        "features": _FEATURES,
        "prediction": st.none() | st.sampled_from(["no", "yes"]) | st.just(0.5),
        "probabilities": st.none() | st.fixed_dictionaries({"no": _NUMBERS}),
        "later": st.none() | st.lists(st.dictionaries(st.sampled_from("ab"), _TEXTS)) | st.just("2024-01-01"),
        "a.b": _TEXTS,
    },
)  # fmt: skip
_WANTED = {
    "id": st.just(pa.string()),
    "row": st.just(pa.int64()),
    "time": st.just(_TIME),
    "key": st.just(pa.string()),
    "latency_ms": st.just(pa.float64()),
    "prediction": st.sampled_from([pa.string(), pa.float64()]),
    "later": st.just(pa.string()),
    "features": st.dictionaries(
        st.sampled_from([*sorted(_PLAIN), "absent"]),
        st.sampled_from([pa.float64(), pa.string(), pa.bool_(), _TIME]),
        min_size=1,
    ).map(lambda kinds: pa.struct(list(kinds.items()))),
    "probabilities": st.just(pa.struct([("no", pa.float64()), ("yes", pa.float64())])),
}
_SCHEMAS = (
    st.sets(st.sampled_from(sorted(_WANTED)), min_size=1)
    .flatmap(lambda names: st.fixed_dictionaries({name: _WANTED[name] for name in sorted(names)}))
    .map(lambda fields: pa.schema(list(fields.items())))
)


def content_of(records: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def packed_file(segments: list[list[dict[str, Any]]], stream: str = "predictions") -> CompactedFile:
    texts = [SegmentText(f"s{at}", float(at), content_of(records), f"s{at}") for at, records in enumerate(segments)]
    packed = pack(stream, texts)
    return CompactedFile(Path(packed.name), about_of(packed.content), packed.content)


@given(st.lists(st.lists(_RECORDS, max_size=4), min_size=1, max_size=4), _SCHEMAS, st.data())
def test_columns_are_what_the_lines_say_or_are_not_used(segments, schema, data) -> None:
    file = packed_file(segments)
    names = [f"s{at}" for at in range(len(segments))]
    texts = list(file.texts(set(names), ""))
    assert [text.content for text in texts] == [content_of(records) for records in segments]
    wanted = set(data.draw(st.sets(st.sampled_from(names))))
    found = file.table(schema, wanted)
    lines = b"".join(content_of(records) for name, records in zip(names, segments, strict=True) if name in wanted)
    if found is None or not lines:
        assert found is None or found.num_rows == 0
        return
    assert found.combine_chunks() == read_lines(lines, schema).combine_chunks()


@pytest.mark.parametrize(
    ("features", "kind"),
    [
        ({"x": 1}, pa.float64()),
        ({"x": 1.5}, pa.float64()),
        ({"x": None}, pa.string()),
        ({"x": "2024-01-01T00:00:00Z"}, pa.string()),
        ({"x": "2024-01-01T00:00:00Z"}, _TIME),
        ({"x": True}, pa.bool_()),
        (None, pa.bool_()),
    ],
)
def test_the_usual_values_are_read_from_columns(features, kind) -> None:
    file = packed_file([[{"id": "a", "features": features}]])
    found = file.table(pa.schema([("features", pa.struct([("x", kind)]))]), {"s0"})
    assert found is not None


@pytest.mark.parametrize(
    ("features", "kind"), [({"x": "hashed"}, pa.float64()), ({"x": 1}, pa.string()), ({"x": 1}, pa.bool_())]
)
def test_values_of_another_type_are_left_to_the_lines(features, kind) -> None:
    file = packed_file([[{"id": "a", "features": features}]])
    assert file.table(pa.schema([("features", pa.struct([("x", kind)]))]), {"s0"}) is None


def test_statistics_have_their_start_as_a_time() -> None:
    file = packed_file(
        [[{"replica": "a", "start": "2026-11-25T10:00:00Z", "latency": [1, 2], "number": 3}]], "statistics"
    )
    schema = pa.schema([("start", _TIME), ("latency", pa.list_(pa.int64())), ("number", pa.int64())])
    assert file.table(schema, {"s0"}).num_rows == 1
