"""The `register` stage, and what else `train` asks of the registry."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from modelway.artifacts import digest_of, read_manifest, write_artifact
from modelway.pipeline import evaluate as evaluate_stage
from modelway.pipeline import fit as fit_stage
from modelway.pipeline.recipe import RECIPE, make_recipe
from modelway.records.progress import Progress, silent
from modelway.records.register import TRUSTED
from modelway.records.trust import join_names

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from modelway.records.register import Registration, Version
    from modelway.records.settings import Settings
    from modelway.registry import Registry

MODEL = "model"
"""The directory of the model's own files, in what `evaluate` wrote."""


def register(
    registry: Registry,
    settings: Settings,
    directory: Path,
    *,
    commit: str | None,
    source: Mapping[str, str] | None = None,
    files: Mapping[str, str] | None = None,
    progress: Progress = silent,
) -> Registration:
    """Register what `evaluate` wrote, if its gates passed.

    Args:
        registry: the model's registry.
        settings: the whole settings; their digest becomes a tag.
        directory: what the `evaluate` stage wrote.
        commit: the revision of the user's code, a tag too.
        source: further tags of where the model comes from: commit_time, lock_digest.
        files: SHA-256 of the data files by name, where they are known.
        progress: told after each part.

    Raises:
        InputError: the directory is not as it was written.
        GateError: a gate failed.
        InconclusiveError: the evidence is not enough, and the settings do not let that through.
    """
    manifest = read_manifest(directory, evaluate_stage.KIND)
    tags = {"data_digest": manifest.inputs["data"], "settings_digest": settings_digest(settings), **(source or {})}
    if commit:
        tags["commit"] = commit
    if code := join_names(settings.fit.code):
        tags[TRUSTED] = json.dumps(code)
    recipe = make_recipe(settings, read_manifest(directory / MODEL, fit_stage.KIND), files or {})
    texts = {RECIPE: recipe.to_json()} if recipe else {}
    return registry.register(directory, tags=tags, texts=texts, progress=progress)


def settings_digest(settings: Settings) -> str:
    """The digest of everything in the settings that decides a model."""
    sections = {"prepare": settings.prepare, "fit": settings.fit, "evaluate": settings.evaluate}
    return digest_of({name: section.to_json() for name, section in sections.items()})


def fetch_champion(registry: Registry, root: Path) -> tuple[Path | None, tuple[str, ...]]:
    """Return the champion's model directory and the types and functions that the registry lets it use.

    The directory is kept below `root`, so that it is fetched once; None when there is no champion.
    """
    version = registry.champion()
    if version is None:
        return None, ()
    directory = root / ".modelway" / "cache" / "models" / version.model_digest
    if not directory.is_dir():
        pull(registry, str(version.number), directory)
    return directory, version.trusted


def pull(registry: Registry, reference: str, output: Path) -> Version:
    """Fetch a registered version's model directory.

    Args:
        registry: the model's registry.
        reference: the version's number, alias or run.
        output: where the artifact directory goes.
    """
    version = registry.get(reference)
    with write_artifact(output, fit_stage.KIND, {"version": version.model_digest}) as directory:
        return registry.download(str(version.number), directory)
