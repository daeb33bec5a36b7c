"""What a registered version is trained again from, and what came of that."""

from __future__ import annotations

from typing import Literal

from modelway.records.base import Record
from modelway.records.data import PrepareOptions
from modelway.records.fit import FitOptions


class Recipe(Record):
    """`recipe.json`, kept with a version: all that `modelway reproduce` needs, but for the data themselves."""

    schema_version: Literal[1] = 1
    modelway: str
    """The version of modelway that registered it."""
    prepare: PrepareOptions
    """The settings' section, flags included."""
    fit: FitOptions
    """The same; without the address of a study, which may hold a password and decides nothing."""
    files: dict[str, str] = {}
    """SHA-256 of each data file by its name; empty where the registration saw the model alone."""
    modules: dict[str, str] = {}
    """SHA-256 of each of the user's modules that the settings name; not of what those import."""


class Difference(Record):
    """Something that is no longer what it was."""

    kind: str
    """data, settings, code, library, seed, machine or training."""
    name: str
    """Which: a file, a library, a setting."""
    then: str | None = None
    """When the version was trained; None where that is not known, or it was not there."""
    now: str | None = None
    """Now; None where it is not there."""

    def __str__(self) -> str:
        """One line for people."""
        if self.then is None and self.now is None:
            return f"{self.kind}: {self.name}"
        return f"{self.kind}: {self.name} was {self.then or 'absent'}, and is {self.now or 'absent'}"


class Reproduction(Record):
    """What came of training a version again."""

    version: int
    registered: str
    """The model digest that the registry holds."""
    trained: str | None
    """The one that came out; None where nothing was trained, since the inputs are others."""
    differences: tuple[Difference, ...]
    """What changed since; where the digests are the same, it changed nothing."""
    files: tuple[str, ...] = ()
    """The model's files that differ, as far as the registered ones could be fetched."""

    @property
    def same(self) -> bool:
        """Whether the same model came out, bit for bit."""
        return self.trained == self.registered
