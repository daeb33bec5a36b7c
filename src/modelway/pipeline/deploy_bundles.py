"""A release's bundles, handed to whoever builds its image elsewhere: the first half of a deploy in an engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelway.artifacts import check_replaceable, write_artifact
from modelway.deploy.image import BUILT, image_tags, login_to
from modelway.deploy.image.context import copy_bundles
from modelway.deploy.image.handover import hand_over
from modelway.records.trust import join_names

if TYPE_CHECKING:
    from pathlib import Path

    from modelway.pipeline.bundles import BundleStore
    from modelway.pipeline.environment import Environment
    from modelway.records.deploy import Release


def hand_out(
    environment: Environment, store: BundleStore, release: Release, directory: Path, handover: str | None
) -> dict[str, Any]:
    """Write `bundle/` and `challengers/N/`, and say how the image is called; the environment is left alone.

    Args:
        environment: where the release is to run.
        store: gives the bundles.
        release: it, with its image.
        directory: where they go.
        handover: where the registry's login is handed over (host, user and token, each a line); none is asked for
            when absent.

    Returns:
        `versions`, `image`, `settings` (what its servers are given as MODELWAY_SERVE_SETTINGS); and `build`, null where
        that image exists already: `repository`, `tags`, `platforms`, `trusted` (the types and functions that the
        bundles may use), `base_image`, `uv_image`, `source` and `licenses` (null where the settings name none).

    Raises:
        OutsideError: the registry of models fails, the disk is full, ECR gives no token, or no one takes the login.
        UsageError: the directory holds something else.
    """
    check_replaceable(directory)
    refs = (release.champion, *release.challengers)
    told: dict[str, Any] = {
        "versions": [ref.version for ref in refs],
        "image": release.image,
        "settings": release.given.text,
        "build": None,
    }
    trusted = join_names(*(ref.trusted for ref in refs))
    options = environment.place.options.image
    if options is None or not (release.image or "").endswith(BUILT):
        return told
    bundles = [store.directory(ref) for ref in refs]
    with write_artifact(directory, "bundles", {str(ref.version): ref.digest for ref in refs}) as place:
        copy_bundles(bundles, place)
    if handover and (login := login_to(environment.place)):
        hand_over(f"{login.host}\n{login.user}\n{login.token}", handover)
    told["build"] = {
        "repository": options.repository,
        "tags": image_tags(release, latest=options.latest),
        "platforms": options.platforms,
        "trusted": trusted,
        "base_image": options.base_image,
        "uv_image": options.uv_image,
        "source": options.source,
        "licenses": options.licenses,
    }
    return told
