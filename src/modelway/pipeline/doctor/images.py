"""The registry of the environment's images: whether it takes our login."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelway.deploy.image import ask_registry, login_to, missing_login
from modelway.deploy.image.login import host_of
from modelway.pipeline.doctor.findings import missing, not_checked, ok
from modelway.records.environment import LocalOptions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelway.pipeline.doctor.scene import Scene
    from modelway.records.doctor import Finding

CHECK = "image registry"
_HUB = "docker.io"


def check_images(scene: Scene) -> Iterator[Finding]:
    """The secrets that are missing; else what the registry says to the login. Nothing is pushed."""
    place = scene.environment.place if scene.environment else None
    options = place.options.image if place else None
    if place is None or options is None or isinstance(place.options.target, LocalOptions):
        yield not_checked(CHECK, "no environment is named whose images lie in one")
        return
    lacking = missing_login(place)
    for one in lacking:
        yield missing(f"secret {one.name}", one.purpose, f"Set it, or `dagger call {one.argument}`.")
    if lacking:
        yield not_checked(CHECK, "not asked: secrets are missing")
        return
    host = host_of(options)
    name = options.repository.removeprefix(f"{host}/")
    name = name if host != _HUB or "/" in name else f"library/{name}"
    seen = ask_registry(host, name, login_to(place))
    who = {"nobody": "asks nobody who he is", "basic": "takes the user and the token", "token": "gives us a token"}
    yield ok(CHECK, f"{host} {who[seen.way]}")
    if seen.repository is False and ".dkr" in host:
        yield missing(f"{CHECK}: repository", f"{options.repository} does not exist", "Make it: ECR makes none itself.")
    if seen.push is False:
        yield missing(
            f"{CHECK}: push", "the token it gives may pull, but not push", "Give the user the right to write there."
        )
    elif seen.push:
        yield ok(f"{CHECK}: push", "the token it gives may push")
    else:
        yield not_checked(f"{CHECK}: push", "whether we may push is not told, and nothing is pushed to find out")
