"""Options and records of the `register` stage."""

from __future__ import annotations

from enum import StrEnum

from pydantic import TypeAdapter, ValidationError

from modelway.errors import InputError
from modelway.records.base import Record

TRUSTED = "trusted"
"""The tag that holds the record of trust: a JSON list of names."""
_NAMES = TypeAdapter(tuple[str, ...])


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

    @property
    def tag(self) -> str:
        """The tag of the version's release on GitHub, such as `churn-v7`: it names the model, and so its deploy."""
        return f"{self.name}-v{self.number}"

    @property
    def trusted(self) -> tuple[str, ...]:
        """The types and functions that the project trusted when this version was registered or packaged.

        Versions that were registered by earlier releases have no such record: they may use what the settings name.

        Raises:
            InputError: the record can't be read.
        """
        try:
            return _NAMES.validate_json(self.tags.get(TRUSTED, "[]"))
        except ValidationError as error:
            raise InputError(
                f"the registry's record of what version {self.number} may use can't be read",
                where=f"{self.name}, tag {TRUSTED!r}",
                remedy="Remove the tag: what the settings name is then trusted.",
            ) from error


class Registration(Record):
    """What registering did."""

    version: Version
    created: bool
    """False where the model was registered already."""
