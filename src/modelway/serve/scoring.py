"""MLflow's scoring protocol (mlflow.org/docs/latest/ml/deployment): bodies of `/invocations` into checked columns."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import msgspec

from modelway.serve.decoding import LARGE_BYTES, Json
from modelway.serve.refusals import Fault, shown, too_large, unfit, unreadable

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelway.serve.validation import Question, Validator

_NULLS = frozenset({"", "NA", "NaN", "null"})
"""What stands for a missing value in CSV, as in the settings' `null_values`."""
_MOST_NAMES = 10_000
"""Names of CSV's header that do not count as values."""
_FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")


class _Split(msgspec.Struct):
    """pandas' `split` orientation."""

    columns: list[str]
    data: list[list[Any]]
    index: msgspec.Raw = msgspec.Raw()


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    dataframe_split: _Split | None = None
    dataframe_records: list[dict[str, Any]] | None = None
    instances: list[Any] | None = None
    inputs: dict[str, Any] | list[Any] | None = None
    params: dict[str, Any] | None = None


class _CutSplit(msgspec.Struct):
    columns: msgspec.Raw
    data: msgspec.Raw
    index: msgspec.Raw = msgspec.Raw()


class _CutBody(msgspec.Struct, forbid_unknown_fields=True):
    """The same, to be decoded in parts."""

    dataframe_split: msgspec.Raw = msgspec.Raw()
    dataframe_records: msgspec.Raw = msgspec.Raw()
    instances: msgspec.Raw = msgspec.Raw()
    inputs: msgspec.Raw = msgspec.Raw()
    params: msgspec.Raw = msgspec.Raw()


_BODY = msgspec.json.Decoder(_Body)
_CUT_BODY = msgspec.json.Decoder(_CutBody)
_CUT_SPLIT = msgspec.json.Decoder(_CutSplit)
_CUT_COLUMNS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_NAMES = msgspec.json.Decoder(list[str])
_OBJECTS = msgspec.json.Decoder(list[dict[str, Any]])
_ARRAYS = msgspec.json.Decoder(list[list[Any]])
_VALUES = msgspec.json.Decoder(list[Any])
_ANYTHING = msgspec.json.Decoder()
_PARAMS = msgspec.json.Decoder(dict[str, Any] | None)


def read_json(body: bytes, validator: Validator) -> Question:
    """A JSON body; raises `RefusedError` (400, 413, 422)."""
    source = Json(body, validator.most_values, validator.most_rows)
    question: _Body = source.decode(_BODY) if len(body) <= LARGE_BYTES else _decode_in_parts(source)
    if question.params:
        raise unfit(Fault("params", "no parameters", shown(question.params)))
    given = [name for name in _FORMS if getattr(question, name) is not None]
    if len(given) != 1:
        found = " and ".join(given) or "none of them"
        raise unfit(Fault("body", f"one of {', '.join(_FORMS)}", found))
    if question.dataframe_records is not None:
        return validator.check_records(question.dataframe_records)
    if question.dataframe_split is not None:
        return _split(question.dataframe_split, validator)
    if question.instances is not None:
        return _rows(question.instances, "instances", validator)
    if isinstance(question.inputs, dict):
        return _columns(question.inputs, validator)
    return _rows(question.inputs or [], "inputs", validator)


def read_csv(body: bytes, validator: Validator) -> Question:
    """A CSV body with a header, in UTF-8; raises `RefusedError` (400, 413, 422)."""
    lines = max(body.count(b"\n"), body.count(b"\r"))
    header = min(_MOST_NAMES, body[: max(0, body.find(b"\n"))].count(b",") + 1)
    if lines + body.count(b",") - header > validator.most_values:
        raise too_large(f"the body has more than {validator.most_values} values or lines")
    try:
        text = body.decode("utf-8-sig")
        rows = []
        # A loop rather than `list`, which would keep all other requests waiting until the last line.
        for row in csv.reader(io.StringIO(text, newline=""), strict=True):
            if row:
                rows.append(row)
                if len(rows) > validator.most_rows + 1:
                    raise too_large(f"the request has more than {validator.most_rows} rows")
    except (UnicodeDecodeError, csv.Error) as error:
        raise unreadable(f"the body is not CSV: {error}") from error
    if not rows:
        raise unreadable("the body is not CSV: it has no header")
    names, data = rows[0], rows[1:]
    _refuse_repeated(names)
    _refuse_ragged(len(names), data)
    columns = zip(*data, strict=True) if data else ([] for _ in names)
    parsers = validator.parsers
    given = {
        name: [None if text in _NULLS else parsers.get(name, str)(text) for text in values]
        for name, values in zip(names, columns, strict=True)
    }
    return validator.check_columns(given, len(data))


