"""The user's project, and the containers of its stages: each with the part of it that the stage may see."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dagger import dag

from modelway_ci.images import OWNER, WORK, Workshop, base, stage_container
from modelway_ci.refusal import RefusalError
from modelway_ci.services import Outside, given, with_server, with_store
from modelway_ci.stage import never_cached

if TYPE_CHECKING:
    from collections.abc import Iterable

    import dagger

    from modelway_ci.settings import Settings

SOURCE = f"{WORK}/source"
PROJECT = f"{WORK}/project"
"""Where stages run that need the settings alone; the embedded registry remembers it, so it never changes."""

_DATABASE = ("--set", "register.tracking_uri=sqlite:///.modelway/mlflow.db")
_FILES = ("--set", "register.artifact_location=.modelway/mlartifacts")
_LOCKS = ("requirements.lock", "pylock.toml", "requirements.txt")
"""The project's lock, the best first; a version is known by its digest."""
_TELLS_LOCK = frozenset({"register", "reproduce"})
_LOOK = f"cat {PROJECT}/.modelway/mlflow.db* 2>/dev/null | sha256sum"


@dataclass(frozen=True)
class Project:
    """Whose model is trained, and with what.

    Attributes:
        source: the user's code, settings and data.
        settings: the settings file.
        workshop: what containers are made from.
        outside: services and secrets.
        tracking_uri: the registry's address in the place of the settings'.
        commit: the revision of the user's code.
        commit_time: when that was committed.
        source_url: where the user's code is, for the labels of images.
        trusted: the types and functions that a model may use, in addition to what settings and registry name.
    """

    source: dagger.Directory
    settings: Settings
    workshop: Workshop
    outside: Outside
    tracking_uri: dagger.Secret | None = None
    commit: str | None = None
    commit_time: str | None = None
    trusted: tuple[str, ...] = ()
    source_url: str | None = None

    @property
    def config(self) -> str:
        """Where stages find the settings."""
        return posixpath.join(SOURCE, self.settings.path)

    @property
    def embedded(self) -> bool:
        """Whether the registry is kept in the engine."""
        return self.tracking_uri is None and self.outside.mlflow is None and self.settings.embeds_registry

    def overridden(self, *overrides: str) -> Project:
        """The project with further overrides of its settings; those of the user's own come after, and win."""
        settings = replace(self.settings, overrides=(*overrides, *self.settings.overrides))
        return replace(self, settings=settings)


def with_source(
    container: dagger.Container, project: Project, keys: tuple[str, ...], places: Iterable[str]
) -> dagger.Container:
    """Mount the source, with these keys of the settings, and these files and folders besides."""
    include = [pattern for place in places for pattern in _patterns(place)]
    tree = project.source.filter(include=include) if include else dag.directory()
    tree = tree.with_new_file(project.settings.path, project.settings.sliced(*keys))
    return container.with_mounted_directory(SOURCE, tree, owner=OWNER)


async def with_user_code(container: dagger.Container, project: Project, keys: tuple[str, ...]) -> dagger.Container:
    """The same, with the user's code."""
    return with_source(container, project, keys, await user_code(project))


async def user_code(project: Project) -> list[str]:
    """The Python modules beside the settings, as a glob, if the settings name one of them."""
    folder = project.settings.folder
    own = [posixpath.join(folder, name) for name in sorted(project.settings.named_modules)]
    beside = project.source.filter(include=[f"{name}{end}" for name in own for end in (".py", "/*.py")])
    return [posixpath.join(folder, "**/*.py")] if own and await beside.glob("**/*.py") else []


def with_volume(container: dagger.Container, project: Project, root: str) -> dagger.Container:
    """Mount what lies in `.modelway` on a host and is kept by the engine here: the registry, studies, downloads."""
    volume = dag.cache_volume(f"modelway-{project.settings.name}")
    return container.with_mounted_cache(posixpath.join(root, ".modelway"), volume, owner=OWNER)


def with_trust(container: dagger.Container, names: Iterable[str]) -> dagger.Container:
    """Let what runs there load models that use these types and functions."""
    text = ",".join(sorted({*names}))
    return container.with_env_variable("MODELWAY_TRUST", text) if text else container


async def with_registry(
    project: Project, stage: str, *, reads: bool, sees_code: bool = False, places: Iterable[str] = ()
) -> tuple[dagger.Container, list[str]]:
    """A container that reaches the registry, and the flags that say where it is.

    What only reads the engine's own registry is run again when that has changed, anything else each time.

    Args:
        project: whose registry.
        stage: the stage.
        reads: whether it only reads.
        sees_code: whether the user's code lies beside the settings.
        places: files and folders of the source that lie beside them, too.
    """
    settings = project.settings
    path = posixpath.join(PROJECT, posixpath.basename(settings.path))
    container = stage_container(project.workshop, stage)
    if reads and project.embedded:
        container = container.with_env_variable("MODELWAY_REGISTRY_STATE", await _registry_state(project))
    else:
        container = never_cached(container)
    files = await _beside(project, sees_code=sees_code, places=places)
    files = files.with_new_file(posixpath.basename(settings.path), settings.text)
    if stage in _TELLS_LOCK:
        files = await _with_lock(files, project)
    container = container.with_mounted_directory(PROJECT, files, owner=OWNER)
    container = with_volume(container, project, PROJECT)
    if not (project.embedded and settings.keeps_files):
        container, _ = await with_store(container, project.outside)
    if not project.embedded:
        container = await with_server(container, project.outside, project.tracking_uri)
    for variable, value in (("MODELWAY_COMMIT", project.commit), ("MODELWAY_COMMIT_TIME", project.commit_time)):
        if value:
            container = container.with_env_variable(variable, value)
    container = with_trust(container, project.trusted)
    flags = ["--config", path, *settings.all_flags()]
    if project.embedded:
        flags += [*_DATABASE, *(_FILES if settings.keeps_files else ())]
    return container, flags


async def _beside(project: Project, *, sees_code: bool, places: Iterable[str]) -> dagger.Directory:
    """What lies beside the settings: code, and further places."""
    include = [*(await user_code(project) if sees_code else ()), *(one for place in places for one in _patterns(place))]
    return (
        project.source.filter(include=include).directory(project.settings.folder or ".") if include else dag.directory()
    )


async def _with_lock(files: dagger.Directory, project: Project) -> dagger.Directory:
    """The same files, with the lock that lies beside the settings."""
    for name in _LOCKS:
        path = posixpath.join(project.settings.folder, name)
        if await project.source.exists(path):
            return files.with_file(name, project.source.file(path))
    return files


async def _registry_state(project: Project) -> str:
    """The digest of the engine's registry, looked at now; a second where MLflow's own start takes four."""
    container = with_volume(never_cached(base(project.workshop)).with_user(OWNER), project, PROJECT)
    return (await container.with_exec(["sh", "-c", _LOOK]).stdout()).strip()


async def usable_uri(tracking_uri: dagger.Secret | None) -> dagger.Secret | None:
    """The registry's address; None where it is empty, as an unset variable of a workflow is.

    Raises:
        RefusalError: it is a file, which no container can reach.
    """
    if (uri := await given(tracking_uri)) is not None and (await uri.plaintext()).strip().startswith(
        ("sqlite:", "file:")
    ):
        raise RefusalError(
            2,
            "--tracking-uri is a file on your machine, which containers can't reach: leave it out for the "
            "registry that the engine keeps, or name a server",
        )
    return uri


def _patterns(place: str) -> tuple[str, ...]:
    return ("**",) if place == "." else (place, f"{place}/**")
