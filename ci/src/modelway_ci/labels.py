"""The labels of a server's image, by the OCI's image specification (annotations.md), as `modelway deploy` gives them.

`modelway.deploy.image.labels` does the same on the host; a test holds the two together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PREFIX = "org.opencontainers.image."


def image_labels(
    bundles: Sequence[Mapping[str, Any]],
    base: str,
    commit: str | None = None,
    source: str | None = None,
    licenses: str | None = None,
) -> dict[str, str]:
    """The labels; what is not known has none.

    Args:
        bundles: `bundle.json` of the champion and, after it, of the challengers.
        base: the base image, by tag, by digest, or both.
        commit: the revision of the user's code; the bundle's own when absent.
        source: where that code is.
        licenses: under which the image is given away, as an SPDX expression.
    """
    champion, *challengers = bundles
    name, _, digest = base.partition("@")
    found = {
        "title": champion["name"],
        "version": f"v{champion['version']}" + "".join(f"-with-{one['version']}" for one in challengers),
        "revision": commit or champion.get("commit"),
        "created": champion.get("created"),
        "source": public_address(source),
        "licenses": licenses,
        "base.name": name,
        "base.digest": digest,
    }
    return {f"{PREFIX}{key}": value for key, value in found.items() if value}


def public_address(source: str | None) -> str | None:
    """An https address without credentials; None for what has none."""
    parts = urlsplit(source or "")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return None
    host = parts.hostname if parts.port is None else f"{parts.hostname}:{parts.port}"
    return f"{parts.scheme}://{host}{parts.path.rstrip('/').removesuffix('.git')}"
