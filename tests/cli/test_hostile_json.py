"""JSON that a command is handed: hostile files end with a message and the exit code of their kind, never as a bug."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

DEEP = 1_000_000
"""So deep that Arrow's parser overflows its stack, and Python's its limit on recursion."""
SETTINGS = """
name: loans
prepare:
  task: regression
  target: y
  data: {uri: data.jsonl}
  columns: {x: {type: number}, y: {type: number}}
  ignore: [z]
check_data: {}
"""
ROWS = b'{"x": 1, "y": 2, "z": null}\n' * 50
LINES = {
    "an array": b'{"x": 1, "y": 2, "z": ' + b"[" * DEEP + b"]" * DEEP + b"}\n",
    "objects": b'{"x": 1, "y": 2, "z": ' + b'{"a":' * DEEP + b"1" + b"}" * DEEP + b"}\n",
    "no end": b"[" * DEEP,
}
DOCUMENTS = {
    "deep": b"[" * DEEP,
    "deep objects": b'{"a":' * DEEP,
    "digits": b'{"predictions": ' + b"1" * 5000 + b"}",
    "NaN": b'{"predictions": NaN, "metrics": {}}',
    "half a pair": rb'{"columns": "\ud800"}',
    "duplicate": b'{"columns": {}, "columns": {}}',
    "a list": b"[]",
    "a number": b"1",
}


def run(root: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "modelway", *argv]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "modelway.yaml").write_text(SETTINGS)
    (tmp_path / "data.jsonl").write_bytes(ROWS)
    return tmp_path


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
@pytest.mark.parametrize("command", [("prepare", "--output", "prepared"), ("check-data",)], ids=["prepare", "check"])
def test_lines_nested_too_deeply_are_refused(project: Path, command: tuple[str, ...], line: bytes) -> None:
    (project / "data.jsonl").write_bytes(ROWS + line)
    done = run(project, *command)
    assert done.returncode == 3, (done.returncode, done.stderr[-500:])
    assert "nested" in done.stderr or "longer" in done.stderr
    assert not (project / "prepared").exists()


@pytest.mark.slow
@pytest.mark.parametrize("content", DOCUMENTS.values(), ids=DOCUMENTS)
def test_a_hostile_baseline_or_suite_is_refused(project: Path, content: bytes) -> None:
    (project / "hostile.json").write_bytes(content)
    for argv in (
        ("drift", "--baseline", "hostile.json", "--current", "data.jsonl"),
        ("check-data", "--expectations", "hostile.json"),
        ("check-data", "--baseline", "hostile.json"),
    ):
        done = run(project, *argv)
        assert done.returncode == 3, (argv, done.returncode, done.stderr[-500:])
        assert "hostile.json" in done.stderr
