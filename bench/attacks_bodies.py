"""Attacks by the body of a request: bombs, wrong encodings, values that no row should have."""

from __future__ import annotations

import gzip
import json
import struct
import zlib
from typing import TYPE_CHECKING

from attacks import Tool, add, attack

if TYPE_CHECKING:
    from collections.abc import Callable

INFER = "/v2/models/loans/infer"
_MANY = 9_000_000
"""Bytes, just below `serve.input.max_bytes`."""


def _repeated(
    name: str, about: str, body: Callable[[Tool], bytes], *, path: str = "/predict", kind: str = "application/json",
    more: tuple[str, ...] = (), most: int = 8,
) -> None:  # fmt: skip
    """Register an attack that sends one body again and again."""

    def does(tool: Tool) -> None:
        tool.post_again(tool.made, most, path, kind=kind, more=more)

    add(name, about, does, makes=body)


def _split(tool: Tool, data: bytes) -> bytes:
    return b'{"dataframe_split": {"columns": ' + json.dumps(tool.names).encode() + b', "data": [' + data + b"]}}"


def _row(tool: Tool, **values: object) -> bytes:
    return json.dumps([{**tool.row, **values}[name] for name in tool.names]).encode()


def _field(tool: Tool, name: str, text: bytes) -> bytes:
    """A record whose field has this JSON text."""
    return tool.records().replace(
        f"{json.dumps(name)}: {json.dumps(tool.row[name])}".encode(), f"{json.dumps(name)}: ".encode() + text
    )


def _tensor(tool: Tool, **more: object) -> bytes:
    """An inference request of one row, with an input that has these fields besides."""
    kinds = {str: "BYTES", int: "INT64", float: "FP64"}
    inputs = [
        {"name": name, "shape": [1], "datatype": kinds[type(value)], "data": [value]}
        for name, value in tool.row.items()
    ]
    inputs[1].update(more)
    return json.dumps({"inputs": inputs}).encode()


def _csv(tool: Tool, rest: bytes) -> bytes:
    return ",".join(tool.names).encode() + b"\n" + rest


def _full(row: bytes, count: int) -> bytes:
    return b",".join([row] * count)


