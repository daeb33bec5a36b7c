"""Where the registry is, and who we are to it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from modelway.errors import SettingsError, UsageError
from modelway.records.register import RegisterOptions
from modelway.registry import Credentials
from modelway.registry.location import locate
from modelway.registry.moved import ROOT_TAG, follow_move


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


OLD, NEW = "file:///home/me/loans_50%25", "file:///srv/new%20place/loans"
MOVED = {
    f"{OLD}/mlartifacts/1": f"{NEW}/mlartifacts/1",
    f"{OLD}/{OLD}/x": f"{NEW}/{OLD}/x",
    f"{OLD}-files/1": f"{OLD}-files/1",
    f"{OLD}": f"{OLD}",
    f"{OLD}2": f"{OLD}2",
    f"{OLD.replace('_', 'x')}/1": f"{OLD.replace('_', 'x')}/1",
    f"{OLD.upper()}/1": f"{OLD.upper()}/1",
    f"file:///elsewhere/{OLD}/1": f"file:///elsewhere/{OLD}/1",
    "file:///home/me/1": "file:///home/me/1",
    "file:///home/a/1": f"{NEW}/1",
    "s3://bucket/1": "s3://bucket/1",
    f"{NEW}/1": f"{NEW}/1",
    None: None,
}
"""Addresses before and after a registry was moved from `OLD`, and once before from another folder."""


def test_follow_move_rewrites_addresses_below_the_former_folder_alone(tmp_path: Path) -> None:
    places = {
        "experiments": ["artifact_location"],
        "runs": ["artifact_uri"],
        "model_versions": ["source", "storage_location"],
    }
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as database, database:
        for table, columns in places.items():
            database.execute(f"CREATE TABLE {table} ({', '.join(columns)})")
            rows = [(one,) * len(columns) for one in MOVED]
            database.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(columns))})", rows)
        database.execute("CREATE TABLE experiment_tags (key, value)")
        tags = [(ROOT_TAG, OLD), (ROOT_TAG, OLD), (ROOT_TAG, "file:///home/a"), (ROOT_TAG, NEW), ("note", OLD)]
        database.executemany("INSERT INTO experiment_tags VALUES (?, ?)", tags)
    for _ in range(2):
        follow_move(tmp_path / "mlflow.db", NEW)
        with closing(sqlite3.connect(tmp_path / "mlflow.db")) as database:
            for table, columns in places.items():
                for column in columns:
                    found = [one for (one,) in database.execute(f"SELECT {column} FROM {table}")]
                    assert found == list(MOVED.values())
            assert database.execute("SELECT * FROM experiment_tags").fetchall() == [
                *([(ROOT_TAG, NEW)] * 4),
                ("note", OLD),
            ]
