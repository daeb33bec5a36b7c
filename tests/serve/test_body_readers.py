"""What readers make of a body, called directly: CSV as pandas reads it, tensors as the protocol defines them."""

from __future__ import annotations

import gzip
import io
import json
import struct
import zlib
from itertools import product
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest

from modelway.records.bundle import SignatureColumn
from modelway.records.data import ColumnType, Task
from modelway.records.serve import InputOptions
from modelway.serve.answers import Answer
from modelway.serve.bodies import decompress
from modelway.serve.inference import InferenceRequest, read_inference, write_inference
from modelway.serve.refusals import RefusedError
from modelway.serve.scoring import read_csv, read_json
from modelway.serve.validation import Validator

KINDS = {"n": ColumnType.INTEGER, "x": ColumnType.NUMBER, "t": ColumnType.TEXT, "b": ColumnType.BOOLEAN}
READ = {"n": int, "x": float, "t": str, "b": lambda text: text.lower() == "true"}
BOM = "\ufeff"


def _validator(names: str = "nxtb", **options: Any) -> Validator:
    columns = [SignatureColumn(name=name, type=KINDS[name], nullable=True) for name in names]
    return Validator(SimpleNamespace(columns=columns), InputOptions(**options))


def _outcome(read: Any, body: bytes, validator: Validator) -> Any:
    """The columns, or how the body is refused."""
    try:
        question = read(body, validator)
    except RefusedError as error:
        faults = [(one.field, one.expected.removesuffix(" | null"), one.found, one.row) for one in error.faults]
        return error.status, faults
    return question.columns, question.rows


class TestCsv:
    @pytest.mark.parametrize(
        "text",
        [
            "n,x,t,b\n1,2.5,one,true\n2,3,two,FALSE\n",
            f"{BOM}n,x,t,b\n1,2.5,one,true\n",
            f'{BOM}"n","x","t","b"\r\n1,2.5,one,true\r\n',
            f"{BOM}t,n,x,b\n{BOM}one,1,2.5,true\n",
            "n,x,t,b\n1,2.5,one,true",
            "n,x,t,b\r1,2.5,one,true\r2,3,two,false\r",
            "n,x,t,b\n\n1,2.5,one,true\n\n\n2,3,two,false\n\n",
            'n,x,t,b\n1,2.5,"a ""b"", c\nd\r\ne",true\n2,3," kept ",false\n',
            "n,x,t,b\nNA,NaN,null,\n,NA,NaN,null\nnull,,NA,NaN\n",
            "n,x,t,b\n1,1,nan,true\n1,1,N/A,true\n1,1,None,true\n1,1,NULL,true\n",
            "b,t,x,n\ntrue,Köln 中文,1e3,-7\n",
            "t\nx\n\ny\n",
            "x,n\n-0.0,0\n1e-300,9007199254740993\n",
        ],
    )
    def test_csv_gives_the_rows_that_pandas_reads(self, text: str) -> None:
        body = text.encode()
        table = pd.read_csv(
            io.BytesIO(body), dtype=str, keep_default_na=False, na_values=["", "NA", "NaN", "null"], encoding="utf-8"
        )
        expected: dict[str, list[Any]] = {name: [None] * len(table) for name in KINDS}
        for name in table.columns:
            expected[name] = [None if pd.isna(value) else READ[name](value) for value in table[name]]
        assert _outcome(read_csv, body, _validator()) == (expected, len(table))

    @pytest.mark.parametrize("mark", ["", BOM])
    @pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\n"])
    def test_csv_of_as_many_rows_and_values_as_allowed_is_read_and_one_more_is_refused(
        self, mark: str, end: str
    ) -> None:
        rows = "\n".join(["1,2.5"] * 9)
        body = f"{mark}n,x\n{rows}{end}".encode()
        assert _outcome(read_csv, body, _validator("nx", max_rows=9))[1] == 9
        assert _outcome(read_csv, body, _validator("nx", max_rows=8))[0] == 413
        lines = body.count(b"\n") - 9  # an empty line counts as a value
        assert _outcome(read_csv, body, _validator("nx", max_values=2 * 9 + max(0, lines - 1)))[1] == 9
        assert _outcome(read_csv, body, _validator("nx", max_values=2 * 9 - 2))[0] == 413

    @pytest.mark.parametrize(
        ("body", "status", "field", "row"),
        [
            (b"n,x\n", 422, "rows", None),
            (b"", 400, None, None),
            (b"\n\n", 400, None, None),
            (b"n,n\n1,2\n", 422, "n", None),
            (b"n,x\n1,2\n1\n", 422, "data", 1),
            (b"n,x\n1,2\n\n1,2,3\n", 422, "data", 1),
            (b'n,x\n1,"2\n', 400, None, None),
            (b"n,t\n1,\xff\n", 400, None, None),
            (b"n,x\n1,2\nz,2\n", 422, "n", 1),
            (b"n,shoe\n1,2\n", 422, "shoe", None),
        ],
    )
    def test_csv_that_does_not_fit_is_refused_by_place(self, body, status, field, row) -> None:
        found, faults = _outcome(read_csv, body, _validator())
        assert found == status
        assert field is None or (faults[0][0], faults[0][3]) == (field, row)


