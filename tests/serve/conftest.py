"""Servers as people start them: the real command in a process of its own, asked over HTTP."""

from __future__ import annotations

import gzip
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.once import made_once

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parents[2]
STAND_IN = Path(__file__).parent / "stand_in"
TOKEN = "a-token"
ROW = {
    "age": 60,
    "income": 1000.5,
    "member": True,
    "city": "Bonn",
    "home": "own",
    "since": "2024-05-01",
    "birthday": "31.12.1999",
    "note": "hello",
}
"""A row that the stand-in's model takes; it answers yes with 0.6."""


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Server:
    process: subprocess.Popen[str]
    root: Path
    port: int
    admin_port: int | None = None
    record: dict[str, Any] = field(default_factory=dict)

    def ask(self, method: str, path: str, body: Any = None, port: int | None = None, **headers: str) -> Answer:
        """One request on a connection of its own; underscores in headers' names are hyphens."""
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=30)
        content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if content is not None:
            named.setdefault("content-type", "application/json")
        try:
            connection.request(method, path, content, named)
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, found, response.read())
        finally:
            connection.close()

    def predict(self, *rows: dict[str, Any], **headers: str) -> Answer:
        return self.ask("POST", "/predict", {"dataframe_records": list(rows or (ROW,))}, **headers)

    def admin(self, method: str, path: str, body: Any = None, token: str = TOKEN) -> Answer:
        return self.ask(method, path, body, self.admin_port, authorization=f"Bearer {token}")

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples that have these labels."""
        from prometheus_client.parser import text_string_to_metric_families

        text = self.ask("GET", "/metrics").body.decode()
        return sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def events(self, name: str) -> list[dict[str, Any]]:
        lines = (self.root / "stderr").read_text().splitlines()
        return [event for line in lines if (event := json.loads(line))["event"] == name]

    def stop(self, number: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(30)

    def lines(self, stream: str = "predictions", log: Path | None = None) -> list[dict[str, Any]]:
        """The log's records; to be asked when the server has ended, or has had its time."""
        paths = sorted((log or self.root / "log").glob(f"{stream}/date=*/hour=*/*.jsonl.gz"))
        return [json.loads(line) for path in paths for line in gzip.decompress(path.read_bytes()).splitlines()]


def _until(condition: Callable[[], Any], seconds: float = 60.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)
    return found


@pytest.fixture(scope="session")
def until() -> Callable[..., Any]:
    """Waits for something to become true."""
    return _until


@pytest.fixture(scope="session")
def row() -> dict[str, Any]:
    """A row that the stand-in's model takes; it answers yes with 0.6."""
    return dict(ROW)


@pytest.fixture(scope="session")
def token() -> str:
    return TOKEN


def _write_bundle(folder: Path, version: int, told: dict[str, Any]) -> Path:
    path = folder / f"bundle-{version}"
    path.mkdir(exist_ok=True)
    (path / "model.json").write_text(json.dumps({"version": version, **told}))
    return path


@pytest.fixture
def bundle(tmp_path: Path) -> Callable[..., Path]:
    """Makes a directory that the stand-in opens."""
    return lambda version=3, **told: _write_bundle(tmp_path, version, told)


def _launch(
    root: Path,
    flags: tuple[str, ...],
    champion: Path,
    env: dict[str, str],
    settings: dict[str, Any],
    before: tuple[str, ...] = (str(STAND_IN),),
) -> Server:
    """Start a server; `before` are the folders that Python looks for modules in first."""
    values = {"workers__count": 1, "workers__notice_seconds": 0, "log__uri": str(root / "log")} | settings
    argv = [sys.executable, "-m", "modelway", "serve", "--bundle", str(champion), "--port", "0", "--json", *flags]
    for key, value in values.items():
        argv += ["--set", f"serve.{key.replace('__', '.')}={json.dumps(value)}"]
    path = os.pathsep.join(filter(None, (*before, os.environ.get("PYTHONPATH"))))
    environment = {**os.environ, "PYTHONPATH": path, "MODELWAY_ADMIN_TOKEN": TOKEN, **env}
    with (root / "stderr").open("a") as stderr:
        process = subprocess.Popen(argv, cwd=root, env=environment, stdout=subprocess.PIPE, stderr=stderr, text=True)
    record = _first_record(process)
    admin = record.get("admin_url", "").rpartition(":")[2]
    port = int(record["url"].rpartition(":")[2]) if "url" in record else 0
    return Server(process, root, port, int(admin) if admin else None, record)


def _end(server: Server) -> None:
    if server.process.poll() is None:
        server.process.terminate()
    server.process.communicate(timeout=40)


@pytest.fixture
def start(tmp_path: Path, bundle: Callable[..., Path]) -> Iterator[Callable[..., Server]]:
    """Starts servers with the stand-in for bundles, and ends them.

    With `real`, the champion is a real bundle. Further arguments are values of the settings' `serve`, with two
    underscores for a dot.
    """
    servers = []

    def run(
        *flags: str,
        champion: Path | None = None,
        env: dict[str, str] | None = None,
        real: bool = False,
        **settings: Any,
    ) -> Server:
        before = () if real else (str(STAND_IN),)
        servers.append(_launch(tmp_path, flags, champion or bundle(), env or {}, settings, before))
        return servers[-1]

    yield run
    for server in servers:
        _end(server)


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests that only ask."""
    root = tmp_path_factory.mktemp("server")
    server = _launch(root, (), _write_bundle(root, 3, {}), {}, {})
    yield server
    _end(server)


@dataclass(frozen=True)
class Trained:
    """The sample's model as `evaluate` wrote it, and its bundle."""

    training: Path
    bundle: Path


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A model that the commands made from the sample, as a user makes one."""
    root = made_once(tmp_path_factory, "trained", _train)
    return Trained(root / "trained", root / "bundle")


def _train(root: Path) -> None:
    shutil.copyfile(ROOT / "modelway.yaml", root / "modelway.yaml")
    for argv in (
        ["sample", "--output", "data"],
        ["train", "--epochs", "30", "--output-dir", "trained"],
        ["package", "--version", "champion", "--output", "bundle"],
    ):
        command = [sys.executable, "-m", "modelway", *argv]
        done = subprocess.run(command, check=False, cwd=root, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="session")
def real_server(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of a real bundle, for all tests that only ask."""
    server = _launch(tmp_path_factory.mktemp("real"), (), trained.bundle, {}, {}, ())
    yield server
    _end(server)


def _first_record(process: subprocess.Popen[str]) -> dict[str, Any]:
    """The JSON record that the command prints when it is ready, or when it has failed."""
    text = ""
    for line in process.stdout:
        text += line
        if line == "}\n":
            return json.loads(text)
    raise AssertionError(f"the server ended with {process.wait()} and said nothing: {text}")
