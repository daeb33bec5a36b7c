"""The `reproduce` stage: a registered version trained again from its recipe, and compared by its digest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelway.artifacts import check_replaceable, read_manifest
from modelway.atomic import scratch_directory
from modelway.bundle import model_digest
from modelway.bundle.trust import refuse_untrusted
from modelway.data import prepare_data
from modelway.errors import InputError
from modelway.pipeline import fit as fit_stage
from modelway.pipeline.explain import changed_data, changed_since, changed_surroundings, differing_files
from modelway.pipeline.fit import fit_prepared, write_model
from modelway.pipeline.prepare import cache_of, data_digest, dataset_digest
from modelway.pipeline.recipe import RECIPE
from modelway.records.fit import Fit
from modelway.records.progress import Progress, silent
from modelway.records.recipe import Difference, Recipe, Reproduction
from modelway.records.trust import join_names

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from modelway.data import Prepared
    from modelway.records.register import Version
    from modelway.registry import Registry
    from modelway.train import Fitted


@dataclass(frozen=True)
class Kept:
    """What the registry has of a version.

    Attributes:
        version: the version.
        recipe: how it was trained.
        model: its own files; None where they can't be had.
        fit: how they came to be; None likewise.
        dataset: the digest of the prepared data set; None likewise.
    """

    version: Version
    recipe: Recipe
    model: Path | None
    fit: Fit | None
    dataset: str | None


def reproduce(
    registry: Registry,
    reference: str,
    root: Path,
    output: Path | None,
    *,
    data: str | None = None,
    commit: str | None = None,
    lock: str | None = None,
    trusted: Collection[str] = (),
    progress: Progress = silent,
) -> Reproduction:
    """Train a registered version again. Nothing is registered, and no study of the project's is gone on with.

    Args:
        registry: the model's registry.
        reference: the version's number, alias or run.
        root: the directory of the settings file.
        output: where the model directory that came out goes, if it is to be kept.
        data: where the data are now; where they were, when absent.
        commit: the revision of the user's code now.
        lock: the digest of the project's lock now.
        trusted: the types and functions that the project trusts; those of the version's own record are trusted, too.
        progress: told where it is.

    Raises:
        UsageError: there is no such version.
        InputError: it has no recipe, its recipe names functions that are not trusted, or its data can't be had.
        OutsideError: the registry or the store of the data fails.
    """
    if output is not None:
        check_replaceable(output)
    with scratch_directory() as directory:
        work = directory
        kept = _fetch(registry, reference, work)
        names = join_names(trusted, kept.version.trusted)
        refuse_untrusted(kept.recipe.fit.code, names, f"{RECIPE} of version {kept.version.number}")
        prepared = _prepare(kept, data, root, progress)
        tags, recipe = kept.version.tags, kept.recipe
        since = changed_since(tags, recipe, commit, lock)
        if data_digest(prepared.dataset) != tags.get("data_digest"):
            found = changed_data(recipe.files, prepared.dataset.source)
            return _result(kept, None, (*found, *since))
        trained = work / "trained"
        now = _fit(kept, prepared, work / "first", trained, progress)
        digest = model_digest(trained)
        if output is not None:
            write_model(now, prepared.dataset, recipe.fit, output)
        same_rows = kept.dataset in {None, dataset_digest(prepared.dataset)}
        split = () if same_rows else (Difference(kind="settings", name="prepare: the same files give other rows"),)
        found = (*since, *split, *changed_surroundings(kept.fit, now.fit))
        if digest != kept.version.model_digest and not found:
            found = _unexplained(kept, prepared, work, digest, progress)
        return _result(kept, digest, found, differing_files(kept.model, trained))


def _fetch(registry: Registry, reference: str, work: Path) -> Kept:
    """The recipe, and the model as far as it is whole: it may be lost, which is why somebody trains it again."""
    version = registry.get(reference)
    number = str(version.number)
    try:
        registry.download_kept(number, (RECIPE,), work)
        recipe = Recipe.from_json((work / RECIPE).read_bytes())
    except (InputError, ValueError) as error:
        commit = version.tags.get("commit")
        why = error.what if isinstance(error, InputError) else "it is malformed"
        raise InputError(
            f"version {number} has no recipe that can be read ({why}): it was registered by an older modelway, or by "
            "`register` with other settings than it was fitted with",
            where=f"run {version.run_id}",
            remedy=f"Train with its settings again{f' (commit {commit})' if commit else ''}: `modelway train "
            f"--no-register` prints the digest; the version's is {version.model_digest}.",
        ) from error
    model = work / "registered"
    model.mkdir()
    try:
        registry.download(number, model)
        manifest = read_manifest(model, fit_stage.KIND)
        fit = Fit.from_json((model / "fit.json").read_bytes())
    except InputError:
        return Kept(version, recipe, None, None, None)
    return Kept(version, recipe, model, fit, manifest.inputs.get("dataset"))


def _prepare(kept: Kept, data: str | None, root: Path, progress: Progress) -> Prepared:
    options = kept.recipe.prepare
    if data is not None:
        options = options.model_copy(update={"data": options.data.model_copy(update={"uri": data})})
    try:
        return prepare_data(options, root, cache_of(root), progress)
    except InputError as error:
        raise InputError(
            f"the data that version {kept.version.number} was trained on can't be had: {error.what}",
            where=error.where,
            remedy="Restore them, or say where they are now: --data URI. They have to be the same, byte by byte.",
        ) from error


def _fit(kept: Kept, prepared: Prepared, state: Path, trained: Path, progress: Progress) -> Fitted:
    """Fit with a state of its own, so that a search runs all of its trials again."""
    state.mkdir()
    fitted = fit_prepared(kept.recipe.fit, state, prepared, progress)
    write_model(fitted, prepared.dataset, kept.recipe.fit, trained)
    return fitted


def _unexplained(kept: Kept, prepared: Prepared, work: Path, digest: str, progress: Progress) -> tuple[Difference, ...]:
    """Nothing that is recorded has changed: does the training itself give another model each time?"""
    search = kept.recipe.fit.search
    if search.trials and (search.workers > 1 or search.timeout is not None):
        name = f"fit.search.workers is {search.workers}" if search.workers > 1 else "fit.search.timeout is set"
        return (Difference(kind="settings", name=f"{name}, which gives up reproducibility"),)
    _fit(kept, prepared, work / "second", work / "again", progress)
    if model_digest(work / "again") != digest:
        return (Difference(kind="training", name="not deterministic: two runs of now differ from each other"),)
    where = "all that is recorded is the same, and two runs of now agree with each other"
    return (Difference(kind="machine", name=f"something that is not recorded: {where}"),)


def _result(
    kept: Kept, trained: str | None, differences: tuple[Difference, ...], files: tuple[str, ...] = ()
) -> Reproduction:
    version = kept.version
    return Reproduction(
        version=version.number,
        registered=version.model_digest,
        trained=trained,
        differences=differences,
        files=files,
    )
