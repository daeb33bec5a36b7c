"""An evaluated model made of records, registries to put it into, and real tracking servers."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import pytest

from modelway.records.data import ColumnType, Task
from modelway.records.evaluate import Estimate, Evaluation, GateVerdict, Part
from modelway.records.fit import BoostedTreesOptions, Epoch, Fit, ModelInfo
from modelway.records.observe import Baseline, Distribution
from modelway.records.register import RegisterOptions
from modelway.records.verdict import Verdict
from modelway.registry import Credentials, Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

INPUTS = {
    "age": ColumnType.INTEGER,
    "hours": ColumnType.INTEGER,
    "income": ColumnType.NUMBER,
    "married": ColumnType.BOOLEAN,
    "job": ColumnType.CATEGORY,
    "note": ColumnType.TEXT,
    "since": ColumnType.DATE,
}


class MakeTrained(Protocol):
    """Writes what `evaluate` writes; another `seed` is another model."""

    def __call__(
        self, seed: int = 0, verdict: Verdict = Verdict.PASS, *, epochs: int = 3, champion: str | None = None
    ) -> Path: ...


@pytest.fixture
def trained(tmp_path: Path) -> MakeTrained:
    """Make an evaluated model's directory."""

    def make(seed: int = 0, verdict: Verdict = Verdict.PASS, *, epochs: int = 3, champion: str | None = None) -> Path:
        directory = tmp_path / f"trained-{seed}-{verdict}"
        shutil.rmtree(directory, ignore_errors=True)
        write_trained(directory, seed, verdict, epochs, champion)
        return directory

    return make


def write_trained(directory: Path, seed: int, verdict: Verdict, epochs: int, champion: str | None) -> None:
    model = directory / "model"
    model.mkdir(parents=True)
    (model / "model.skops").write_bytes(f"no model, only bytes {seed}".encode())
    (model / "features.json").write_text("{}")
    info = ModelInfo(task=Task.CLASSIFICATION, target="rich", classes=("no", "yes"), inputs=INPUTS)
    (model / "model.json").write_text(info.to_json())
    history = tuple(Epoch(epoch=at, train_loss=1 / at, validation_loss=2 / at) for at in range(1, epochs + 1))
    fit = Fit(estimator=BoostedTreesOptions(), seed=seed, epochs=epochs, loss="log_loss", history=history)
    (model / "fit.json").write_text(fit.to_json())
    (model / "manifest.json").write_text("{}")
    metrics = {"roc_auc": Estimate(value=0.9, low=0.88, high=0.92), "recall": Estimate(value=None)}
    evaluation = Evaluation(
        task=Task.CLASSIFICATION,
        primary="roc_auc",
        rows=100,
        confidence=0.95,
        metrics=metrics,
        benchmarks=(Part(name="last year!", rows=10, metrics={"roc_auc": Estimate(value=0.8)}),),
        model_digest=f"{seed:064x}",
        champion_digest=champion,
        size_bytes=25,
        gates=(GateVerdict(gate="minimum.roc_auc", verdict=verdict, reason="roc_auc is 0.9"),),
        verdict=verdict,
    )
    (directory / "metrics.json").write_text(evaluation.to_json())
    (directory / "baseline.json").write_text(_baseline().to_json())
    (directory / "report.html").write_text("<h1>report</h1>")
    (directory / "timings.json").write_text("{}")
    (directory / "manifest.json").write_text("{}")
    (directory / "plots").mkdir()
    (directory / "plots" / "roc.svg").write_text("<svg/>")


def _baseline() -> Baseline:
    def seen(kind: ColumnType, missing: int = 0, mean: float | None = None, **categories: int) -> Distribution:
        return Distribution(type=kind, rows=100, missing=missing, mean=mean, categories=categories)

    columns = {
        "age": seen(ColumnType.INTEGER, mean=40.4),
        "hours": seen(ColumnType.INTEGER, missing=3, mean=38.6),
        "income": seen(ColumnType.NUMBER, mean=1234.5),
        "married": seen(ColumnType.BOOLEAN, true=60, false=40),
        "job": seen(ColumnType.CATEGORY, missing=1, clerk=70, smith=29),
        "note": seen(ColumnType.TEXT, mean=12.0),
        "since": seen(ColumnType.DATE, mean=1_600_000_000.0),
        "rich": seen(ColumnType.CATEGORY, no=80, yes=20),
    }
    return Baseline(rows=100, columns=columns, predictions=seen(ColumnType.NUMBER), metrics={"roc_auc": 0.9})


@pytest.fixture
def root(tmp_path: Path, empty_database: Path) -> Path:
    """The directory of a settings file, with an empty registry."""
    directory = tmp_path / "my projekt#ü"
    directory.mkdir()
    shutil.copy(empty_database, directory / "mlflow.db")
    return directory


@pytest.fixture
def registry(root: Path) -> Registry:
    return Registry(RegisterOptions(), "loans", root)


@dataclass(frozen=True)
class Server:
    """A running `mlflow server`."""

    uri: str
    admin: Credentials | None = None

    def options(self) -> RegisterOptions:
        return RegisterOptions(tracking_uri=self.uri)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start_server(folder: Path, database: Path, *flags: str, **environment: str) -> tuple[subprocess.Popen[bytes], str]:
    """Start a server with one worker and wait until it answers."""
    shutil.copy(database, folder / "server.db")
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    storage = [
        "--backend-store-uri",
        f"sqlite:///{folder / 'server.db'}",
        "--artifacts-destination",
        str(folder / "files"),
    ]
    log = (folder / "log").open("wb")
    process = subprocess.Popen(
        [*command, *storage, *flags],
        cwd=folder,
        env={
            **os.environ,
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            **environment,
        },
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    uri = f"http://127.0.0.1:{port}"
    for _ in range(900):
        if process.poll() is not None:
            raise AssertionError((folder / "log").read_text())
        try:
            urllib.request.urlopen(f"{uri}/health", timeout=5)
        except OSError:
            time.sleep(0.1)
        else:
            return process, uri
    stop_server(process)
    raise AssertionError((folder / "log").read_text())


def stop_server(process: subprocess.Popen[bytes]) -> None:
    """End the server and the workers it started; they are a session of their own."""
    os.killpg(process.pid, 15)
    process.wait(30)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Iterator[Server]:
    """A tracking server for anybody."""
    process, uri = start_server(tmp_path_factory.mktemp("server"), empty_database)
    yield Server(uri)
    stop_server(process)


@pytest.fixture(scope="session")
def guarded_server(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Iterator[Server]:
    """A tracking server that asks for user and password."""
    folder = tmp_path_factory.mktemp("guarded")
    password = secrets.token_urlsafe(16)
    (folder / "auth.ini").write_text(
        "[mlflow]\ndefault_permission = READ\nadmin_username = admin\nauth_cache_ttl_seconds = 60\n"
        f"admin_password = {password}\ndatabase_uri = sqlite:///{folder / 'auth.db'}\n"
    )
    process, uri = start_server(
        folder,
        empty_database,
        "--app-name",
        "basic-auth",
        MLFLOW_AUTH_CONFIG_PATH=str(folder / "auth.ini"),
        MLFLOW_FLASK_SERVER_SECRET_KEY=secrets.token_hex(),
    )
    yield Server(uri, Credentials(username="admin", password=password))
    stop_server(process)


@pytest.fixture(scope="session")
def unused_port() -> Callable[[], int]:
    return free_port