ROW = {"n": 1, "x": 2.5, "t": "one", "b": True}
OTHER = {"n": None, "x": 3, "t": "two", "b": False}
BODIES: tuple[Any, ...] = (
    {"dataframe_records": [ROW, OTHER]},
    {"dataframe_records": [ROW], "params": {}},
    {"dataframe_records": [ROW], "params": None, "inputs": None},
    {"dataframe_records": [ROW], "params": {"a": 1}},
    {"dataframe_records": [ROW], "other": 1},
    {"dataframe_records": []},
    {"dataframe_records": [ROW, 7]},
    {"dataframe_records": {"n": 1}},
    {"dataframe_split": {"columns": list(ROW), "data": [list(ROW.values()), list(OTHER.values())]}},
    {"dataframe_split": {"index": [5], "columns": ["x", "n"], "data": [[1, 2]]}},
    {"dataframe_split": {"columns": ["x", "x"], "data": [[1, 2]]}},
    {"dataframe_split": {"columns": ["x", "n"], "data": [[1, 2], [1]]}},
    {"dataframe_split": {"columns": ["x"]}},
    {"instances": [ROW, OTHER]},
    {"instances": [list(ROW.values()), list(OTHER.values())]},
    {"instances": [list(ROW.values()), [1]]},
    {"instances": [ROW], "inputs": [ROW]},
    {"inputs": [ROW, OTHER]},
    {"inputs": {"n": [1, 2], "x": [[2.5], [3]]}},
    {"inputs": {"n": [1, 2], "x": [2.5]}},
    {"inputs": {"n": [1, 2], "x": 2.5}},
    {"inputs": ROW},
    {"inputs": {}},
    {"inputs": []},
    {},
    [],
)


@pytest.mark.parametrize("body", BODIES, ids=str)
def test_json_with_much_space_behind_it_says_the_same_as_without(body: Any) -> None:
    """It is decoded in parts then."""
    text = json.dumps(body).encode()
    small, large = (_outcome(read_json, text + space, _validator()) for space in (b"", b" " * 70_000))
    assert small == large
    assert _outcome(read_json, BOM.encode() + text, _validator()) == small


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_each_form_of_json_gives_the_same_columns(rows: int) -> None:
    given = [ROW, OTHER, ROW][:rows]
    columns = {name: [row[name] for row in given] for name in ROW}
    order = ["t", "b", "x", "n"]
    for body in (
        {"dataframe_records": given},
        {"dataframe_split": {"columns": order, "data": [[row[name] for name in order] for row in given]}},
        {"instances": given},
        {"instances": [list(row.values()) for row in given]},
        {"inputs": given},
        {"inputs": columns},
        {"inputs": {name: [[value] for value in values] for name, values in columns.items()}},
    ):
        assert _outcome(read_json, json.dumps(body).encode(), _validator()) == (columns, rows)
        assert _outcome(read_json, json.dumps(body).encode(), _validator(max_rows=rows)) == (columns, rows)
        assert _outcome(read_json, json.dumps(body).encode(), _validator(max_rows=rows - 1 or 1))[-1] == (
            rows if rows == 1 else []
        )


class TestCompressed:
    @pytest.mark.parametrize("encoding", [b"gzip", b"x-gzip", b"GZIP", b" gzip ", b"deflate"])
    @pytest.mark.parametrize("size", [0, 1, 99, 100, 101, 10_000])
    def test_decompress_gives_what_was_compressed_up_to_the_limit(self, encoding: bytes, size: int) -> None:
        body = bytes(index % 251 for index in range(size))
        content = (zlib if encoding == b"deflate" else gzip).compress(body)
        if size <= 100:
            assert decompress(content, encoding, 100) == body
        else:
            with pytest.raises(RefusedError) as refused:
                decompress(content, encoding, 100)
            assert refused.value.status == 413
        for spoiled in (content[:-1], content + b"x", content + content, content[:2]):
            with pytest.raises(RefusedError) as refused:
                decompress(spoiled, encoding, 100)
            assert refused.value.status == (413 if size > 100 and len(spoiled) > 2 else 400)

    def test_decompress_of_another_encoding_is_refused(self) -> None:
        with pytest.raises(RefusedError) as refused:
            decompress(b"x", b"br", 100)
        assert refused.value.status == 415


GENERAL: tuple[Any, ...] = (None, {}, {"binary_data_output": False}, {"binary_data_output": True}, {"other": True})
OWN: tuple[Any, ...] = (None, {}, {"binary_data": False}, {"binary_data": True}, {"other": 1})
CLASSES = ("no", "yes", "Köln")
ANSWER = Answer(["Köln", "no"], [[0.1, 0.2, 0.7], [0.5, 0.3, 0.2]])
VALUES = {"prediction": ANSWER.predictions, "probability": [0.1, 0.2, 0.7, 0.5, 0.3, 0.2]}


