"""Continuous training: each stage a container, Directory → Directory, and the chain of them."""

from __future__ import annotations

import json
import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

from modelway_ci.images import OWNER, WORK, stage_container
from modelway_ci.project import (
    PROJECT,
    SOURCE,
    Project,
    with_registry,
    with_source,
    with_trust,
    with_user_code,
    with_volume,
)
from modelway_ci.refusal import RefusalError
from modelway_ci.services import with_store
from modelway_ci.settings import is_remote
from modelway_ci.stage import ARTIFACT, Outcome, never_cached, run_stage
from modelway_ci.summary import FILE, summarize

if TYPE_CHECKING:
    from collections.abc import Sequence

    import dagger

    from modelway_ci.settings import Settings

_DATA = f"{WORK}/data"
_UNDECIDED = 5


@dataclass(frozen=True)
class DataFlags:
    """What to read: a directory that was handed in, or an address, in the place of the settings'."""

    data: dagger.Directory | None = None
    data_uri: str | None = None
    sample: int | None = None

    def refuse_both(self) -> None:
        """Refuse two answers to one question.

        Raises:
            RefusalError: there are both, a directory and an address.
        """
        if self.data is not None and self.data_uri is not None:
            raise RefusalError(2, "--data and --data-uri both say what to read: give one of them")

    def overrides(self) -> list[str]:
        """The same as overrides of the settings."""
        given = f"prepare.data.uri={json.dumps(_DATA if self.data is not None else self.data_uri)}"
        return [*([given] if self.data is not None or self.data_uri else []), *_set({"prepare.sample": self.sample})]


@dataclass(frozen=True)
class FitFlags:
    """How to fit."""

    epochs: int | None = None
    batch_size: int | None = None
    trials: int | None = None
    gpus: bool = False

    def overrides(self) -> list[str]:
        """The same as overrides of the settings."""
        estimator = {"fit.estimator.epochs": self.epochs, "fit.estimator.batch_size": self.batch_size}
        return _set({**estimator, "fit.search.trials": self.trials})


@dataclass(frozen=True)
class Result:
    """What a call gives.

    Attributes:
        record: what becomes `summary.json`.
        artifact: the artifact, if there is one.
        shown: the record for people, where it is not told by the record alone.
    """

    record: dict[str, object]
    artifact: dagger.Directory | None
    shown: str | None = None


async def prepare(project: Project, flags: DataFlags) -> Outcome:
    """Read, check and split the data set."""
    flags.refuse_both()
    settings = project.settings
    addresses, places = _sources(settings, flags)
    container = with_source(stage_container(project.workshop, "prepare"), project, ("name", "prepare"), places)
    argv = ["prepare", "--config", project.config, "--output", ARTIFACT]
    if flags.data is not None:
        container = container.with_mounted_directory(_DATA, flags.data, owner=OWNER)
        argv += ["--data", _DATA]
    elif flags.data_uri is not None:
        argv += ["--set", f"prepare.data.uri={json.dumps(flags.data_uri)}"]  # unlike --data, relative to the settings
    argv += _flags({"--sample": flags.sample})
    if any(map(is_remote, addresses)):
        # What lies there can change: each run asks, downloads what is new, and its result is known by its content.
        container = never_cached(with_volume(container, project, f"{SOURCE}/{settings.folder}"))
        container, more = await with_store(container, project.outside)
        argv += more
    return await run_stage("prepare", container, [*argv, *settings.flags("name", "prepare")])


async def fit(project: Project, prepared: dagger.Directory, flags: FitFlags) -> Outcome:
    """Fit a model on a prepared data set; the volume keeps its studies, so that an interrupted search resumes."""
    container = await with_user_code(stage_container(project.workshop, "fit"), project, ("name", "fit"))
    container = with_volume(container, project, f"{SOURCE}/{project.settings.folder}")
    container = container.with_mounted_directory(f"{WORK}/prepared", prepared.without_file(FILE), owner=OWNER)
    if flags.gpus:
        container = container.experimental_with_all_gp_us()
    argv = ["fit", "--config", project.config, "--prepared", f"{WORK}/prepared", "--output", ARTIFACT]
    argv += _flags({"--epochs": flags.epochs, "--batch-size": flags.batch_size, "--trials": flags.trials})
    return await run_stage("fit", container, [*argv, *project.settings.flags("name", "fit")])


async def evaluate(
    project: Project,
    prepared: dagger.Directory,
    model: dagger.Directory,
    champion: dagger.Directory | None,
    trusted: Sequence[str] = (),
) -> Outcome:
    """Measure a model and judge it by the gates.

    Args:
        project: whose model.
        prepared: what `prepare` wrote.
        model: what `fit` wrote.
        champion: what `pull` wrote.
        trusted: what the registry lets the champion use, in addition to what the settings name.
    """
    container = await with_user_code(stage_container(project.workshop, "evaluate"), project, ("name", "evaluate"))
    container = with_trust(container, [*project.settings.trusted, *project.trusted, *trusted])
    argv = ["evaluate", "--config", project.config, "--output", ARTIFACT]
    for name, directory in (("prepared", prepared), ("model", model), ("champion", champion)):
        if directory is not None:
            container = container.with_mounted_directory(f"{WORK}/{name}", directory.without_file(FILE), owner=OWNER)
            argv += [f"--{name}", f"{WORK}/{name}"]
    return await run_stage("evaluate", container, [*argv, *project.settings.flags("name", "evaluate")])


