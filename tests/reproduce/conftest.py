"""A project with a registered version of a quickly fitted model."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from modelway.data.sample import write_sample

if TYPE_CHECKING:
    from conftest import Project

ROOT = Path(__file__).resolve().parents[2]
MODULE = """\
from sklearn.linear_model import LogisticRegression


def make(strength):
    return LogisticRegression(C=strength)
"""
DICE = """\
import numpy
from sklearn.linear_model import LogisticRegression


def make():
    return LogisticRegression(C=float(numpy.random.default_rng().uniform(0.01, 100)))
"""


@pytest.fixture(scope="session")
def sample_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sample(tmp_path_factory.mktemp("sample"), rows=800)


@pytest.fixture
def write_settings(tmp_path: Path) -> Callable[..., None]:
    """Writes the sample's settings, with another `fit`."""

    def write(**fit: object) -> None:
        told = yaml.safe_load((ROOT / "modelway.yaml").read_text(encoding="utf-8"))
        gates = {"minimum": {"roc_auc": 0.01}, "trivial": {"enabled": False}}
        settings = {"name": "loans", "prepare": told["prepare"], "fit": fit, "evaluate": {"gates": gates}}
        (tmp_path / "modelway.yaml").write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")

    return write


@pytest.fixture
def project(
    tmp_path: Path,
    sample_data: Path,
    empty_database: Path,
    write_settings: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    in_project: Callable[[Path], Project],
) -> Project:
    for name in ("MLFLOW_TRACKING_URI", "MODELWAY_COMMIT_TIME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MODELWAY_COMMIT", "a" * 40)
    (tmp_path / "data").mkdir()
    shutil.copy(sample_data, tmp_path / "data" / "loans.csv")
    shutil.copy(empty_database, tmp_path / "mlflow.db")
    (tmp_path / "plain.py").write_text(MODULE)
    (tmp_path / "dice.py").write_text(DICE)
    write_settings(estimator={"kind": "linear", "epochs": 3})
    monkeypatch.chdir(tmp_path)
    return in_project(tmp_path)
