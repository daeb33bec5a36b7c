"""Images: the base, the packages of each stage from its hashed lock, and modelway on top."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import dagger
from dagger import dag

from modelway_ci.refusal import RefusalError
from modelway_ci.rooms import ROOMS

if TYPE_CHECKING:
    from collections.abc import Mapping

PYTHON = {
    "3.11": "python:3.11.16-slim-trixie",
    "3.12": "python:3.12.14-slim-trixie",
    "3.13": "python:3.13.15-slim-trixie",
}
"""The base image of each Python version, by tag; `LOCK` has the digests."""

UV = "ghcr.io/astral-sh/uv:0.10.3"
"""The image that the package installer is taken from, by tag."""

LOCK = "src/modelway/base_images.lock"
"""The digest of each of these tags, and the releases of Python; `dagger call lock-images` writes it."""

OWNER = "10001:10001"
"""User and group that stages run as: not root, and in no image's list of users."""

HOME = "/home/modelway"
CODE = "/opt/modelway"
WORK = "/work"
OUT = f"{WORK}/out"
_INSTALL = "/opt/install"
_CA = "/etc/ssl/modelway-ca.pem"
_CA_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE")
_LOCKS = {
    "pull": ("register",),
    "release": ("register",),
    "deploy": ("package", "serve"),
    "batch": ("package",),
    "reproduce": ("train",),
    "check-code": ("train", "check-code"),
    "test": ("train", "test"),
    "smoke-train": ("train",),
}
"""The locks of stages that have none of their own name, or more: the user's code may import what training imports, and
who deploys packages anew and reads flags."""
_SEES_USER_CODE = frozenset(
    {"fit", "evaluate", "check-code", "test", "smoke-train", "package", "deploy", "monitor", "batch", "reproduce"}
)
"""A deploy packages anew, and so does the rollback that a watch may end with."""
_NEEDS_OPENMP = _SEES_USER_CODE - {"check-code"}
_PURELIB = "import sysconfig; print(sysconfig.get_path('purelib'))"
_OPENMP = f'ln -sf "$(python -c "{_PURELIB}")"/scikit_learn.libs/libgomp-* /usr/lib/libgomp.so.1'
"""LightGBM wants a libgomp of the system's, which slim images lack; scikit-learn's wheel brings one."""
_PATHS = f'printf "%s\\n" "$@" > "$(python -c "{_PURELIB}")"/modelway.pth'


@dataclass(frozen=True)
class Workshop:
    """What containers are made from.

    Attributes:
        package: modelway itself: src/, ci/locks/.
        python: the Python version of all stages.
        base_image: the image in the place of the version's own.
        uv_image: the image that has /uv.
        index_url: the package index in the place of PyPI.
        ca: certificates in the place of the image's own.
        own_lock: the user's further packages, hashed.
        project_lock: all that the user's project locks; other than the above where the project is modelway itself.
        digests: the digests of images, by tag.
    """

    package: dagger.Directory
    python: str = "3.11"
    base_image: str | None = None
    uv_image: str = UV
    index_url: dagger.Secret | None = None
    ca: dagger.File | None = None
    own_lock: dagger.File | None = None
    project_lock: dagger.File | None = None
    digests: Mapping[str, str] = field(default_factory=dict)

    @property
    def base_reference(self) -> str:
        """The base image, with its digest where it is modelway's own and the lock has one.

        Raises:
            RefusalError: there is no image for this Python version.
        """
        image = self.base_image or PYTHON.get(self.python)
        if image is None:
            raise RefusalError(
                2,
                f"no image is known for Python {self.python}: known are {', '.join(PYTHON)}; or name one "
                "with --base-image",
            )
        return self._pinned(image)

    @property
    def uv_reference(self) -> str:
        """The image that has /uv, likewise."""
        return self._pinned(self.uv_image)

    def _pinned(self, image: str) -> str:
        digest = self.digests.get(image)
        return image if digest is None else f"{image}@{digest}"


def read_digests(lock: str) -> dict[str, str]:
    """The digests in the text of `LOCK`, by tag; an image whose digest is not known yet is left out."""
    return {image: digest for image, digest in json.loads(lock)["images"].items() if digest is not None}


