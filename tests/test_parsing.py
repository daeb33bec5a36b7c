"""JSON and TOML that others wrote: read, or refused with one kind of error, whatever is in them."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelway.parsing import MOST_DEPTH, MOST_NESTED, check_lines, parse_json, parse_toml

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(__file__).resolve().parents[1] / "src" / "modelway"
OWN = {"bundle/trial.py", "bundle/skops_file.py", "checks/audit/sbom.py", "checks/audit/scan.py", "cli/watching.py",
       "deploy/kubernetes/manifests.py", "pipeline/smoke_probe.py", "parsing.py"}  # fmt: skip
"""Files that parse what this very program wrote a moment ago."""

DEEP = 100_000
HOSTILE: dict[str, str | bytes] = {
    "deep": "[" * DEEP,
    "deep and closed": "[" * DEEP + "]" * DEEP,
    "deep objects": '{"a":' * DEEP + "1" + "}" * DEEP,
    "just too deep": "[" * (MOST_DEPTH + 1) + "]" * (MOST_DEPTH + 1),
    "digits": "1" * 5000,
    "not a number": '{"a": NaN}',
    "infinite": "[-Infinity]",
    "out of range": "1e999",
    "duplicate": '{"a": 1, "b": {"c": 1, "c": 2}}',
    "half a pair": r'["\ud800"]',
    "half a pair as a key": r'{"\udc00": 1}',
    "half a pair as it is": '["\udc80"]',
    "no Unicode": b'["\xff"]',
    "nothing": b"",
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_hostile_json_is_a_value_error(content: str | bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_json(content)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
                    | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))  # fmt: skip
def test_sound_json_is_what_json_makes_of_it(value: Any) -> None:
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False).encode()):
        assert parse_json(text) == value


def test_the_deepest_document_is_read() -> None:
    assert parse_json("[" * MOST_DEPTH + "]" * MOST_DEPTH)
    assert parse_json(r'"\ud83d\ude00"') == "\N{GRINNING FACE}"


@pytest.mark.parametrize("text", [f"a = {'[' * DEEP}", f"a = {'1' * 5000}", "a = ", "a = 1\na = 2"])
def test_hostile_toml_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_toml(text)


_MANY = 3 * MOST_NESTED
DEEP_LINES = {
    "array": b'{"a": ' + b"[" * _MANY,
    "objects": b'{"a": ' * _MANY + b"1" + b"}" * _MANY,
    "over lines": b'{"a":\n' * _MANY,
    "behind closing marks in a text": b'{"a": "' + b"]}" * _MANY + b'", "b": ' + b"[" * _MANY,
    "behind an escaped quote": rb'{"a": "\\\"' + b"]" * _MANY + rb'\\", "b": ' + b"[" * _MANY,
    "behind many flat lines": b'{"a": 1}\n' * 5000 + b'{"a": ' + b"[" * _MANY,
}
FLAT_LINES = {
    "flat": b'{"a": 1}\n' * 5000,
    "CRLF": b'{"a": 1}\r\n' * 5000,
    "arrays": b'{"a": [[1], {"b": [2]}]} \n' * 5000,
    "marks in texts": b'{"a": "' + b"[{" * _MANY + b'"}\n',
    "marks behind an escaped quote": rb'{"a": "\"' + b"[{" * _MANY + rb'\\"}' + b"\n",
}


@pytest.mark.parametrize("content", DEEP_LINES.values(), ids=DEEP_LINES)
def test_lines_that_arrow_would_not_survive_are_refused(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(pa.ArrowInvalid, match="nested"):
        check_lines(content)
    monkeypatch.setattr("modelway.parsing._BLOCK", 7)
    (tmp_path / "x.jsonl").write_bytes(content)
    with pytest.raises(pa.ArrowInvalid, match="nested"):
        check_lines(tmp_path / "x.jsonl")


@pytest.mark.parametrize("content", FLAT_LINES.values(), ids=FLAT_LINES)
def test_flat_lines_are_let_pass(content: bytes) -> None:
    check_lines(content)


def test_arrow_survives_what_is_let_pass() -> None:
    text = b'{"a": ' + b"[" * (MOST_NESTED - 1) + b"]" * (MOST_NESTED - 1) + b"}\n"
    check_lines(text)
    program = "import pyarrow.json as j, pyarrow as pa, sys; j.read_json(pa.BufferReader(sys.stdin.buffer.read()))"
    done = subprocess.run([sys.executable, "-c", program], input=text, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def _calls() -> Iterator[tuple[str, str]]:
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                yield path.relative_to(PACKAGE).as_posix(), ast.unparse(node.func)


def test_only_one_place_parses_what_others_wrote() -> None:
    parsers = {"json.loads", "json.load", "tomllib.loads", "tomllib.load", "json.JSONDecoder"}
    assert {path for path, call in _calls() if call in parsers} <= OWN


def test_whatever_hands_json_to_arrow_checks_it_first() -> None:
    calls = list(_calls())
    arrow = {path for path, call in calls if call.endswith((".read_json", ".open_json")) and "json" in call}
    assert arrow
    assert arrow <= {path for path, call in calls if call == "check_lines"}
