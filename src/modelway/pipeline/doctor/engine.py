"""Dagger's CLI and engine, and the container CLIs: looked for, never started."""

from __future__ import annotations

import shutil
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from modelway.deploy.image.commands import PROGRAMS
from modelway.pipeline.doctor.findings import missing, not_checked, ok
from modelway.records.environment import LocalOptions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from modelway.pipeline.doctor.scene import Scene
    from modelway.records.doctor import Finding

HOST = "_EXPERIMENTAL_DAGGER_RUNNER_HOST"
SOCKET = "unix:///run/dagger/engine.sock"
"""Where an engine listens that was started as Dagger's documents say; `ci/engine_check.py` looks there, too."""
_SECONDS = 5.0


def check_engine(scene: Scene) -> Iterator[Finding]:
    """Whether `dagger call` has what it needs; every command runs without it on the host."""
    cli = shutil.which("dagger", path=scene.secrets.get("PATH"))
    if cli is None:
        remedy = "Only `dagger call` needs it: https://docs.dagger.io/install"
        yield missing("dagger", "its CLI is not on the PATH", remedy, needed=False)
        return
    yield ok("dagger", cli)
    host = scene.secrets.get(HOST) or SOCKET
    if urlsplit(host).scheme not in {"unix", "tcp"}:
        yield not_checked("dagger engine", f"{HOST} is {urlsplit(host).scheme}://, which the CLI alone can ask")
    elif _answers(host):
        yield ok("dagger engine", f"something listens at {host}")
    elif containers(scene.secrets):
        yield not_checked("dagger engine", "none listens; the CLI starts one with the container CLI that is here")
    else:
        remedy = f"Start an engine and name its address in {HOST}, or install a container CLI."
        yield missing("dagger engine", f"none listens at {host}, and there is no container CLI", remedy, needed=False)


def check_containers(scene: Scene) -> Iterator[Finding]:
    """Whether an image can be built here, where the environment builds one."""
    found = containers(scene.secrets)
    options = scene.environment.place.options if scene.environment else None
    builds = options is not None and options.image is not None and not isinstance(options.target, LocalOptions)
    if found:
        yield ok("container CLI", ", ".join(found))
    elif builds:
        remedy = "Install one, let Dagger build (`dagger call deploy`), or name an image that exists with --image."
        yield missing("container CLI", f"none of {', '.join(PROGRAMS)} is on the PATH", remedy)
    else:
        yield not_checked("container CLI", "none is here, and no image is built")


def containers(secrets: Mapping[str, str]) -> list[str]:
    """The container CLIs on the PATH."""
    return [program for program in PROGRAMS if shutil.which(program, path=secrets.get("PATH"))]


def _answers(host: str) -> bool:
    """Whether something listens there."""
    try:
        parts = urlsplit(host)
        if parts.scheme == "unix":
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(_SECONDS)
                connection.connect(parts.path)
        else:
            socket.create_connection((parts.hostname or "localhost", parts.port or 0), timeout=_SECONDS).close()
    except (OSError, ValueError):
        return False
    return True
