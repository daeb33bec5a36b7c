"""What is wrong in a JSON Lines file is refused with line, column, value and remedy."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

ROW = {"id": 1, "x": 0.5, "flag": True, "kind": "red", "note": "hello", "day": "2026-01-01", "y": "yes"}


def line(**changes: Any) -> bytes:
    return json.dumps(ROW | changes).encode() + b"\n"


LINES = line() * 2
AT_LINE = "data.jsonl, line 3"
JSON_CASES = {
    "empty file": (b"", "is empty", "data.jsonl", "Remove it"),
    "blank file": (b"\n\n", "is empty", "data.jsonl", "Remove it"),
    "torn line": (LINES + line()[:30], "torn", AT_LINE, "Write it again"),
    "no object": (LINES + b"[1]\n", "no JSON object", AT_LINE, "a line"),
    "no object first": (b"[1]\n", "no JSON object", "data.jsonl, line 1", "a line"),
    "latin-1 bytes": (LINES + line().replace(b"hello", b"gr\xfcn"), "not UTF-8", AT_LINE, "UTF-8"),
    "doubled key": (LINES + line()[:-2] + b', "x": 1}\n', "duplicate key 'x'", AT_LINE, "again"),
    "missing column": (b'{"x": 1, "y": "a"}\n', "'id' is missing", "data.jsonl", "columns"),
    "missing target": (b'{"x": 1, "id": 1}\n', "'y' is missing", "data.jsonl", "columns"),
    "unlisted key": (LINES + line(zebra=1), "'zebra' is not declared", "data.jsonl", "prepare.ignore"),
    "unlisted nested key": (LINES + line(zebra={"a": 1}), "'zebra' is not declared", "data.jsonl", "prepare.ignore"),
    "mixed types": (LINES + line(x="1.5"), "'1.5' is no number", f"{AT_LINE}, column 'x'", "Correct it"),
    "fraction": (LINES + line(id=1.5), "1.5 is no integer", f"{AT_LINE}, column 'id'", "Correct it"),
    "boolean as a number": (LINES + line(id=True), "True is no integer", f"{AT_LINE}, column 'id'", "columns.id.type"),
    "too large": (LINES + line(id=2**63), "is no integer", f"{AT_LINE}, column 'id'", "to number"),
    "number as text": (LINES + line(kind=5), "5 is no text", f"{AT_LINE}, column 'kind'", "columns.kind.type"),
    "text as boolean": (LINES + line(flag="true"), "is no boolean", f"{AT_LINE}, column 'flag'", "columns.flag.type"),
    "list": (LINES + line(x=[1]), "[1] is no number", f"{AT_LINE}, column 'x'", "columns.x.type"),
    "NaN": (LINES + line(x=math.nan), "nan is no finite", f"{AT_LINE}, column 'x'", "nullable"),
    "infinity": (LINES + line(x=-math.inf), "-inf is no finite", f"{AT_LINE}, column 'x'", "nullable"),
    "no date": (LINES + line(day="soon"), "'soon' is no date", f"{AT_LINE}, column 'day'", "format"),
    "null": (LINES + line(x=None), "is missing", f"{AT_LINE}, column 'x'", "nullable"),
    "null target": (LINES + line(y=None), "is missing", f"{AT_LINE}, column 'y'", "target"),
    "not allowed": (b"\n" + line() + line(kind="green"), "none of the values", f"{AT_LINE}, column 'kind'", "values"),
}


@pytest.mark.parametrize("name", JSON_CASES)
def test_json_lines_files(check_refused, name):
    check_refused("data.jsonl", *JSON_CASES[name])


@pytest.mark.parametrize("values", [(1, "a"), ({"a": 1}, [1])])
def test_an_ignored_json_key_may_hold_anything(read, values):
    assert read("data.jsonl", b"".join(line(junk=value) for value in values)).num_rows == 2
