"""The image of a release, by digest: one that exists, or one that a container CLI builds and pushes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from modelway.errors import UsageError

if TYPE_CHECKING:
    from modelway.deploy.target import Place
    from modelway.records.deploy import Release

BUILT = "sha256:(of the image that is built)"
"""Stands in a plan for the digest of an image that is not built yet."""
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def name_image(place: Place, release: Release, given: str | None, *, build: bool) -> str:
    """`REPOSITORY@sha256:DIGEST` of the image that holds a release's bundles.

    Args:
        place: the environment.
        release: its bundles lie in `place.bundles`.
        given: the digest of an image that exists, alone or behind its repository; else one is built.
        build: whether one may be built; a plan builds none, and calls it `REPOSITORY@BUILT`.

    Raises:
        UsageError: the settings name no repository, what is given is no digest, or nothing here can build an image.
        OutsideError: building or pushing failed.
    """
    options = place.options.image
    if options is None:
        raise UsageError(
            "the target runs images, and the environment names no repository for them",
            where=f"environments.{place.environment}.image",
            remedy="Name one: image: {repository: REGISTRY/NAME}.",
        )
    if given is None and not build:
        return f"{options.repository}@{BUILT}"
    if given is None:
        raise UsageError(
            f"no image of {release} is named", where="--image", remedy="Build and push one, and name its digest."
        )
    repository, _, digest = given.rpartition("@")
    if not _DIGEST.fullmatch(digest) or (repository and repository != options.repository):
        raise UsageError(
            f"{given!r} names no image of {options.repository} by its digest",
            where="--image",
            remedy="Write sha256: and 64 hexadecimal digits.",
        )
    return f"{options.repository}@{digest}"