async def pull(project: Project, version: str, *, allow_missing: bool = False) -> Outcome:
    """Fetch a registered version's model directory. It reads all of the settings, so it also finds fault with them."""
    container, flags = await with_registry(project, "pull", reads=True)
    argv = ["pull", version, *flags, "--output", ARTIFACT, "--json"]
    return await run_stage("pull", container, [*argv, "--allow-missing"] if allow_missing else argv)


async def register(project: Project, directory: dagger.Directory) -> Outcome:
    """Register a model that passed its gates."""
    container, flags = await with_registry(project, "register", reads=False)
    container = container.with_mounted_directory(f"{WORK}/training", directory.without_file(FILE), owner=OWNER)
    return await run_stage("register", container, ["register", f"{WORK}/training", *flags, "--json"])


async def reproduce(project: Project, version: str, flags: DataFlags) -> Outcome:
    """Train a registered version again, each time anew, and compare; what came out is given also where it differs."""
    flags.refuse_both()
    _, places = _sources(project.settings, flags)
    container, words = await with_registry(project, "reproduce", reads=False, sees_code=True, places=places)
    container, _ = await with_store(container, project.outside)
    argv = ["reproduce", version, *words, "--output", ARTIFACT, "--json"]
    if flags.data is not None:
        container = container.with_mounted_directory(_DATA, flags.data, owner=OWNER)
        argv += ["--data", _DATA]
    elif flags.data_uri is not None:
        # Relative to the settings, as everywhere here; the command goes by where it runs.
        argv += ["--data", flags.data_uri if is_remote(flags.data_uri) else posixpath.join(PROJECT, flags.data_uri)]
    return await run_stage("reproduce", container, argv)


def _sources(settings: Settings, flags: DataFlags) -> tuple[list[str], list[str]]:
    """The addresses of the data sets, benchmarks too, and where in the source those lie that are files of it."""
    addresses = settings.addresses(_DATA if flags.data is not None else flags.data_uri)
    return addresses, [settings.place_of(one) for one in addresses if one != _DATA and not is_remote(one)]


async def train(project: Project, data: DataFlags, how: FitFlags, *, registers: bool | None) -> Result:
    """Prepare, fit, evaluate and register. The first stage that ends red ends the chain."""
    done: dict[str, Outcome] = {}
    # The registry's stages see all of the settings, so they are told what the flags of the others put into them.
    whole = project.overridden(*data.overrides(), *how.overrides())

    async def model() -> None:
        prepared = done["prepare"] = await prepare(project, data)
        if prepared.exit_code == 0:
            done["fit"] = await fit(project, _artifact(prepared), how)

    async def champion(scope: anyio.CancelScope) -> None:
        done["pull"] = await pull(whole, "champion", allow_missing=True)
        if done["pull"].exit_code:
            scope.cancel()  # the settings are wrong or the registry is out of reach: no need to fit for that

    async with anyio.create_task_group() as group:
        group.start_soon(model)
        group.start_soon(champion, group.cancel_scope)
    if any(outcome.exit_code for outcome in done.values()):
        failed = next(outcome for outcome in done.values() if outcome.exit_code)
        return Result(summarize([*done.values()], failed.exit_code), None)
    trusted = json.loads(done["pull"].stdout).get("trusted", ())
    evaluated = done["evaluate"] = await evaluate(
        project, _artifact(done["prepare"]), _artifact(done["fit"]), done["pull"].artifact, trusted
    )
    if evaluated.artifact is None:
        return Result(summarize([*done.values()], evaluated.exit_code), None)
    return await _decide(whole, done, evaluated.artifact, registers=registers)


async def _decide(
    project: Project, done: dict[str, Outcome], artifact: dagger.Directory, *, registers: bool | None
) -> Result:
    """Register what passed. What is registered already needs no evidence against itself, and no registering."""
    code = done["evaluate"].exit_code
    metrics = await artifact.file("metrics.json").contents()
    known = json.loads(done["pull"].stdout)["known"].get(json.loads(metrics)["model_digest"])
    registration = None
    if code in {0, _UNDECIDED}:
        if known is not None:
            code, registration = 0, json.dumps({"version": {"number": known}})
        elif project.settings.registers if registers is None else registers:
            registered = done["register"] = await register(project, artifact)
            code = registered.exit_code
            registration = registered.stdout if code == 0 else None
    return Result(summarize([*done.values()], code, metrics, registration), artifact)


def _artifact(outcome: Outcome) -> dagger.Directory:
    if outcome.artifact is None:
        raise RefusalError(1, f"{outcome.stage} ended well, but wrote nothing")
    return outcome.artifact


def _flags(values: dict[str, int | None]) -> list[str]:
    return [word for flag, value in values.items() if value is not None for word in (flag, str(value))]


def _set(values: dict[str, int | None]) -> list[str]:
    return [f"{keys}={value}" for keys, value in values.items() if value is not None]