READERS: dict[bytes, Callable[[bytes, Validator], Question]] = {
    b"application/json": read_json,
    b"text/csv": read_csv,
    b"application/csv": read_csv,
}
"""What reads a body, by its media type."""


def _decode_in_parts(source: Json) -> _Body:
    cut: _CutBody = source.decode(_CUT_BODY)
    body = _Body(params=source.part(cut.params, _PARAMS, "params") if cut.params else None)
    if _is_given(cut.dataframe_split):
        split: _CutSplit = source.cut(cut.dataframe_split, _CUT_SPLIT, "dataframe_split")
        columns = source.part(split.columns, _NAMES, "dataframe_split.columns")
        body.dataframe_split = _Split(columns, source.array(split.data, _ARRAYS, "dataframe_split.data"))
    if _is_given(cut.dataframe_records):
        body.dataframe_records = source.array(cut.dataframe_records, _OBJECTS, "dataframe_records")
    if _is_given(cut.instances):
        body.instances = source.array(cut.instances, _VALUES, "instances")
    if _is_given(cut.inputs):
        body.inputs = _inputs_in_parts(source, cut.inputs)
    return body


def _inputs_in_parts(source: Json, raw: msgspec.Raw) -> dict[str, Any] | list[Any]:
    if not _begins(raw, b"{"):
        return source.array(raw, _VALUES, "inputs")
    columns: dict[str, msgspec.Raw] = source.cut(raw, _CUT_COLUMNS, "inputs")
    return {
        name: source.array(values, _VALUES, f"inputs.{name[:80]}")
        if _begins(values, b"[")
        else source.part(values, _ANYTHING, f"inputs.{name[:80]}")
        for name, values in columns.items()
    }


def _is_given(raw: msgspec.Raw) -> bool:
    return len(raw) > 0 and bytes(memoryview(raw)[:4]) != b"null"


def _begins(raw: msgspec.Raw, with_: bytes) -> bool:
    return bytes(memoryview(raw)[:1]) == with_


def _split(split: _Split, validator: Validator) -> Question:
    _refuse_repeated(split.columns)
    _refuse_ragged(len(split.columns), split.data)
    if len(split.data) == 1:
        return validator.check_records([dict(zip(split.columns, split.data[0], strict=True))])
    columns = zip(*split.data, strict=True)
    return validator.check_columns(dict(zip(split.columns, columns, strict=False)), len(split.data))


def _rows(rows: list[Any], form: str, validator: Validator) -> Question:
    """TensorFlow Serving's row form: objects, or arrays of values in the signature's order."""
    if all(type(row) is dict for row in rows):
        return validator.check_records(rows)
    names = validator.names
    for number, row in enumerate(rows):
        if type(row) is not list or len(row) != len(names):
            raise unfit(Fault(form, f"objects, or arrays of {len(names)} values", shown(row), number))
    return validator.check_records([dict(zip(names, row, strict=True)) for row in rows])


def _columns(inputs: dict[str, Any], validator: Validator) -> Question:
    """TensorFlow Serving's column form: an array for each column; of single values, one row."""
    if inputs and not any(type(values) is list for values in inputs.values()):
        return validator.check_records([inputs])
    rows = 0
    given = {}
    for name, values in inputs.items():
        if type(values) is not list:
            raise unfit(Fault(name[:80], "an array of values", shown(values)))
        rows = rows or len(values)
        if len(values) != rows:
            raise unfit(Fault(name[:80], f"an array of {rows} values", f"{len(values)} values"))
        given[name] = [value[0] if type(value) is list and len(value) == 1 else value for value in values]
    return validator.check_columns(given, rows)


def _refuse_repeated(names: list[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise unfit(Fault(name[:80], "each column once", "it twice"))
        seen.add(name)


def _refuse_ragged(width: int, data: list[list[Any]]) -> None:
    for number, row in enumerate(data):
        if len(row) != width:
            raise unfit(Fault("data", f"{width} values in each row", f"{len(row)} values", number))
