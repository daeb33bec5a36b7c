"""A stand-in for GitHub, a client of it that never sleeps, and a project with a registered version."""

from __future__ import annotations

import shutil
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from modelway.cli.main import run
from modelway.data.sample import write_sample
from modelway.github import GitHub
from modelway.records.github import ReleasePlan, Repository

from .standin import FakeGitHub, Fault, serve

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Project

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "ghp_not-a-token"
COMMIT = "c0ffee" + "0" * 34


@pytest.fixture
def fault() -> Any:
    """What goes wrong: `fault(method, path, kind)`."""
    return Fault


@pytest.fixture
def standin() -> Any:
    """GitHub, on loopback."""
    github = FakeGitHub("octocat/loans", TOKEN)
    server = serve(github)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield github
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass
class Client:
    """A client, and how long it would have slept."""

    github: GitHub
    slept: list[float] = field(default_factory=list)


@pytest.fixture
def client(standin: Any) -> Client:
    slept: list[float] = []
    repository = Repository(owner="octocat", name="loans")
    return Client(GitHub(repository, TOKEN, f"{standin.url}/api/v3", sleep=slept.append), slept)


@pytest.fixture
def plan() -> ReleasePlan:
    marker = "<!-- modelway: loans abc -->"
    return ReleasePlan(
        tag="loans-v3", title="loans version 3", notes=f"{marker}\n\nnotes\n", marker=marker, commit=COMMIT
    )


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    contents = {"loans-v3.zip": b"the model" * 1000, "metrics.json": b"{}", "report.html": b"<h1>report</h1>"}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    return [tmp_path / name for name in contents]


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Path:
    """A project with version 1 registered; nobody may write in it."""
    root = tmp_path_factory.mktemp("trained")
    shutil.copy(ROOT / "modelway.yaml", root)
    shutil.copy(empty_database, root / "mlflow.db")
    (root / "data").mkdir()
    shutil.copy(write_sample(tmp_path_factory.mktemp("sample"), rows=1500), root / "data" / "loans.csv")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.setenv("MODELWAY_COMMIT", COMMIT)
        assert run(["train", "--set", "fit.estimator.epochs=5", "--set", "evaluate.gates.minimum.roc_auc=0.5"]) == 0
    return root


@pytest.fixture
def project(
    trained: Path, standin: Any, monkeypatch: pytest.MonkeyPatch, in_project: Callable[[Path], Project]
) -> Project:
    """The project, as a workflow of GitHub's would see it."""
    monkeypatch.chdir(trained)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("GITHUB_REPOSITORY", "octocat/loans")
    monkeypatch.setenv("GITHUB_API_URL", f"{standin.url}/api/v3")
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
    return in_project(trained)
