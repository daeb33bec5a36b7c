"""Continuous integration: each part a container of its own, and all of them side by side."""

from __future__ import annotations

import posixpath
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import anyio
import dagger

from modelway_ci.checkout import PARTS, Checkout
from modelway_ci.images import OUT, OWNER, WORK, stage_container
from modelway_ci.project import SOURCE, Project, user_code, with_source, with_volume
from modelway_ci.refusal import RefusalError, only_refusal
from modelway_ci.reports import Ended
from modelway_ci.services import with_store
from modelway_ci.settings import is_remote
from modelway_ci.stage import ARTIFACT, OUTSIDE_FAILED, Outcome, look_up, never_cached, run_part

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from modelway_ci.learn import DataFlags, FitFlags

_GIVEN = f"{WORK}/given"
_DATA = f"{_GIVEN}/data"
_KNOWN_TOOLS = frozenset({"ruff", "mypy", "black", "flake8", "pylint", "lint-imports"})
_READ_BY_TOOLS = [
    *(f"**/*.{ending}" for ending in ("py", "pyi", "ipynb", "toml", "cfg", "ini")),
    *(f"**/{name}" for name in ("py.typed", ".flake8", ".pylintrc*", "pylintrc*", ".importlinter")),
]
"""What the known tools look at: code and their own configuration."""


@dataclass(frozen=True)
class SuiteFlags:
    """What a data set is checked against, besides the settings."""

    baseline: dagger.File | None = None
    expectations: tuple[dagger.File, ...] = ()
    now: str | None = None


async def check_code(project: Project, checkout: Checkout) -> Outcome:
    """Format, lint and types."""
    tree = await checkout.tree()
    if project.settings.tools <= _KNOWN_TOOLS:
        slice_ = project.settings.sliced("name", "check_code")
        tree = tree.filter(include=_READ_BY_TOOLS).with_new_file(project.settings.path, slice_)
    return await _on_tree(project, "check-code", tree)


async def test(project: Project, checkout: Checkout) -> Outcome:
    """The project's own tests. They may read any of its files."""
    return await _on_tree(project, "test", await checkout.tree())


async def check_data(project: Project, checkout: Checkout, data: DataFlags, flags: SuiteFlags) -> Outcome:
    """The data set against its columns and suite."""
    settings = project.settings
    container = stage_container(project.workshop, "check-data")
    addresses = settings.checked_address(_DATA if data.data is not None else data.data_uri)
    container = with_source(container, project, ("name", "prepare", "check_data"), _places(project, addresses))
    if files := [settings.place_of(name) for name in settings.suite_files]:
        named = await checkout.named(files)
        for path in files:
            if await named.exists(path):
                container = container.with_mounted_file(posixpath.join(SOURCE, path), named.file(path), owner=OWNER)
    container, argv = await _with_data(project, "check-data", container, data, addresses)
    given = [("--expectations", file) for file in flags.expectations]
    given += [("--baseline", flags.baseline)] if flags.baseline is not None else []
    for number, (flag, file) in enumerate(given):
        container, path = await _with_file(container, file, number)
        argv += [flag, path]
    if flags.now is not None:
        argv += ["--now", flags.now]
    elif settings.looks_at_clock:
        container = never_cached(container)
    return await run_part("check-data", container, argv + settings.flags("name", "prepare", "check_data"))


async def audit(project: Project, checkout: Checkout, advisories: dagger.File | None) -> Outcome:
    """Dependencies, code, secrets, model files.

    What the advisory service says is asked each time, by a step of its own. What follows from its answers and from the
    tree is cached, but for no longer than a day, since exceptions expire.
    """
    settings = project.settings
    tree = await checkout.tree()
    if advisories is None and settings.advisories is not None:
        tree = tree.with_directory("", await checkout.named([settings.place_of(settings.advisories)]))
    container = stage_container(project.workshop, "audit").with_mounted_directory(SOURCE, tree, owner=OWNER)
    container = container.with_env_variable("MODELWAY_DAY", datetime.now(UTC).date().isoformat())
    # The stage's own system is the base image's.
    argv = ["audit", "--config", project.config, *settings.flags("name", "audit"), "--os-root", "/"]
    if advisories is not None:
        container, path = await _with_file(container, advisories)
        argv += ["--advisories", path]
    elif settings.advisories is None and settings.audits_dependencies:
        said = await look_up("audit", container, [*argv, "--ask", f"{OUT}/answers.json"], f"{OUT}/answers.json")
        if isinstance(said, Outcome):
            return said
        container, path = await _with_file(container, said)
        argv += ["--answers", path]
    return await run_part("audit", container, [*argv, "--output", ARTIFACT])


