"""Options and records of the `register` stage."""

from __future__ import annotations

from enum import StrEnum

from modelway.records.base import Record


class RegisterOptions(Record):
    """The `register` section of the settings: where models are registered."""

    by_default: bool = True
    """Whether `train` registers a model that passed, unless `--no-register` is given."""
    tracking_uri: str = "sqlite:///mlflow.db"
    """MLflow's tracking server, or a database; a relative SQLite path is beside the settings file."""
    artifact_location: str = "mlartifacts"
    """Where the files of runs go, when `tracking_uri` is a database; beside the settings file."""
    experiment: str | None = None
    """MLflow's experiment; the model's name when absent."""


class Alias(StrEnum):
    """A name that moves from version to version."""

    CHAMPION = "champion"
    CHALLENGER = "challenger"


class Version(Record):
    """A registered version of the model."""

    name: str
    number: int
    run_id: str
    model_digest: str
    """SHA-256 that names the model's own files."""
    aliases: tuple[Alias, ...] = ()
    tags: dict[str, str] = {}
    """What it was registered with: commit, data_digest, settings_digest, verdict and whatever else was given."""


class Registration(Record):
    """What registering did."""

    version: Version
    created: bool
    """False where the model was registered already."""
