"""What a release needs to run away from this machine: an image by digest, and addresses that its servers reach."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from modelway.deploy.image.naming import BUILT
from modelway.errors import UsageError
from modelway.records.serve import SMOKE_DIGEST

if TYPE_CHECKING:
    from modelway.deploy.target import Place
    from modelway.records.deploy import Release

FLAGS, LOG, SPOOL, KEEP_DAYS = "MODELWAY_FLAGS", "MODELWAY_LOG", "MODELWAY_SPOOL", "MODELWAY_LOG_KEEP_DAYS"
"""Variables that a server in a container reads."""
VARIABLES = frozenset({FLAGS, LOG, SPOOL, KEEP_DAYS, SMOKE_DIGEST})
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


def server_environment(place: Place) -> dict[str, str]:
    """What the environment tells its servers, the same for every release.

    Raises:
        UsageError: an address is a path on this machine.
    """
    told = {FLAGS: place.flags}
    log = place.serve.log
    if log.enabled:
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
    if log.enabled:
        told[SPOOL] = f"{WRITABLE}/.modelway/spool"
        if log.keep_days is not None:
            told[KEEP_DAYS] = f"{log.keep_days:g}"
    return told