async def smoke_train(project: Project, data: DataFlags, how: FitFlags, *, sample_data: bool = False) -> Outcome:
    """A small training, and whether what came out can be used."""
    settings, keys = project.settings, ("name", "prepare", "fit", "evaluate", "smoke_train")
    addresses = [] if sample_data else settings.addresses(_DATA if data.data is not None else data.data_uri)[:1]
    container = stage_container(project.workshop, "smoke-train")
    container = with_source(container, project, keys, [*_places(project, addresses), *await user_code(project)])
    container, argv = await _with_data(project, "smoke-train", container, data, addresses)
    for flag, value in (("--epochs", how.epochs), ("--batch-size", how.batch_size), ("--sample", data.sample)):
        argv += [flag, str(value)] if value is not None else []
    argv += ["--sample-data"] if sample_data else []
    return await run_part("smoke-train", container, argv + settings.flags(*keys))


async def ci(parts: Mapping[str, Callable[[], Awaitable[Outcome]]]) -> list[Ended]:
    """Run parts side by side, each to its end whatever the others say.

    Args:
        parts: what each of them does, by name.

    Returns:
        How they ended, in the order of `PARTS`.
    """
    ended: dict[str, Ended] = {}

    async def run(part: str, work: Callable[[], Awaitable[Outcome]]) -> None:
        ended[part] = await run_alone(part, work)

    async with anyio.create_task_group() as group:
        for part, work in parts.items():
            group.start_soon(run, part, work)
    return [ended[part] for part in PARTS if part in ended]


async def run_alone(part: str, work: Callable[[], Awaitable[Outcome]]) -> Ended:
    """Run a part; whatever goes wrong with it is how it ended."""
    began = time.monotonic()
    try:
        outcome = await work()
    except (RefusalError, ExceptionGroup) as error:
        refusal = only_refusal(error)
        outcome = Outcome(part, refusal.exit_code, said=str(refusal))
    except dagger.QueryError as error:
        outcome = Outcome(part, OUTSIDE_FAILED, said=f"the engine can't do it: {error}")
    return await Ended.of(outcome, round(time.monotonic() - began, 3))


def chosen(only: list[str], skip: list[str]) -> list[str]:
    """The parts to run.

    Raises:
        RefusalError: there is no such part, or none is left.
    """
    if only and skip:
        raise RefusalError(2, "--only and --skip both choose parts: give one of them")
    if unknown := sorted({*only, *skip} - {*PARTS}):
        raise RefusalError(2, f"{unknown[0]} is no part of ci: the parts are {', '.join(PARTS)}")
    parts = [part for part in PARTS if part not in skip and (part in only or not only)]
    if not parts:
        raise RefusalError(2, "no part is left to run: skip fewer of them")
    return parts


async def _on_tree(project: Project, part: str, tree: dagger.Directory) -> Outcome:
    """Run a part on the project as it is checked out, with all that it locks, and its packages as if installed."""
    workshop = replace(project.workshop, own_lock=project.workshop.project_lock)
    packages = posixpath.join(SOURCE, project.settings.folder, "src")
    container = stage_container(workshop, part, paths=(packages,))
    container = container.with_mounted_directory(SOURCE, tree, owner=OWNER)
    argv = [part, "--config", project.config, "--output", ARTIFACT]
    return await run_part(part, container, [*argv, *project.settings.flags("name", part.replace("-", "_"))])


def _places(project: Project, addresses: list[str]) -> list[str]:
    return [project.settings.place_of(one) for one in addresses if one != _DATA and not is_remote(one)]


async def _with_data(
    project: Project, part: str, container: dagger.Container, flags: DataFlags, addresses: list[str]
) -> tuple[dagger.Container, list[str]]:
    """The container with the data set or the way to it, and the part's words until there."""
    if flags.data is not None and flags.data_uri is not None:
        raise RefusalError(2, "--data and --data-uri both say what to read: give one of them")
    argv = [part, "--config", project.config, "--output", ARTIFACT]
    folder = posixpath.join(SOURCE, project.settings.folder)
    if flags.data is not None:
        container = container.with_mounted_directory(_DATA, flags.data, owner=OWNER)
        argv += ["--data", _DATA]
    elif flags.data_uri is not None:
        # Relative to the settings, as the address of the settings is.
        argv += ["--data", flags.data_uri if is_remote(flags.data_uri) else posixpath.join(folder, flags.data_uri)]
    if any(map(is_remote, addresses)):
        # What lies there can change: each run asks, and downloads what is new.
        container = never_cached(with_volume(container, project, folder))
        container, more = await with_store(container, project.outside)
        section = project.settings.store_section(part)
        argv += [word.replace("prepare.s3.", f"{section}.s3.", 1) for word in more]
    return container, argv


async def _with_file(container: dagger.Container, file: dagger.File, number: int = 0) -> tuple[dagger.Container, str]:
    """Mount a file that was handed in, under its own name; the number tells it from others of that name."""
    path = f"{_GIVEN}/{number}/{await file.name()}"
    return container.with_mounted_file(path, file, owner=OWNER), path
