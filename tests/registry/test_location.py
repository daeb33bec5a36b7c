"""Where the registry is, and who we are to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelway.errors import SettingsError, UsageError
from modelway.records.register import RegisterOptions
from modelway.registry import Credentials
from modelway.registry.location import locate


def test_relative_paths_begin_beside_the_settings_file(tmp_path: Path) -> None:
    found = locate(RegisterOptions(), tmp_path)
    assert found.uri == f"sqlite:///{tmp_path}/mlflow.db"
    assert found.database == tmp_path / "mlflow.db"
    assert found.artifacts == (tmp_path / "mlartifacts").as_uri()


def test_absolute_paths_and_addresses_stay(tmp_path: Path) -> None:
    options = RegisterOptions(tracking_uri="sqlite:////elsewhere/x.db", artifact_location="s3://bucket/files")
    found = locate(options, tmp_path)
    assert found.database == Path("/elsewhere/x.db")
    assert found.artifacts == "s3://bucket/files"


def test_a_server_decides_where_files_go(tmp_path: Path) -> None:
    found = locate(RegisterOptions(tracking_uri="https://mlflow.example.com/"), tmp_path)
    assert found.on_server
    assert found.uri == "https://mlflow.example.com"
    assert found.artifacts is None


@pytest.mark.parametrize(
    "uri", ["./mlruns", "file:///x", "ftp://x", "databricks", "", "sqlite://", "sqlite:///:memory:"]
)
def test_an_address_of_another_kind_is_refused(tmp_path: Path, uri: str) -> None:
    with pytest.raises(SettingsError, match=r"register\.tracking_uri"):
        locate(RegisterOptions(tracking_uri=uri), tmp_path)


def test_a_path_that_sqlalchemy_would_misread_is_refused(tmp_path: Path) -> None:
    for name in ("what?", "a%20b"):
        with pytest.raises(SettingsError, match="question mark or a percent sign"):
            locate(RegisterOptions(), tmp_path / name)


def test_a_password_in_the_address_is_refused_and_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        locate(RegisterOptions(tracking_uri="https://me:s3cret@mlflow.example.com"), tmp_path)
    assert "s3cret" not in str(caught.value)


def test_a_database_password_does_not_show(tmp_path: Path) -> None:
    found = locate(RegisterOptions(tracking_uri="postgresql+psycopg://me:s3cret@db/mlflow"), tmp_path)
    assert found.address == "postgresql+psycopg://***@db/mlflow"


@pytest.mark.parametrize(
    "given",
    [
        {"username": "me"},
        {"password": "x"},
        {"username": "me", "password": ""},
        {},
        {"token": "t", "username": "me", "password": "x"},
    ],
)
def test_half_a_secret_is_a_usage_error(given: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        Credentials(**given)


def test_secrets_do_not_show() -> None:
    shown = repr(Credentials(username="me", password="s3cret")) + repr(Credentials(token="t0ken"))
    assert "me" in shown
    assert "s3cret" not in shown
    assert "t0ken" not in shown
