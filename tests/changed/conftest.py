"""A project in a git repository."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Project

SETTINGS = """\
name: shop
prepare:
  task: regression
  target: price
  data: {uri: sales/orders.csv}
  columns:
    size: {type: number}
    price: {type: number}
"""


@dataclass
class Repo:
    """A repository, and the project in it."""

    top: Path
    project: Project
    settings: str = SETTINGS

    def git(self, *argv: str) -> str:
        done = subprocess.run(["git", *argv], cwd=self.top, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def write(self, path: str, text: str = "") -> None:
        file = self.top / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def commit(self) -> str:
        """Commit all there is; gives the commit."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "a change")
        return self.git("rev-parse", "HEAD")

    def changed(self, *argv: str) -> dict[str, Any]:
        """The record of `changed`, which has to end well, without the categories that hold nothing."""
        record = self.project.json("changed", *argv)
        assert record["exit_code"] == 0, record
        record["changed"] = {category: paths for category, paths in record["changed"].items() if paths}
        return record


@pytest.fixture(autouse=True)
def _plain_git(monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings of whoever runs the tests."""
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        monkeypatch.setenv(name, "/dev/null")
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "Ada")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "ada@example.com")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_project: Callable[[Path], Project]) -> Repo:
    """A repository with one commit, the working directory in it."""
    top = tmp_path / "repo"
    top.mkdir()
    repo = Repo(top, in_project(top))
    repo.git("init", "--quiet", "--initial-branch", "main")
    repo.write("modelway.yaml", SETTINGS)
    for path in ("shop.py", "README.md", "sales/orders.csv", "data/more.csv", "models/a.onnx"):
        repo.write(path, "first\n")
    repo.commit()
    monkeypatch.chdir(top)
    return repo
