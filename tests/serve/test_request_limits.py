"""Requests exactly at a limit of `serve.input`, and one beyond, in every form that a body may have."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from typing import Any

import pytest

from modelway.records.bundle import Signature, SignatureColumn
from modelway.records.data import ColumnType, Task
from modelway.records.serve import InputOptions
from modelway.serve.inference import read_inference
from modelway.serve.refusals import RefusedError
from modelway.serve.scoring import read_csv, read_json
from modelway.serve.validation import Validator
from modelway.serve.values import UnfitValueError, compile_convert

SIGNATURE = Signature(
    task=Task.REGRESSION,
    target="y",
    columns=tuple(SignatureColumn(name=name, type=ColumnType.INTEGER, nullable=False) for name in ("a", "b")),
    outputs=(),
)


def _json(**body: Any) -> bytes:
    return json.dumps(body).encode()


def _tensors(rows: int, *, width: bool = False) -> bytes:
    shape = [rows, 1] if width else [rows]
    data: list[Any] = [[1]] * rows if width else [1] * rows
    return _json(inputs=[{"name": name, "shape": shape, "datatype": "INT64", "data": data} for name in ("a", "b")])


def _infer(body: bytes, validator: Validator) -> Any:
    return read_inference(body, None, validator)[1]


Reader = Callable[[bytes, Validator], Any]
FORMS: dict[str, tuple[Reader, Callable[[int], bytes]]] = {
    "records": (read_json, lambda rows: _json(dataframe_records=[{"a": 1, "b": 2}] * rows)),
    "split": (read_json, lambda rows: _json(dataframe_split={"columns": ["a", "b"], "data": [[1, 2]] * rows})),
    "objects": (read_json, lambda rows: _json(instances=[{"a": 1, "b": 2}] * rows)),
    "arrays": (read_json, lambda rows: _json(instances=[[1, 2]] * rows)),
    "inputs by row": (read_json, lambda rows: _json(inputs=[{"a": 1, "b": 2}] * rows)),
    "inputs by column": (read_json, lambda rows: _json(inputs={"a": [1] * rows, "b": [2] * rows})),
    "CSV": (read_csv, lambda rows: b"a,b\n" + b"1,2\n" * rows),
    "CSV without a last line break": (read_csv, lambda rows: (b"a,b\n" + b"1,2\n" * rows).removesuffix(b"\n")),
    "CSV of Windows": (read_csv, lambda rows: b"a,b\r\n" + b"1,2\r\n" * rows),
    "tensors": (_infer, _tensors),
    "tensors of two dimensions": (_infer, lambda rows: _tensors(rows, width=True)),
}


@pytest.fixture(params=["small", "in parts"])
def size(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bodies that are decoded at once, or in parts as large ones are."""
    if request.param == "in parts":
        for module in ("decoding", "scoring", "inference"):
            monkeypatch.setattr(f"modelway.serve.{module}.LARGE_BYTES", 0)


def outcome(read: Reader, body: bytes, **options: int) -> int:
    """The rows that are read, or the status of the refusal."""
    try:
        return int(read(body, Validator(SIGNATURE, InputOptions(**options))).rows)
    except RefusedError as error:
        return error.status


@pytest.mark.usefixtures("size")
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("rows", "most", "result"),
    [(1, 1, 1), (2, 1, 413), (7, 7, 7), (8, 7, 413), (9, 7, 413), (250, 250, 250), (251, 250, 413), (0, 7, 422)],
)
def test_max_rows(form: str, rows: int, most: int, result: int) -> None:
    read, write = FORMS[form]
    found = outcome(read, write(rows), max_rows=most)
    assert found == result or (rows == 0 and found in {400, 422})


@pytest.mark.usefixtures("size")
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("rows", [1, 50])
def test_max_values_takes_as_many(form: str, rows: int) -> None:
    """Commas and line breaks are counted for values, so a body may hold a few more; it never may hold fewer."""
    read, write = FORMS[form]
    spare = {_infer: 30}.get(read, 3 if form == "split" else 0)  # names of columns and of tensors are values, too
    assert outcome(read, write(rows), max_values=2 * rows + spare) == rows
    assert outcome(read, write(100), max_values=100) == 413


@pytest.mark.parametrize(("most", "result"), [(6, 3), (5, 413)])
def test_max_values_of_csv_is_exact(most: int, result: int) -> None:
    assert outcome(read_csv, b"a,b\n" + b"1,2\n" * 3, max_values=most) == result
    assert outcome(read_csv, b"a,b\n" + b"1,2\n" * 2 + b"\n" * 2, max_values=most) == (2 if most == 6 else 413)


@pytest.mark.usefixtures("size")
@pytest.mark.parametrize(("faults", "most", "named", "more"), [(2, 3, 2, 0), (3, 3, 3, 0), (4, 3, 3, 1), (1, 1, 1, 0)])
def test_max_faults(faults: int, most: int, named: int, more: int) -> None:
    body = _json(dataframe_records=[{"a": "x", "b": 2}] * faults + [{"a": 1, "b": 2}])
    with pytest.raises(RefusedError) as caught:
        read_json(body, Validator(SIGNATURE, InputOptions(max_faults=most)))
    assert (caught.value.status, len(caught.value.faults), caught.value.more) == (422, named, more)


WHOLE, NUMBER, DATE = ColumnType.INTEGER, ColumnType.NUMBER, ColumnType.DATE
_MOST = sys.float_info.max
VALUES: list[tuple[ColumnType, float | None, float | None, tuple[Any, ...], tuple[Any, ...]]] = [
    (WHOLE, 0, 100, (0, 100, 0.0, 100.0), (-1, 101, 100.5, -0.5)),
    (WHOLE, None, 7, (7, -(2**63)), (8, -(2**63) - 1)),
    (WHOLE, 7, None, (7, 2**63 - 1), (6, 2**63)),
    (WHOLE, 7, 7, (7, 7.0), (6, 8)),
    (NUMBER, -1.5, 2.5, (-1.5, 2.5, -1, 2), (-1.6, 2.6, -2, 3)),
    (NUMBER, None, None, (_MOST, -_MOST, 2**64), (math.inf, -math.inf, math.nan)),
    (
        DATE,
        None,
        None,
        ("0001-01-01", "9999-12-31T23:59:59.999999"),
        ("0001-01-01T00:00+01:00", "9999-12-31T23:00-01:00"),
    ),
]
"""Of a column's type, minimum and maximum: values exactly at a limit, and the nearest beyond."""


@pytest.mark.parametrize(("kind", "least", "most", "fit", "unfit"), VALUES)
def test_value_at_the_minimum_or_maximum_is_taken_and_one_beyond_is_not(
    kind: ColumnType, least: float | None, most: float | None, fit: tuple[Any, ...], unfit: tuple[Any, ...]
) -> None:
    column = SignatureColumn(name="a", type=kind, nullable=False, min=least, max=most)
    convert = compile_convert(column, nan_is_missing=False)
    for value in fit:
        assert kind is DATE or convert(value) == value
        convert(value)
    for value in unfit:
        with pytest.raises(UnfitValueError):
            convert(value)
