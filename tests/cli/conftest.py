"""A project of a user's: settings, data, and the command line in it."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from modelway.cli.main import run
from modelway.data.sample import write_sample

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Project:
    """A directory with a settings file, and what running a command there gave."""

    root: Path
    capsys: pytest.CaptureFixture[str]
    out: str = ""
    err: str = ""

    def run(self, *argv: str) -> int:
        """Run a command in this process."""
        self.capsys.readouterr()
        code = run(list(argv))
        self.out, self.err = self.capsys.readouterr()
        return code

    def json(self, *argv: str) -> dict[str, Any]:
        """Run a command with --json and give its record, which has to tell the exit code."""
        code = self.run(*argv, "--json")
        record: dict[str, Any] = json.loads(self.out)
        assert record["exit_code"] == code
        return record


@pytest.fixture(scope="session")
def sample_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sample(tmp_path_factory.mktemp("sample"), rows=1500)


@pytest.fixture
def project(
    tmp_path: Path, sample_data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Project:
    """The loans example on few rows, with a model that is quickly fitted."""
    text = (ROOT / "modelway.yaml").read_text()
    (tmp_path / "modelway.yaml").write_text(text)
    (tmp_path / "data").mkdir()
    shutil.copy(sample_data, tmp_path / "data" / "loans.csv")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return Project(tmp_path, capsys)
