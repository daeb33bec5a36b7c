"""Attacks that are generated, with a seed: damaged bodies and heads, values of other types, extreme rows."""

from __future__ import annotations

import json
import random
import string
import sys
from pathlib import Path
from typing import Any

from attacks import Tool, add, attack
from attacks_wire import talk
from extremes import as_request, extreme_rows

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "serve"))
from malformed import damaged

INFER = "/v2/models/loans/infer"
_SEEDS = 3


def _bytes(tool: Tool, whole: bytes, path: str, kind: str) -> None:
    values = [json.dumps(value).encode() for value in tool.row.values()]
    tool.post_again(lambda _: damaged(whole, values, tool.source), 3_000, path, kind=kind)


def _inference(tool: Tool) -> dict[str, Any]:
    kinds = {str: "BYTES", int: "INT64", float: "FP64"}
    return {
        "inputs": [
            {"name": name, "shape": [1], "datatype": kinds[type(value)], "data": [value]}
            for name, value in tool.row.items()
        ]
    }


@attack("made-json", "damaged records")
def _made_json(tool: Tool) -> None:
    _bytes(tool, tool.records({}, {}), "/predict", "application/json")


@attack("made-csv", "damaged CSV")
def _made_csv(tool: Tool) -> None:
    row = ",".join(json.dumps(value) for value in tool.row.values())
    _bytes(tool, f"{','.join(tool.names)}\n{row}\n{row}\n".encode(), "/invocations", "text/csv")


@attack("made-v2", "damaged inference requests")
def _made_v2(tool: Tool) -> None:
    _bytes(tool, json.dumps(_inference(tool)).encode(), INFER, "application/json")


@attack("made-heads", "damaged heads and chunks")
def _made_heads(tool: Tool) -> None:
    body = tool.records()
    chunked = tool.head(0).replace(b"content-length: 0", b"transfer-encoding: chunked")
    wholes = (tool.head(body) + body, chunked + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
    parts = [b"POST", b"HTTP/1.1", b"host", b"content-length", b"chunked", b"\r\n", b":", b"application/json"]
    for number in tool.again(1_000):
        talk(tool, damaged(wholes[number % 2][:400], parts, tool.source) + wholes[number % 2][400:], 0.05, 0.3)


@attack("made-extremes", "rows of extreme values")
def _made_extremes(tool: Tool) -> None:
    rows = extreme_rows(tool.columns, tool.row, tool.source)
    for number in tool.again(3_000):
        path, kind, body = as_request(next(rows), number)
        tool.post(body.encode(errors="surrogatepass"), path, kind)


def _made_up(source: random.Random, depth: int, names: list[str]) -> Any:
    """Any JSON, of a bounded size, that likes the words which the protocols use."""
    kind = source.randrange(10 if depth else 7)
    if kind < 7:
        text = "".join(source.choices(string.printable + "\0\ud800\ufeff\u2028", k=source.randrange(12)))
        numbers = (0, -1, 2**63, 10**400, 1e308, 1.5, True, None, float("nan"), float("-inf"))
        return (text, source.choice(names), source.choice(numbers), source.choice(numbers), None, [], {})[kind]
    if kind == 7:
        return [_made_up(source, depth - 1, names) for _ in range(source.randrange(6))]
    return {source.choice(names): _made_up(source, depth - 1, names) for _ in range(source.randrange(8))}


def _register(seed: int) -> None:
    def does(tool: Tool) -> None:
        source = random.Random(seed)
        words = [
            "inputs",
            "outputs",
            "name",
            "shape",
            "datatype",
            "data",
            "parameters",
            "id",
            "dataframe_split",
            "columns",
        ]
        words += [
            "dataframe_records",
            "instances",
            "index",
            "binary_data_size",
            "BYTES",
            "INT64",
            "FP64",
            "BOOL",
            "params",
        ]
        for _ in tool.again(3_000):
            whole: Any = _made_up(source, 5, words + tool.names)
            if source.random() < 0.7:
                # Near enough to something right that it gets beyond the first look.
                whole = _inference(tool)
                place = source.choice(whole["inputs"])
                place[source.choice(list(place))] = _made_up(source, 3, words + tool.names)
            path = source.choice(("/predict", "/invocations", INFER))
            tool.post(json.dumps(whole).encode(), path)

    add(f"made-structures-{seed}", f"made-up structures of JSON, seed {seed}", does)


for _seed in range(_SEEDS):
    _register(_seed)
