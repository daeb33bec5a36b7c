"""Opening the registry: the client, the experiment and the registered model, each made once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname

from modelway.atomic import make_directories, restrict, temporary_directory
from modelway.errors import OutsideError
from modelway.locks import locked
from modelway.registry.bounding import bounded_client, check_driver_and_server
from modelway.registry.location import check_database
from modelway.registry.moved import ROOT_TAG, follow_move
from modelway.registry.session import check_reachable

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from modelway.registry.location import Location


def open_client(location: Location, lock: tuple[Path, str, float]) -> MlflowClient:
    """A client of the registry; a database is created first if it is not there.

    Args:
        location: where the registry is.
        lock: a lock file, and how long to wait for it: MLflow's migrations of an empty database fail when two
            processes run them at once.
    """
    if location.on_server:
        check_reachable(location)
        return bounded_client(location)
    with locked(*lock):
        if location.database is not None:
            _create_database(location.database)
            check_database(location.database)
            follow_move(location.database, location.root)
        else:
            check_driver_and_server(location)
        client = bounded_client(location)
        client.search_registered_models(max_results=1)
    return client


def ensure_experiment(client: MlflowClient, name: str, location: Location) -> str:
    """The id of the experiment, which is created when there is none.

    Raises:
        OutsideError: it was deleted.
    """
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        tags = {} if location.on_server else {ROOT_TAG: location.root}
        if location.artifacts is not None and location.artifacts.startswith("file:"):
            make_directories(Path(url2pathname(urlsplit(location.artifacts).path)))
        return str(client.create_experiment(name, artifact_location=location.artifacts, tags=tags))
    if experiment.lifecycle_stage != "active":
        raise OutsideError(
            f"the experiment {name!r} was deleted in MLflow",
            where=location.address,
            remedy="Restore it with `mlflow experiments restore`, or set register.experiment to another name.",
        )
    return str(experiment.experiment_id)


def ensure_model(client: MlflowClient, name: str) -> None:
    """Create the registered model when there is none."""
    from mlflow.exceptions import MlflowException

    if client.search_registered_models(f"name = '{name}'"):
        return
    try:
        client.create_registered_model(name)
    except MlflowException as error:
        # On a server, another machine may have been faster.
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _create_database(database: Path) -> None:
    """Make an empty database under another name and rename it, so that it is there whole or not at all."""
    if database.exists():
        return
    from mlflow import MlflowClient

    make_directories(database.parent)
    with temporary_directory(database) as directory:
        work = directory.path / database.name
        client = MlflowClient(tracking_uri=f"sqlite:///{work}", registry_uri=f"sqlite:///{work}")
        client.search_registered_models(max_results=1)
        restrict(work, database.parent)
        work.rename(database)
