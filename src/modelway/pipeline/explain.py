"""What is no longer as it was when a version was trained. Pure, but for reading which packages are installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import modelway
from modelway.artifacts import file_digest
from modelway.pipeline.recipe import module_digests
from modelway.records.recipe import Difference

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from modelway.records.fit import Fit
    from modelway.records.recipe import Recipe

_SHOWN = 12
"""Digits of a digest that people read."""
_MODEL_FILES = ("model.json", "features.json", "model.skops")


def changed_data(then: Mapping[str, str], now: Mapping[str, str]) -> tuple[Difference, ...]:
    """The files that differ; where it is not known which, the data as a whole."""
    if not then:
        return (Difference(kind="data", name="the files are not those of the version"),)
    return tuple(_differences("data", _short(then), _short(now)))


def changed_since(
    tags: Mapping[str, str], recipe: Recipe, commit: str | None, lock: str | None
) -> tuple[Difference, ...]:
    """Code, modelway and lock."""
    found = list(_differences("code", _short(recipe.modules), _short(module_digests(recipe.fit))))
    then = tags.get("commit")
    if commit is not None and then is not None and commit != then:
        found.append(Difference(kind="code", name="the commit", then=then, now=commit))
    if recipe.modelway != modelway.__version__:
        found.append(Difference(kind="library", name="modelway", then=recipe.modelway, now=modelway.__version__))
    locked = tags.get("lock_digest")
    if lock is not None and locked is not None and lock != locked:
        found.append(Difference(kind="code", name="the lock", then=locked[:_SHOWN], now=lock[:_SHOWN]))
    return tuple(found)


def changed_surroundings(then: Fit | None, now: Fit) -> tuple[Difference, ...]:
    """Libraries, CPU kernels and the seed, by what a fit notes of itself."""
    if then is None:
        return ()
    found = [*_differences("library", then.versions, now.versions), *_differences("machine", then.kernel, now.kernel)]
    if then.seed != now.seed:
        found.append(Difference(kind="seed", name="fit.seed", then=str(then.seed), now=str(now.seed)))
    return tuple(found)


def differing_files(registered: Path | None, trained: Path) -> tuple[str, ...]:
    """The files of a model that differ; none where the registered ones can't be had."""
    if registered is None:
        return ()
    return tuple(name for name in _MODEL_FILES if file_digest(registered / name) != file_digest(trained / name))


def _differences(kind: str, then: Mapping[str, str], now: Mapping[str, str]) -> list[Difference]:
    return [
        Difference(kind=kind, name=name, then=then.get(name), now=now.get(name))
        for name in sorted({*then, *now})
        if then.get(name) != now.get(name)
    ]


def _short(digests: Mapping[str, str]) -> dict[str, str]:
    return {name: digest[:_SHOWN] for name, digest in digests.items()}