def base(workshop: Workshop) -> dagger.Container:
    """The base image, with the user's certificates.

    Raises:
        RefusalError: there is no image for this Python version.
    """
    container = dag.container().from_(workshop.base_reference)
    if workshop.ca is None:
        return container
    container = container.with_file(_CA, workshop.ca, permissions=0o644)
    for variable in _CA_VARIABLES:
        container = container.with_env_variable(variable, _CA)
    return container


def stage_container(workshop: Workshop, stage: str, paths: tuple[str, ...] = ()) -> dagger.Container:
    """The container that a stage runs in: packages below the source, nothing that the stage does not need.

    Args:
        workshop: what it is made from.
        stage: the stage.
        paths: folders whose packages Python is to find as if they were installed in editable mode, before modelway's.
    """
    first, *more = [workshop.package.file(f"ci/locks/{name}.lock") for name in _LOCKS.get(stage, (stage,))]
    container = _with_lock(base(workshop), workshop, first, "packages")
    if stage in _NEEDS_OPENMP:
        container = container.with_exec(["sh", "-c", _OPENMP])
    for lock in more:
        container = _with_lock(container, workshop, lock, "packages")
    if workshop.own_lock is not None and stage in _SEES_USER_CODE:
        container = _with_lock(container, workshop, workshop.own_lock, "own")
    if paths:
        container = container.with_exec(["sh", "-c", _PATHS, "paths", *paths, CODE])
    # `filter` names its result by content; `with_directory(include=...)` would name it by all of the source.
    code = workshop.package.directory("src/modelway").filter(include=[*ROOMS[stage]])
    compiling = ["python", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", CODE]
    # Where the project is modelway itself, a file that can't be compiled is for the checks to find.
    expect = dagger.ReturnType.ANY if paths else dagger.ReturnType.SUCCESS
    container = container.with_directory(f"{CODE}/modelway", code).with_exec(compiling, expect=expect)
    if not paths:
        container = container.with_env_variable("PYTHONPATH", CODE)
    empty = dag.directory()
    return (
        container.with_env_variable("HOME", HOME)
        .with_env_variable("USER", "modelway")
        .with_directory(HOME, empty, owner=OWNER)
        .with_directory(WORK, empty, owner=OWNER)
        .with_directory(OUT, empty, owner=OWNER)
        .with_user(OWNER)
        .with_workdir(WORK)
    )


def rehearsal_container(workshop: Workshop, script: str | None = None) -> dagger.Container:
    """What stands in for an account: of Python (`ci/stand_ins`), or whatever a script installs instead."""
    if script is not None:
        return base(workshop).with_exec(["sh", "-c", script])
    lock = workshop.package.file("ci/locks/rehearse.lock")
    place = f"{WORK}/stand_ins"
    stand_ins = workshop.package.directory("ci/stand_ins")
    return _with_lock(base(workshop), workshop, lock, "packages").with_directory(place, stand_ins).with_workdir(place)


def _with_lock(container: dagger.Container, workshop: Workshop, lock: dagger.File, name: str) -> dagger.Container:
    """Install a hashed lock into the image's own Python; uv and its cache are there only while it runs."""
    path = f"{_INSTALL}/{name}.lock"
    cache, uv = f"{_INSTALL}/cache", f"{_INSTALL}/uv"
    installing = (
        container.with_mounted_file(uv, dag.container().from_(workshop.uv_reference).file("/uv"))
        .with_mounted_cache(cache, dag.cache_volume("modelway-uv"))
        .with_mounted_file(path, lock)
        .with_env_variable("UV_CACHE_DIR", cache)
        .with_env_variable("UV_LINK_MODE", "copy")
    )
    if workshop.index_url is not None:
        installing = installing.with_secret_variable("UV_DEFAULT_INDEX", workshop.index_url)
    command = [uv, "pip", "install", "--system", "--no-deps", "--require-hashes", "--compile-bytecode", "--quiet"]
    installed = (
        installing.with_exec([*command, "-r", path])
        .without_mount(uv)
        .without_mount(cache)
        .without_mount(path)
        .without_env_variable("UV_CACHE_DIR")
        .without_env_variable("UV_LINK_MODE")
    )
    return installed.without_secret_variable("UV_DEFAULT_INDEX") if workshop.index_url is not None else installed
