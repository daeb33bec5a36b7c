"""What can be seen of a registry without changing it: MLflow's own client would make or migrate a database."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from modelway.errors import InputError, OutsideError
from modelway.registry import versions
from modelway.registry.bounding import bounded_client, check_driver_and_server, run_bounded
from modelway.registry.location import check_database, database_remedy, locate
from modelway.registry.run import ARTIFACT
from modelway.registry.session import calls, check_reachable

if TYPE_CHECKING:
    from pathlib import Path

    from mlflow import MlflowClient

    from modelway.records.register import RegisterOptions, Version
    from modelway.registry.credentials import Credentials
    from modelway.registry.location import Location

_TABLE = "model_versions"
_COUNT = "SELECT count(*) FROM model_versions"


@dataclass(frozen=True)
class Look:
    """What was seen.

    Attributes:
        address: where the registry is, without a password.
        versions: how many versions there are; None where the registry is not there yet.
        artifacts: where files of runs go; None where a server decides, and nothing was registered yet.
        files: how many entries the newest version's files have; None where none was looked at.
    """

    address: str
    versions: int | None
    artifacts: str | None
    files: int | None


def look(options: RegisterOptions, name: str, root: Path, credentials: Credentials | None) -> Look:
    """Look at a registry.

    Args:
        options: where it is.
        name: the model's name.
        root: the directory of the settings file.
        credentials: who we are to a tracking server.

    Raises:
        SettingsError: the options name no registry.
        InputError: the newest version's files are missing.
        OutsideError: the server, the database or the store of files fails, or refuses us.
    """
    location = locate(options, root)
    if location.database is not None:
        return Look(location.address, _count_in_file(location.database), location.artifacts, None)
    if not location.on_server:
        with calls(location, None):
            check_driver_and_server(location)
            count = run_bounded(lambda: _count_in_database(location.uri), location)
            return Look(location.address, count, location.artifacts, None)
    with calls(location, credentials):
        check_reachable(location)
        client = bounded_client(location)
        found = versions.all_versions(client, name)
        return _server(client, location, options.experiment or name, found)


def _server(client: MlflowClient, location: Location, experiment: str, found: list[Version]) -> Look:
    if not found:
        known = client.get_experiment_by_name(experiment)
        return Look(location.address, 0, str(known.artifact_location) if known else None, None)
    newest = found[-1]
    artifacts = str(client.get_run(newest.run_id).info.artifact_uri)
    files = len(client.list_artifacts(newest.run_id, ARTIFACT))
    if not files:
        raise InputError(
            f"the files of version {newest.number} are missing",
            where=artifacts,
            remedy="Restore them from a copy, or see that the store's address and rights are right.",
        )
    return Look(location.address, len(found), artifacts, files)


def _count_in_file(database: Path) -> int | None:
    """Rows of versions in an SQLite file, which is opened for reading alone; None where it is not there yet."""
    if not database.exists():
        return None
    check_database(database)
    connection = sqlite3.connect(f"file:{quote(str(database))}?mode=ro", uri=True)
    try:
        return int(connection.execute(_COUNT).fetchone()[0])
    except sqlite3.Error as error:
        raise OutsideError(
            f"the database is no registry of MLflow's: {error}",
            where=str(database),
            remedy=database_remedy(str(error)),
        ) from error
    finally:
        connection.close()


def _count_in_database(uri: str) -> int | None:
    """The same of a database server; None where its tables are not there yet."""
    from sqlalchemy import create_engine, inspect, text

    engine = create_engine(uri)
    try:
        if not inspect(engine).has_table(_TABLE):
            return None
        with engine.connect() as connection:
            return int(connection.execute(text(_COUNT)).scalar_one())
    finally:
        engine.dispose()
