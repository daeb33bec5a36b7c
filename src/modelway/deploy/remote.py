"""What a release needs to run away from this machine: an image by digest, and addresses that its servers reach."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from modelway.deploy.image.naming import BUILT
from modelway.errors import UsageError
from modelway.records.serve import SMOKE_DIGEST
from modelway.records.serving import SETTINGS

if TYPE_CHECKING:
    from modelway.deploy.target import Place
    from modelway.records.deploy import Release

FLAGS, LOG, SPOOL, KEEP_DAYS = "MODELWAY_FLAGS", "MODELWAY_LOG", "MODELWAY_SPOOL", "MODELWAY_LOG_KEEP_DAYS"
"""Variables that a server in a container reads."""
VARIABLES = frozenset({FLAGS, LOG, SPOOL, KEEP_DAYS, SMOKE_DIGEST, SETTINGS})
"""All that a deploy sets, and removes from what it changes where it sets it no longer."""
WRITABLE = "/var/modelway"
"""The directory that a server's image writes to: its user's own, and a VOLUME (docker/Dockerfile.serving)."""
_BY_DIGEST = re.compile(r"[^\s@]+@sha256:[0-9a-f]{64}")


def image_of(release: Release, place: Place) -> str:
    """The image, by its digest: a tag may mean another image tomorrow.

    Raises:
        UsageError: none is named, or not by its digest.
    """
    if release.image is None:
        raise UsageError(
            "the release has no image",
            where=f"environments.{place.environment}.image",
            remedy="Name an image that exists with --image REPOSITORY@sha256:DIGEST, or a repository to build one for.",
        )
    if not _BY_DIGEST.fullmatch(release.image) and not release.image.endswith(f"@{BUILT}"):
        raise UsageError(
            "the image is not named by its digest", where=release.image, remedy="Write NAME@sha256:DIGEST."
        )
    return release.image


def server_environment(place: Place, release: Release) -> dict[str, str]:
    """Return the variables of a release's servers: the environment's addresses, and the release's serving settings.

    Raises:
        UsageError: an address is a path on this machine.
    """
    told = {FLAGS: place.flags}
    logs = place.served(release).log.enabled
    if logs:
        told[LOG] = place.log
    keys = {FLAGS: "flags", LOG: "log"}
    for name, address in told.items():
        if not address.startswith("s3://"):
            raise UsageError(
                "this is a path on this machine, which servers elsewhere can't reach",
                where=f"environments.{place.environment}.{keys[name]}: {address}",
                remedy=f"Give it, or environments.{place.environment}.state, an s3:// address.",
            )
    if place.smoke is not None:
        told[SMOKE_DIGEST] = place.smoke
    if logs:
        told[SPOOL] = f"{WRITABLE}/.modelway/spool"
    if text := release.given.text:
        told[SETTINGS] = text
    return told
