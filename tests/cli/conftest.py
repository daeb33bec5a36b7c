"""A project of a user's: settings and data."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from modelway.data.sample import write_sample

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Project

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def sample_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sample(tmp_path_factory.mktemp("sample"), rows=1500)


@pytest.fixture
def project(
    tmp_path: Path, sample_data: Path, monkeypatch: pytest.MonkeyPatch, in_project: Callable[[Path], Project]
) -> Project:
    """The loans example on few rows, with a model that is quickly fitted."""
    text = (ROOT / "modelway.yaml").read_text()
    (tmp_path / "modelway.yaml").write_text(text)
    (tmp_path / "data").mkdir()
    shutil.copy(sample_data, tmp_path / "data" / "loans.csv")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return in_project(tmp_path)
