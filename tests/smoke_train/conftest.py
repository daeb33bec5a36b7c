"""A project of a user's: settings, data, and a model module of their own."""

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
    return write_sample(tmp_path_factory.mktemp("sample"), rows=600)


@pytest.fixture
def project(
    tmp_path: Path, sample_data: Path, monkeypatch: pytest.MonkeyPatch, in_project: Callable[[Path], Project]
) -> Project:
    (tmp_path / "modelway.yaml").write_text((ROOT / "modelway.yaml").read_text())
    (tmp_path / "data").mkdir()
    shutil.copy(sample_data, tmp_path / "data" / "loans.csv")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return in_project(tmp_path)


@pytest.fixture
def own_model(project: Project, request: pytest.FixtureRequest) -> Callable[[str], tuple[str, ...]]:
    """Writes a module of the user's with a function `make`, and gives the flags that choose it.

    Each test's module has a name of its own: Python keeps modules, and a process runs many tests.
    """
    name = f"own_model_{abs(hash(request.node.nodeid))}"

    def write(text: str) -> tuple[str, ...]:
        (project.root / f"{name}.py").write_text(text)
        options = f'{{kind: custom, function: "{name}:make", trusted: ["{name}.Own"]}}'
        return ("--set", f"fit.estimator={options}")

    return write
