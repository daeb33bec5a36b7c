"""Looking at a registry changes nothing, and says what a registration would trip over."""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from modelway.errors import InputError, OutsideError
from modelway.records.data import S3Options
from modelway.records.register import RegisterOptions
from modelway.registry import Credentials, Registry, look
from modelway.storage.s3 import s3_client

sys.path.insert(0, str(Path(__file__).parent))
from tls import make_authority, tls_before

if TYPE_CHECKING:
    from tests.registry.conftest import MakeTrained, Server


def test_a_registry_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    assert look(RegisterOptions(), "loans", tmp_path, None).versions is None
    assert not list(tmp_path.iterdir())


def test_versions_are_counted_in_a_file_that_stays_as_it_is(root: Path, trained: MakeTrained) -> None:
    Registry(RegisterOptions(), "loans", root).register(trained(1))
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    seen = look(RegisterOptions(), "loans", root, None)
    assert seen.versions == 1
    assert seen.artifacts is not None
    assert seen.artifacts.startswith("file:")
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before


@pytest.mark.parametrize("kind", ["text", "empty"])
def test_what_is_no_registry_is_refused(tmp_path: Path, kind: str) -> None:
    if kind == "text":
        (tmp_path / "mlflow.db").write_text("no database, but text that is long enough to be one" * 50)
    else:
        sqlite3.connect(tmp_path / "mlflow.db").execute("CREATE TABLE other (x)").connection.close()
    with pytest.raises(OutsideError):
        look(RegisterOptions(), "loans", tmp_path, None)


@pytest.mark.slow
def test_a_guarded_server_takes_the_right_password_alone(
    guarded_server: Server, trained: MakeTrained, tmp_path: Path
) -> None:
    options = guarded_server.options()
    with pytest.raises(OutsideError, match="does not accept") as refused:
        look(options, "looked-at", tmp_path, Credentials(username="admin", password="s3cret-guess"))
    assert "s3cret-guess" not in str(refused.value)
    nothing = look(options, "looked-at", tmp_path, guarded_server.admin)
    assert (nothing.versions, nothing.artifacts, nothing.files) == (0, None, None)
    Registry(options, "looked-at", tmp_path, guarded_server.admin).register(trained(5))
    seen = look(options, "looked-at", tmp_path, guarded_server.admin)
    assert seen.versions == 1
    assert seen.files


@pytest.mark.slow
def test_a_certificate_of_ones_own_has_to_be_named(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    root, both = make_authority(tmp_path, "ours")
    other, _ = make_authority(tmp_path, "another")
    with tls_before(int(server.uri.rpartition(":")[2]), both) as uri:
        options = RegisterOptions(tracking_uri=uri)
        with pytest.raises(OutsideError, match="certificate is not trusted") as refused:
            look(options, "tls", tmp_path, None)
        assert "MLFLOW_TRACKING_SERVER_CERT_PATH" in str(refused.value)
        monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(other))
        with pytest.raises(OutsideError, match="certificate is not trusted"):
            look(options, "tls", tmp_path, None)
        monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(root))
        assert look(options, "tls", tmp_path, None).versions == 0
        assert Registry(options, "tls", tmp_path).champion() is None
        monkeypatch.delenv("MLFLOW_TRACKING_SERVER_CERT_PATH")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(root))
        assert look(options, "tls", tmp_path, None).versions == 0


@pytest.mark.slow
def test_files_that_lie_in_a_bucket_are_listed_with_the_stores_own_credentials(
    server: Server, trained: MakeTrained, tmp_path: Path, empty_moto: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client: Any = s3_client(S3Options(endpoint_url=empty_moto, region="us-east-1", path_style=True))
    client.create_bucket(Bucket="models")
    monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", empty_moto)
    registry = Registry(server.options(), "in-a-bucket", tmp_path)
    with registry._calls() as mlflow:
        mlflow.create_experiment("in-a-bucket", artifact_location="s3://models/mlflow")
    registry.register(trained(6))
    seen = look(server.options(), "in-a-bucket", tmp_path, None)
    assert seen.artifacts is not None
    assert seen.artifacts.startswith("s3://models/mlflow/")
    assert seen.files
    monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    _forget_clients()
    with pytest.raises(OutsideError, match="store of the registry's files failed"):
        look(server.options(), "in-a-bucket", tmp_path, None)
    monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", empty_moto)
    for item in client.list_objects_v2(Bucket="models")["Contents"]:
        client.delete_object(Bucket="models", Key=item["Key"])
    _forget_clients()
    with pytest.raises(InputError, match="files of version 1 are missing"):
        look(server.options(), "in-a-bucket", tmp_path, None)


def _forget_clients() -> None:
    from mlflow.store.artifact import s3_artifact_repo

    s3_artifact_repo._cached_get_s3_client.cache_clear()
