"""Real tracking servers: the same registry over HTTP, with and without user and password."""

from __future__ import annotations

import base64
import http.server
import json
import os
import threading
import urllib.request
from typing import TYPE_CHECKING

import pytest

from modelway.errors import InputError, OutsideError, UsageError
from modelway.records.register import Alias, RegisterOptions
from modelway.registry import Credentials, Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.registry.conftest import MakeTrained, Server

BOTH = (Alias.CHAMPION, Alias.CHALLENGER)


@pytest.mark.slow
def test_a_server_keeps_versions_and_files(server: Server, trained: MakeTrained, tmp_path: Path) -> None:
    directory = trained(1)
    registry = Registry(server.options(), "loans", tmp_path)
    assert registry.champion() is None
    done = registry.register(directory, tags={"commit": "abc"})
    assert (done.created, done.version.number, done.version.aliases) == (True, 1, BOTH)
    assert not registry.register(directory).created
    assert registry.register(trained(2)).version.aliases == (Alias.CHALLENGER,)
    assert registry.promote("challenger").aliases == BOTH
    assert registry.find(done.version.run_id) == registry.get("1")
    (tmp_path / "out").mkdir()
    registry.download("1", tmp_path / "out")
    original = {path.name: path.read_bytes() for path in (directory / "model").iterdir()}
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == original
    assert not (tmp_path / "mlflow.db").exists()
    assert not (tmp_path / "mlartifacts").exists()
    with pytest.raises(UsageError, match=r"1, 2 \(champion, challenger\)"):
        registry.get("9")


@pytest.mark.slow
def test_a_long_history_reaches_a_server_and_files_that_went_are_refused(
    server: Server, trained: MakeTrained, tmp_path: Path
) -> None:
    registry = Registry(server.options(), "gone", tmp_path)
    version = registry.register(trained(1, epochs=600)).version
    with registry._calls() as client:
        # A server takes 1,000 metrics at once, a database any number.
        assert len(client.get_metric_history(version.run_id, "train_loss")) == 600
        uri = client.get_run(version.run_id).info.artifact_uri
    path = uri.replace("mlflow-artifacts:/", "/api/2.0/mlflow-artifacts/artifacts/")
    urllib.request.urlopen(urllib.request.Request(f"{server.uri}{path}/model/data", method="DELETE"))
    (tmp_path / "out").mkdir()
    with pytest.raises(InputError, match="missing"):
        registry.download("1", tmp_path / "out")


@pytest.mark.slow
def test_user_and_password_open_a_guarded_server(guarded_server: Server, trained: MakeTrained, tmp_path: Path) -> None:
    before = dict(os.environ)
    registry = Registry(guarded_server.options(), "loans", tmp_path, guarded_server.admin)
    done = registry.register(trained(1))
    assert done.version.aliases == BOTH
    (tmp_path / "out").mkdir()
    registry.download("champion", tmp_path / "out")
    assert (tmp_path / "out" / "model.skops").read_bytes() == b"no model, only bytes 1"
    assert dict(os.environ) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    "credentials",
    [
        pytest.param(None, id="none"),
        pytest.param(Credentials(username="admin", password="s3cret-guess"), id="wrong password"),
    ],
)
def test_a_guarded_server_refuses_wrong_credentials(
    guarded_server: Server, trained: MakeTrained, tmp_path: Path, credentials: Credentials | None
) -> None:
    with pytest.raises(OutsideError, match="does not accept") as caught:
        Registry(guarded_server.options(), "other", tmp_path, credentials).register(trained(1))
    assert caught.value.exit_code == 6
    assert "s3cret" not in str(caught.value)


@pytest.mark.slow
def test_a_user_without_the_right_is_told_so(guarded_server: Server, trained: MakeTrained, tmp_path: Path) -> None:
    owner = Registry(guarded_server.options(), "owned", tmp_path, guarded_server.admin)
    owner.register(trained(1))
    owner.register(trained(2))
    reader = Credentials(username="reader", password="a long enough password")
    add_user(guarded_server, reader)
    registry = Registry(guarded_server.options(), "owned", tmp_path, reader)
    assert registry.get("champion").number == 1
    with pytest.raises(OutsideError, match="does not permit"):
        registry.register(trained(3))
    with pytest.raises(OutsideError, match="does not permit"):
        registry.promote("2")
    assert owner.get("champion").number == 1


def add_user(server: Server, user: Credentials) -> None:
    assert server.admin is not None
    secret = base64.b64encode(f"{server.admin.username}:{server.admin.password}".encode()).decode()
    request = urllib.request.Request(
        f"{server.uri}/api/2.0/mlflow/users/create",
        data=json.dumps({"username": user.username, "password": user.password}).encode(),
        headers={"Authorization": f"Basic {secret}", "Content-Type": "application/json"},
    )
    urllib.request.urlopen(request).close()


class Recorder(http.server.BaseHTTPRequestHandler):
    """Answers every request with an error, and remembers who asked."""

    seen: list[str | None]

    def answer(self) -> None:
        self.seen.append(self.headers.get("Authorization"))
        self.send_error(500 if self.path != "/health" else 200)

    do_GET = do_POST = answer  # noqa: N815

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def broken_server() -> Iterator[tuple[str, list[str | None]]]:
    seen: list[str | None] = []
    handler = type("Handler", (Recorder,), {"seen": seen})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", seen
        server.shutdown()


def test_a_token_is_sent_and_a_failing_server_is_an_outside_error(
    broken_server: tuple[str, list[str | None]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "somebody")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "else")
    uri, seen = broken_server
    registry = Registry(RegisterOptions(tracking_uri=uri), "loans", tmp_path, Credentials(token="t0ken"))
    with pytest.raises(OutsideError, match="the tracking server failed"):
        registry.champion()
    assert seen[0] is None, "asking whether the server is there takes no secret"
    assert set(seen[1:]) == {"Bearer t0ken"}
    assert os.environ["MLFLOW_TRACKING_USERNAME"] == "somebody"


class OtherService(http.server.BaseHTTPRequestHandler):
    """Answers every request with another service's JSON object."""

    def answer(self) -> None:
        content = b'{"status": "UP", "name": "billing", "version": "1"}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = answer  # noqa: N815

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.mark.parametrize(
    "call", [Registry.versions, Registry.champion, lambda registry: registry.get("1")], ids=["all", "champion", "get"]
)
def test_registry_on_another_services_address_is_an_outside_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Callable[[Registry], object]
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), OtherService) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        options = RegisterOptions(tracking_uri=f"http://127.0.0.1:{server.server_port}")
        with pytest.raises(OutsideError, match="not one of MLflow's API"):
            call(Registry(options, "loans", tmp_path))
        server.shutdown()


def test_a_server_that_is_not_there_is_an_outside_error(unused_port: Callable[[], int], tmp_path: Path) -> None:
    options = RegisterOptions(tracking_uri=f"http://127.0.0.1:{unused_port()}")
    with pytest.raises(OutsideError, match="does not answer"):
        Registry(options, "loans", tmp_path).champion()
