"""The recipe of a version: written when it is registered, read when it is trained again."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import modelway
from modelway.artifacts import digest_of, file_digest
from modelway.records.recipe import Recipe

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelway.records.artifacts import Manifest
    from modelway.records.fit import FitOptions
    from modelway.records.settings import Settings

RECIPE = "recipe.json"


def make_recipe(settings: Settings, model: Manifest, files: Mapping[str, str]) -> Recipe | None:
    """The recipe of a model directory; None where these settings are not those that it was fitted with.

    Args:
        settings: the whole settings.
        model: the manifest of the model directory.
        files: SHA-256 of the data files by name, as far as they are known.
    """
    if model.inputs.get("settings") != fit_digest(settings.fit):
        return None
    return Recipe(
        modelway=modelway.__version__,
        prepare=settings.prepare,
        fit=without_study(settings.fit),
        files=dict(sorted(files.items())),
        modules=module_digests(settings.fit),
    )


def fit_digest(options: FitOptions) -> str:
    """The digest of the settings of a fit, as the model's manifest holds it."""
    return digest_of({"fit": options.to_json()})


def without_study(options: FitOptions) -> FitOptions:
    """The same fit with a study of its own: one that goes on with somebody else's trials would run none again."""
    return options.model_copy(update={"search": options.search.model_copy(update={"storage": None})})


def module_digests(options: FitOptions) -> dict[str, str]:
    """SHA-256 of the modules whose functions the settings name, as far as they are found."""
    references = [custom.function for custom in options.features.custom]
    references += [options.estimator.function] if options.estimator.kind == "custom" else []
    found = {}
    for module in sorted({reference.partition(":")[0] for reference in references}):
        try:
            spec = importlib.util.find_spec(module)
        except (ImportError, ValueError):
            continue
        if spec is not None and spec.origin is not None and Path(spec.origin).is_file():
            found[module] = file_digest(Path(spec.origin))
    return found
