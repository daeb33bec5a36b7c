"""A small project, and an environment in which nobody has set anything."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Project

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = """\
name: loans
prepare:
  task: classification
  target: defaulted
  data: {uri: data/loans.csv}
  columns:
    income: {type: number}
    defaulted: {type: boolean}
"""
_OURS = ("AWS_", "MLFLOW_", "MODELWAY_", "GITHUB_", "SLACK_", "KUBE", "DAGGER_", "_EXPERIMENTAL_DAGGER")
_MORE = {"SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "DOCKER_CONFIG"}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_project: Callable[[Path], Project]) -> Project:
    for name in list(os.environ):
        if name.startswith(_OURS) or name in _MORE or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    root = tmp_path / "project"
    (root / "data").mkdir(parents=True)
    (root / "data" / "loans.csv").write_text("income,defaulted\n1,true\n")
    (root / "modelway.yaml").write_text(SETTINGS)
    monkeypatch.chdir(root)
    return in_project(root)


@pytest.fixture
def settings(project: Project) -> Callable[[str], None]:
    """Adds lines to the settings."""

    def add(text: str) -> None:
        (project.root / "modelway.yaml").write_text(SETTINGS + text)

    return add


@pytest.fixture
def seen(project: Project) -> Callable[..., dict[str, Any]]:
    """Runs doctor; gives its findings by what they are of, and the exit code as `exit`."""

    def look(*argv: str) -> dict[str, Any]:
        record = project.json("doctor", *argv)
        found = {one["check"]: one for one in record["findings"]}
        assert len(found) == len(record["findings"]), "two findings have one name"
        return {**found, "exit": record["exit_code"]}

    return look