def _largest(tool: Tool) -> bytes:
    row = _row(tool, note="", applied_on="2024-01-01", income=1, amount=1, credit_history_years=1, employment=None)
    return _split(tool, _full(row, min(99_000, (_MANY + 900_000) // (len(row) + 1))))


_repeated(
    "v2-shape-long",
    "a shape of 100,001 dimensions of 10^18",
    lambda t: _tensor(t, shape=[1] + [10**18] * 100_000),
    path=INFER,
)
_repeated("v2-shape-wide", "a shape of 900,000 ones", lambda t: _tensor(t, shape=[1] * 900_000), path=INFER)
_repeated("v2-shape-large", "shapes that promise 2^62 rows", lambda t: _tensor(t, shape=[2**62]), most=300, path=INFER)
_repeated(
    "v2-shape-wrong",
    "negative and fractional shapes",
    lambda t: _tensor(t, shape=[-1, 1.5, None, "1"]),
    most=300,
    path=INFER,
)
_repeated(
    "v2-shape-zero", "shapes of no rows beside rows", lambda t: _tensor(t, shape=[0], data=[]), most=300, path=INFER
)
_repeated(
    "v2-data-deep",
    "data nested 400,000 deep",
    lambda t: _tensor(t).replace(b"[45]", b"[" * 400_000 + b"]" * 400_000),
    path=INFER,
)
_repeated(
    "v2-inputs-many",
    "100,000 inputs",
    lambda _: json.dumps(
        {"inputs": [{"name": f"x{n}", "shape": [1], "datatype": "INT64", "data": [1]} for n in range(100_000)]}
    ).encode(),
    path=INFER,
)
_repeated(
    "v2-inputs-same",
    "one input 50,000 times",
    lambda t: json.dumps({"inputs": json.loads(_tensor(t))["inputs"] * 5_000}).encode(),
    path=INFER,
)
_repeated(
    "v2-outputs-many",
    "200,000 outputs asked for",
    lambda t: json.dumps({**json.loads(_tensor(t)), "outputs": [{"name": "prediction"}] * 200_000}).encode(),
    path=INFER,
)
_repeated(
    "v2-id-long",
    "an id of 9 MB, which the answer repeats",
    lambda t: json.dumps({**json.loads(_tensor(t)), "id": "x" * _MANY}).encode(),
    path=INFER,
)
_repeated(
    "v2-parameters",
    "parameters of 9 MB",
    lambda t: json.dumps({**json.loads(_tensor(t)), "parameters": {"a": ["b"] * 1_800_000}}).encode(),
    path=INFER,
)
_repeated(
    "v2-datatypes",
    "datatypes that there are not",
    lambda t: _tensor(t, datatype="FP8E4M3\x1b[2J" * 100),
    most=300,
    path=INFER,
)
_repeated("csv-empty-lines", "9,000,000 empty lines", lambda t: _csv(t, b"\n" * _MANY), kind="text/csv")
_repeated("csv-commas", "a line of 9,000,000 commas", lambda t: _csv(t, b"," * _MANY), kind="text/csv")
_repeated(
    "csv-open-quote",
    "a quote that never closes, 9 MB",
    lambda t: _csv(t, b'"' + b"x,\n" * (_MANY // 3)),
    kind="text/csv",
)
_repeated("csv-quotes", "9,000,000 quotes", lambda t: _csv(t, b'"' * _MANY), kind="text/csv")
_repeated(
    "csv-columns",
    "a header of 1,000,000 columns",
    lambda _: b",".join(b"c%d" % n for n in range(1_000_000)) + b"\n1\n",
    kind="text/csv",
)
_repeated(
    "csv-returns",
    "4,500,000 lone carriage returns and NULs",
    lambda t: _csv(t, b"\r\0" * (_MANY // 2)),
    kind="text/csv",
)
_repeated(
    "csv-one-column", "2,000,000 rows of one short column", lambda _: b"age\n" + b"1\n" * 2_000_000, kind="text/csv"
)
_repeated("text-long", "a text of 9 MB", lambda t: t.records({"note": "x" * _MANY}))
_repeated("text-escapes", "a text of 1,500,000 escaped NULs", lambda t: t.records({"note": "\0" * 1_500_000}))
_repeated(
    "text-words",
    "a text of 1,500,000 different words",
    lambda t: t.records({"note": " ".join(f"{n:x}" for n in range(1_300_000))}),
)
_repeated(
    "texts-many", "4,000 rows with texts of 2 kB", lambda t: t.records(*[{"note": f"{n} " * 500} for n in range(3_500)])
)
_repeated(
    "objects-empty",
    "100,000 empty rows in 0.3 MB",
    lambda _: b'{"dataframe_records": [' + _full(b"{}", 100_000) + b"]}",
)
_repeated(
    "objects-empty-more",
    "3,000,000 empty rows in 9 MB",
    lambda _: b'{"dataframe_records": [' + _full(b"{}", 2_990_000) + b"]}",
)
_repeated("rows-empty", "2,900,000 empty lists as rows", lambda t: _split(t, _full(b"[]", 2_900_000)))
_repeated("rows-null", "1,700,000 nulls as rows", lambda t: _split(t, _full(b"null", 1_700_000)))
_repeated("rows-largest", "90,000 good rows, the most that fit", _largest)
_repeated(
    "rows-bad",
    "80,000 rows with eleven faults each",
    lambda t: _split(t, _full(b'["x",' + b'"y",' * 9 + b"{}]", 100_000)),
)
_repeated("deep-lists", "4,500,000 lists in each other, never closed", lambda _: b"[" * 4_500_000, most=20)
_repeated(
    "deep-lists-closed",
    "100,000 lists in each other",
    lambda t: _field(t, "note", b"[" * 100_000 + b"]" * 100_000),
    most=100,
)
_repeated("deep-objects", "1,500,000 objects in each other", lambda _: b'{"a":' * 1_500_000, most=20)
_repeated("number-long", "an integer of 9,000,000 digits", lambda t: _field(t, "age", b"9" * _MANY))
_repeated("number-400-digits", "an integer of 400 digits", lambda t: _field(t, "age", b"9" * 400), most=500)
_repeated("number-huge", "1e400, and 1e999999999999", lambda t: _field(t, "income", b"1e999999999999"), most=500)
_repeated("number-digits", "a fraction of 9,000,000 digits", lambda t: _field(t, "income", b"0." + b"3" * _MANY))
_repeated(
    "number-nan",
    "NaN and Infinity where numbers belong",
    lambda t: _split(t, _full(_row(t, income=float("nan"), amount=float("inf")), 5_000)),
    most=40,
)
_repeated(
    "keys-same", "one key 600,000 times", lambda t: b"{" + b'"dataframe_records": [],' * 350_000 + t.records()[1:]
)
_repeated(
    "keys-many",
    "500,000 unknown columns in a row",
    lambda _: b'{"dataframe_records": [{' + b",".join(b'"k%d":1' % n for n in range(500_000)) + b"}]}",
)
_repeated(
    "keys-escapes",
    "unknown columns that clear a terminal",
    lambda t: t.records({"\x1b[2J\x1b]0;owned\x07" * 20: 1, "\r\n\r\nHTTP/1.1 200 OK": 2}),
    most=300,
)
_repeated("keys-long", "a column's name of 9 MB", lambda t: t.records({"k" * _MANY: 1}))
_repeated(
    "columns-many",
    "100,000 columns in a split",
    lambda _: json.dumps(
        {"dataframe_split": {"columns": [f"c{n}" for n in range(100_000)], "data": [[1] * 100_000]}}
    ).encode(),
)
_repeated(
    "columns-same",
    "100,000 times the same column",
    lambda _: json.dumps({"dataframe_split": {"columns": ["age"] * 100_000, "data": [[1] * 100_000]}}).encode(),
)
_repeated(
    "nul-values",
    "NUL and other control characters in values",
    lambda t: t.records(*[{"purpose": "\0car", "note": "\0\x1b[2J\x7f\x85"}] * 50),
    most=200,
)
_repeated("surrogates", "lone surrogates in texts", lambda t: _field(t, "note", b'"\\ud800"'), most=300)
_repeated(
    "surrogate-keys",
    "lone surrogates as names of columns",
    lambda t: t.records({"x": 1}).replace(b'"x"', b'"\\udfff"'),
    most=300,
)
_repeated("utf-16", "UTF-16 without saying so", lambda t: t.records().decode().encode("utf-16"), most=300)
_repeated(
    "charset-wrong",
    "a charset that there is not",
    lambda t: t.records(),
    kind="application/json; charset=utf-7\x1b",
    most=300,
)
_repeated(
    "charset-utf-16",
    "UTF-16, and saying so",
    lambda t: t.records().decode().encode("utf-16"),
    kind="application/json; charset=utf-16",
    most=300,
)
_repeated("bom", "a byte order mark before JSON", lambda t: b"\xef\xbb\xbf" + t.records(), most=300)
_repeated(
    "bom-csv", "a byte order mark before CSV", lambda t: b"\xef\xbb\xbf" + _csv(t, b"1"), kind="text/csv", most=300
)
_repeated(
    "bytes-invalid",
    "9 MB that are no UTF-8",
    lambda _: b'{"dataframe_records": "' + b"\xff\xc0\x80" * (_MANY // 3) + b'"}',
)
_repeated(
    "gzip-bomb",
    "5 MB of gzip that holds 5 GB",
    lambda _: gzip.compress(b"[" * 50_000_000, 6) * 100,
    more=("content-encoding: gzip",),
)
_repeated(
    "deflate-bomb",
    "deflated 200 MB",
    lambda _: zlib.compress(b"[" * 200_000_000, 1),
    more=("content-encoding: deflate",),
)
_repeated(
    "encoding-unknown",
    "content encodings that there are not",
    lambda t: t.records(),
    more=("content-encoding: " + "br, " * 500 + "x",),
    most=300,
)
_repeated(
    "multipart",
    "100,000 parts of a form",
    lambda _: b"--x\r\ncontent-disposition: form-data; name=a\r\n\r\n1\r\n" * 100_000 + b"--x--",
    kind="multipart/form-data; boundary=x",
)
_repeated("form", "a form of 1,000,000 fields", lambda _: b"a=1&" * 1_000_000, kind="application/x-www-form-urlencoded")
_repeated("type-none", "no content type, or one of 60 kB", lambda t: t.records(), kind="a/" + "b" * 8_000, most=300)
_repeated("empty", "no body at all", lambda _: b"", most=500)
_repeated("cut", "9 MB of good rows without their end", lambda t: _largest(t)[:-40])
_repeated("two-documents", "a document after the document", lambda t: t.records() * 3, most=300)
_repeated(
    "inputs-ragged",
    "columns of other lengths, one of 1,000,000",
    lambda t: json.dumps({"inputs": {**{n: [1] for n in t.names}, "age": [1] * 1_000_000}}).encode(),
)
_repeated(
    "instances-nested",
    "instances as lists in lists",
    lambda t: json.dumps({"instances": [[[list(t.row.values())]] * 100] * 100}).encode(),
)
_repeated(
    "dates-odd",
    "30,000 different dates",
    lambda t: _split(
        t,
        b",".join(
            _row(
                t,
                note="",
                applied_on=f"{1 + n % 9998:04}-0{1 + n % 9}-1{n % 10}T{n % 24:02}:00:{n % 60:02}.{n:06}+1{n % 4}:00",
            )
            for n in range(30_000)
        ),
    ),
)
_repeated(
    "categories-odd",
    "30,000 values that no category has",
    lambda t: _split(t, b",".join(_row(t, note="", employment=f"{n}" * 10) for n in range(30_000))),
)


@attack("binary-tensors", "the binary extension: sizes that lie, offsets beyond, headers that lie")
def _binary(tool: Tool) -> None:
    for number in tool.again(400):
        body = json.loads(_tensor(tool))
        data = body["inputs"][1].pop("data")
        size = tool.source.choice((8, 0, -1, 2**31, 2**63, "8", None, 1.5))
        body["inputs"][1]["parameters"] = {"binary_data_size": size}
        head = json.dumps(body).encode()
        said = tool.source.choice((len(head), 0, -1, len(head) + 10**9, "x", len(head) // 2))
        raw = struct.pack("<q", data[0]) * (1 + number % 3)
        tool.post(head + raw, INFER, "application/octet-stream", [f"inference-header-content-length: {said}"])


@attack("binary-strings", "binary strings whose lengths lie")
def _binary_strings(tool: Tool) -> None:
    for _ in tool.again(300):
        body = json.loads(_tensor(tool))
        body["inputs"][5].pop("data")
        raw = struct.pack("<I", tool.source.choice((0, 3, 2**31, 2**32 - 1))) + b"car"
        body["inputs"][5]["parameters"] = {"binary_data_size": len(raw)}
        head = json.dumps(body).encode()
        more = [f"inference-header-content-length: {len(head)}"]
        tool.post(head + raw, INFER, tool.source.choice(("application/octet-stream", "application/json")), more)
