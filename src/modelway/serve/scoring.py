"""MLflow's scoring protocol (mlflow.org/docs/latest/ml/deployment): bodies of `/invocations` into checked columns."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import msgspec

from modelway.serve.refusals import Fault, RefusedError, shown, unfit, unreadable

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelway.serve.validation import Question, Validator

_NULLS = frozenset({"", "NA", "NaN", "null"})
"""What stands for a missing value in CSV, as in the settings' `null_values`."""
_FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")


class _Split(msgspec.Struct):
    """pandas' `split` orientation."""

    columns: list[str]
    data: list[list[Any]]
    index: Any = None


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    dataframe_split: _Split | None = None
    dataframe_records: list[dict[str, Any]] | None = None
    instances: list[Any] | None = None
    inputs: dict[str, Any] | list[Any] | None = None
    params: dict[str, Any] | None = None


_DECODER = msgspec.json.Decoder(_Body)


def read_json(body: bytes, validator: Validator) -> Question:
    """A JSON body; raises `RefusedError` (400, 413, 422)."""
    question = _decoded(body)
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
    """A CSV body with a header; raises `RefusedError` (400, 413, 422)."""
    try:
        text = body.decode("utf-8-sig")
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise unreadable(f"the body is no CSV: {error}") from error
    if not rows:
        raise unreadable("the body is no CSV: it has no header")
    names, data = rows[0], [row for row in rows[1:] if row]
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


def decode(body: bytes, decoder: msgspec.json.Decoder[Any]) -> Any:
    """A JSON body of a known form; raises `RefusedError` (400 where it is no JSON, 422 where it has another form).

    JSON has no NaN, but Python's own encoder writes it; such a body is read again, more slowly.
    """
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _other_form(error) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        if b"NaN" not in body and b"Infinity" not in body:
            raise unreadable(f"the body is no JSON: {error}") from error
    except RecursionError as error:
        raise unreadable("the body is nested too deeply") from error
    try:
        found = json.loads(body)
        # Python also takes half a surrogate pair for text, which no answer and no log could hold.
        json.dumps(found, ensure_ascii=False).encode()
        return msgspec.convert(found, decoder.type)
    except msgspec.ValidationError as error:
        raise _other_form(error) from error
    except (ValueError, RecursionError) as error:
        raise unreadable(f"the body is no JSON: {error}") from error


def _decoded(body: bytes) -> _Body:
    found: _Body = decode(body, _DECODER)
    return found


def _other_form(error: msgspec.ValidationError) -> RefusedError:
    """The refusal for what msgspec says: `Expected X, got Y - at `$.place``."""
    text, _, place = str(error).partition(" - at ")
    expected, _, found = text.removeprefix("Expected ").partition(", got ")
    return unfit(Fault(place.strip("`").removeprefix("$.") or "body", expected.strip("`"), found.strip("`") or text))


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
            raise unfit(Fault(name, "an array of values", shown(values)))
        rows = rows or len(values)
        if len(values) != rows:
            raise unfit(Fault(name, f"an array of {rows} values", f"{len(values)} values"))
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
