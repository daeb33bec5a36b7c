"""Commands read their settings in one order: the file, the command's own flags, `--set`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from modelway.cli import deploy
from modelway.cli.registry import registry_overrides
from modelway.cli.serve_settings import read_served
from modelway.cli.settings import read_settings, read_slice
from modelway.pipeline.deploy import Wanted
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


@pytest.mark.parametrize(
    ("flag", "variable", "expected"),
    [(None, None, None), ("a", None, "a"), (None, "b", "b"), ("a", "b", "a"), (None, "", None)],
)
def test_a_registry_is_that_of_the_flag_else_of_the_variable_else_of_the_settings(
    flag: str | None, variable: str | None, expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    if variable is not None:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", variable)
    found = registry_overrides(argparse.Namespace(tracking_uri=flag))
    assert [(one.keys, one.value) for one in found] == [(("register", "tracking_uri"), expected)] * (
        expected is not None
    )


@pytest.mark.parametrize(("flag", "expected"), [(None, "champion"), ("7", "7")])
def test_a_deploy_brings_the_version_of_the_flag_else_that_of_the_environment(
    flag: str | None, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class MadeError(Exception):
        pass

    def make_release(_: Any, __: Any, wanted: Wanted, *___: Any, **____: Any) -> None:
        raise MadeError(wanted.champion, wanted.challengers, wanted.image, wanted.rebuild)

    place = SimpleNamespace(options=SimpleNamespace(model_version="champion"), root=tmp_path)
    monkeypatch.setattr(deploy, "find_flow", lambda *_, **__: (SimpleNamespace(place=place), None, None))
    monkeypatch.setattr(deploy, "telling", lambda *_, **__: nullcontext())
    monkeypatch.setattr("modelway.pipeline.deploy.make_release", make_release)
    args: Any = argparse.Namespace(
        model_version=flag,
        challenger=["8", "9"],
        image="d",
        rebuild=True,
        plan=False,
        render=None,
        bundles=None,
        env="e",
    )
    with pytest.raises(MadeError) as made:
        deploy.run(args, SimpleNamespace(note=print))  # type: ignore[arg-type]
    assert made.value.args == (expected, ("8", "9"), "d", True)
