"""From `git init` to a served prediction of one's own model: what is typed, and that it comes to one."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_little_is_typed(bench: Any) -> None:
    first = bench.first_prediction
    assert len(first.TYPED.splitlines()) <= first.LINES == 10
    assert len(first.commands()) <= first.COMMANDS == 5
    assert not any(";" in re.sub(r"'[^']*'", "", line) for line in first.commands()), "two commands in one line"
    assert not any("&&" in line for line in first.commands()), "two commands in one line"


def test_the_document_shows_what_is_measured(bench: Any) -> None:
    text = (ROOT / "docs" / "adopt.md").read_text(encoding="utf-8")
    assert f"```text\n{bench.first_prediction.TYPED}```\n" in text


def test_the_model_is_scikit_learns_own_and_nothing_of_modelway(bench: Any) -> None:
    imported = {
        str(node.module).partition(".")[0]
        for node in ast.walk(ast.parse(bench.first_prediction.MODEL))
        if isinstance(node, ast.ImportFrom)
    }
    assert imported == {"sklearn"}


@pytest.mark.slow
@pytest.mark.exhaustive  # it installs everything anew, from a package index
def test_it_comes_to_a_prediction(bench: Any, tmp_path: Path) -> None:
    try:
        seconds = bench.first_prediction.go(tmp_path)
    except RuntimeError as error:
        if "Could not find a version" in str(error) or "No matching distribution" in str(error):
            pytest.skip("no package index answers")
        raise
    assert [line for line, _ in seconds] == bench.first_prediction.TYPED.splitlines()
    assert (tmp_path / "modelway.yaml").is_file()
    assert "churn:make" in (tmp_path / "modelway.yaml").read_text()
    told = json.loads((tmp_path / "model-artifacts" / "metrics.json").read_text())
    assert told["verdict"] in {"pass", "inconclusive"}
