"""What an image is called: its repository, its tags, its digest."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from modelway.errors import UsageError

if TYPE_CHECKING:
    from modelway.deploy.target import Place
    from modelway.records.deploy import Release
    from modelway.records.environment import ImageOptions
    from modelway.records.releases import Releases

BUILT = "sha256:(of the image that is built)"
"""Stands in a plan for the digest of an image that is not built yet."""
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_NO_TAG = re.compile(r"[^A-Za-z0-9_.-]+")
_LONGEST = 128


def image_options(place: Place) -> ImageOptions:
    """Where the environment's images lie; raises `UsageError` where it names no place."""
    options = place.options.image
    if options is None:
        raise UsageError(
            "the target runs images, and the environment names no repository for them",
            where=f"environments.{place.environment}.image",
            remedy="Name one: image: {repository: REGISTRY/NAME}.",
        )
    return options


def name_image(place: Place, given: str | None) -> str:
    """`REPOSITORY@sha256:DIGEST` of an image.

    Args:
        place: the environment.
        given: the digest of an image that exists, alone or behind its repository; None for one that is yet to be built,
            which is called `REPOSITORY@BUILT`.

    Raises:
        UsageError: the settings name no repository, or what is given is no digest.
    """
    options = image_options(place)
    if given is None:
        return f"{options.repository}@{BUILT}"
    repository, _, digest = given.rpartition("@")
    if not _DIGEST.fullmatch(digest) or (repository and repository != options.repository):
        raise UsageError(
            f"{given!r} names no image of {options.repository} by its digest",
            where="--image",
            remedy="Write sha256: and 64 hexadecimal digits.",
        )
    return f"{options.repository}@{digest}"


def known_image(place: Place, release: Release, known: Releases) -> str | None:
    """The image of a release of the same bundles that ran here before, the newest first: it need not be built again.

    A release without settings may have an image of an older modelway, whose server reads none: so it is not used again
    for a release that has settings.
    """
    repository = image_options(place).repository
    tried = [known.attempt.release] if known.attempt is not None else []
    for one in (*tried, *reversed(known.history)):
        same = (one.champion, one.challengers) == (release.champion, release.challengers)
        reads = one.settings is not None or not release.given.text
        if same and reads and one.image is not None and one.image.startswith(f"{repository}@"):
            return one.image
    return None


def image_tags(release: Release, *, latest: bool) -> tuple[str, ...]:
    """What else a release's image is called: its version (`v7`, `v7-with-8`), the code's commit, `latest`."""
    version = f"v{release.champion.version}" + "".join(f"-with-{one.version}" for one in release.challengers)
    commit = _NO_TAG.sub("-", release.commit or "").strip("-.")
    return tuple(tag[:_LONGEST] for tag in (version, commit, "latest" if latest else "") if tag)
