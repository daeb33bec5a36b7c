"""Commands read their settings in one order: the file, the command's own flags, `--set`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelway.cli.serve_settings import read_served
from modelway.cli.settings import read_settings, read_slice
from modelway.records.serving import SETTINGS
from modelway.settings import Override

FILE = """\
name: loans
prepare:
  task: classification
  target: late
  data: {uri: loans.csv}
  columns: {income: {type: number}, late: {type: category, values: ["yes", "no"]}}
serve: {input: {max_rows: 1}}
"""
KEYS = ("serve", "input", "max_rows")


def served_with_release(args: argparse.Namespace, flags: list[Override]) -> int:
    args.config = None
    return read_served(args, flags).options.input.max_rows


READERS: dict[str, Callable[[argparse.Namespace, list[Override]], int]] = {
    "read_settings": lambda args, flags: read_settings(args, flags)[0].serve.input.max_rows,
    "read_slice": lambda args, flags: read_slice(args, flags)[0].serve.input.max_rows,
    "read_served": lambda args, flags: read_served(args, flags).options.input.max_rows,
    "read_served of a release": served_with_release,
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    ("flags", "given", "expected"),
    [([], [], 1), ([2], [], 2), ([], [3], 3), ([2], [3], 3), ([3], [2], 2), ([2, 4], [], 4), ([], [3, 5], 5)],
)
def test_a_later_layer_of_a_command_line_wins(
    reader: str, flags: list[int], given: list[int], expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "modelway.yaml"
    path.write_text(FILE)
    monkeypatch.setattr("sys.path", [])
    monkeypatch.setenv(SETTINGS, json.dumps({"serve": {"input": {"max_rows": 1}}}))
    args: Any = argparse.Namespace(
        config=path, set=[f"{'.'.join(KEYS)}={one}" for one in given], trust=[], bundle=None, challenger=[]
    )
    assert READERS[reader](args, [Override("--flag", KEYS, one) for one in flags]) == expected