def _read_outputs(body: bytes, headers: dict[bytes, bytes]) -> dict[str, tuple[bool, list[Any]]]:
    """Each output's values as a client of the protocol reads them, and whether they are binary."""
    length = headers.get(b"inference-header-content-length")
    head, rest = (body, b"") if length is None else (body[: int(length)], body[int(length) :])
    assert headers[b"content-type"] == (b"application/json" if length is None else b"application/octet-stream")
    found: dict[str, tuple[bool, list[Any]]] = {}
    for output in json.loads(head)["outputs"]:
        if "data" in output:
            assert "parameters" not in output
            found[output["name"]] = False, output["data"]
            continue
        content, rest = (
            rest[: output["parameters"]["binary_data_size"]],
            rest[output["parameters"]["binary_data_size"] :],
        )
        values: list[Any] = []
        if output["datatype"] == "FP64":
            values = list(struct.unpack(f"<{len(content) // 8}d", content))
        while output["datatype"] == "BYTES" and content:
            (size,) = struct.unpack_from("<I", content)
            values.append(content[4 : 4 + size].decode())
            content = content[4 + size :]
        found[output["name"]] = True, values
    assert rest == b""
    return found


class TestOutputs:
    """An output's own `binary_data` goes before the request's `binary_data_output`, both ways."""

    @pytest.mark.parametrize(("general", "first", "second"), list(product(GENERAL, OWN, OWN)))
    def test_each_output_comes_in_binary_where_it_or_else_the_request_says_so(self, general, first, second) -> None:
        own = {"probability": first, "prediction": second}
        for listed in ((), ("probability",), ("prediction",), ("probability", "prediction")):
            outputs = [{"name": name, "parameters": own[name]} for name in listed]
            request = msgspec.convert({"inputs": [], "parameters": general, "outputs": outputs}, InferenceRequest)
            model = SimpleNamespace(task=Task.CLASSIFICATION, classes=CLASSES, name="loans", version="3")
            body, headers = write_inference(request, model, ANSWER)
            found = _read_outputs(body, dict(headers))
            default = bool((general or {}).get("binary_data_output", False))
            expected = {}
            for name in listed or ("prediction", "probability"):
                given = (own[name] or {}) if name in listed else {}
                expected[name] = given.get("binary_data", default), VALUES[name]
            assert found == expected


DATATYPES = {
    "INT8": ("b", [-128, 127]), "INT16": ("h", [-(2**15), 2**15 - 1]), "INT32": ("i", [-(2**31), 2**31 - 1]),
    "INT64": ("q", [-(2**63), 2**63 - 1]), "UINT8": ("B", [0, 255]), "UINT16": ("H", [0, 2**16 - 1]),
    "UINT32": ("I", [0, 2**32 - 1]), "UINT64": ("Q", [0, 2**64 - 1]), "FP16": ("e", [-2.5, 65504.0]),
    "FP32": ("f", [-2.5, 2.0**100]), "FP64": ("d", [-0.1, 1e300]),
}  # fmt: skip


class TestInputs:
    @pytest.mark.parametrize("datatype", DATATYPES)
    def test_binary_tensors_of_each_datatype_are_read_next_to_others(self, datatype: str) -> None:
        form, values = DATATYPES[datatype]
        content = struct.pack(f"<2{form}", *values)
        assert np.frombuffer(content, np.dtype(f"<{form}")).tolist() == values
        tensors = [
            {"name": "x", "shape": [2], "datatype": datatype, "parameters": {"binary_data_size": len(content)}},
            {"name": "n", "shape": [2, 1], "datatype": "INT32", "data": [[7], [8]]},
            {"name": "b", "shape": [2], "datatype": "BOOL", "parameters": {"binary_data_size": 2}},
        ]
        head = json.dumps({"inputs": tensors}).encode()
        body = head + content + b"\x01\x00"
        _, question = read_inference(body, b"%d" % len(head), _validator("xnb"))
        assert question.columns == {
            "x": [float(value) if abs(value) >= 2**63 else value for value in values],
            "n": [7, 8],
            "b": [True, False],
        }
        for spoiled in (body[:-1], body + b"x"):
            with pytest.raises(RefusedError):
                read_inference(spoiled, b"%d" % len(head), _validator("xnb"))

    def test_a_large_request_says_the_same_as_a_small_one(self) -> None:
        """Its parts are decoded one by one; none may be left out."""
        tensors = [
            {"name": "n", "shape": [2], "datatype": "INT64", "data": [1, None], "parameters": {"a": 1}},
            {"name": "x", "shape": [2], "datatype": "FP64", "parameters": {"binary_data_size": 16}},
        ]
        outputs = [{"name": "probability", "parameters": {"binary_data": True}}, {"name": "prediction"}]
        given = {"id": "mine", "inputs": tensors, "outputs": outputs, "parameters": {"binary_data_output": True}}
        head, binary = json.dumps(given).encode(), struct.pack("<2d", 0.5, 1.5)
        found = []
        for space in (b"", b" " * 70_000):
            content = head + space
            request, question = read_inference(content + binary, b"%d" % len(content), _validator("nx"))
            found.append((msgspec.to_builtins(request), question))
        assert found[0] == found[1]
        assert found[0][0]["id"] == "mine"
        assert found[0][1].columns == {"n": [1, None], "x": [0.5, 1.5]}
