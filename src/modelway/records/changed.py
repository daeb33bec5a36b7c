"""Options and record of `changed`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from modelway.records.base import Record

Glob = Annotated[str, Field(pattern=r"^!?[^!]")]
"""As in GitHub's path filters: `*` stays within a folder, `**` crosses them, `!` takes back; the last match counts."""


class Category(StrEnum):
    """What a path of the project is."""

    CODE = "code"
    DATA = "data"
    MODEL = "model"
    SETTINGS = "settings"
    DOCS = "docs"
    OTHER = "other"
    """Nobody knows, and so everything has to run."""


class ChangedOptions(Record):
    """The `changed` section of the settings: which files are code, data, models, settings and documents.

    A path that several lists claim belongs to all of them. `../` leads out of the settings file's directory.
    """

    code: tuple[Glob, ...] = (
        "**/*.py",
        "**/*.pyi",
        "**/*.sh",
        "**/*.toml",
        "**/*.cfg",
        "**/*.ini",
        "**/*.lock",
        "**/requirements*.txt",
        "Makefile",
        "dagger.json",
        "src/**",
        "ci/**",
        "docker/**",
        "tests/**",
        ".github/**",
    )
    """Code, its tests, its dependencies and what runs them."""
    data: tuple[Glob, ...] = ("data/**", "**/*.csv", "**/*.jsonl", "**/*.parquet", "**/*.dvc", "**/dvc.lock")
    """Data sets; what `prepare.data` and `prepare.benchmarks` name below the settings file is data besides."""
    model: tuple[Glob, ...] = ("models/**", "model-artifacts/**", "**/*.onnx", "**/*.skops", "**/*.joblib", "**/*.pkl")
    """Models that are kept as files."""
    settings: tuple[Glob, ...] = ()
    """Files with settings besides modelway.yaml itself, which is compared key by key."""
    docs: tuple[Glob, ...] = ("docs/**", "**/*.md", "**/*.rst", "**/*.ipynb", "LICENSE*", ".gitignore")
    """What nothing has to run for."""
    ignore: tuple[Glob, ...] = (".modelway/**", "mlflow.db*", "mlartifacts/**", "reports/**")
    """Where no list above claims a path: what modelway itself leaves there, and what else does not count."""


class RegistryChange(Record):
    """What the registry holds, beside what is known already."""

    known: int
    """The version that the caller knows."""
    challenger: int | None = None
    champion: int | None = None


class Changes(Record):
    """What changed, and what therefore has to run."""

    base: str
    """The commit that is compared with; the empty tree where there was none before."""
    head: str | None
    """The commit that is compared; the files as they lie there, where absent."""
    changed: dict[Category, tuple[str, ...]]
    """Paths relative to the settings file's directory, sorted, of each category."""
    settings_keys: tuple[str, ...] = ()
    """Top-level keys of the settings whose values differ."""
    registry: RegistryChange | None = None
    """Absent where it was not asked."""
    run: tuple[str, ...] = ()
    """The commands to run, in order."""
    train_parts: tuple[str, ...] = ()
    """Of `train`, the parts whose inputs changed."""
    because: dict[str, tuple[str, ...]] = {}
    """For each command of `run`, what asks for it: a category, or `settings.KEY`."""
    notes: tuple[str, ...] = ()
    """What could not be told, and was therefore taken for a change or left out."""
