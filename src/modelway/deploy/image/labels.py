"""The labels of an image. Source: the OCI image specification, "Pre-Defined Annotation Keys" (annotations.md)."""

from __future__ import annotations

import re
import subprocess
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from modelway.bundle.layout import INFO
from modelway.errors import UsageError
from modelway.records.bundle import BundleInfo

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from modelway.deploy.target import Place

PREFIX = "org.opencontainers.image."
EPOCH = "SOURCE_DATE_EPOCH"
"""Seconds since 1970, instead of the commit's time (https://reproducible-builds.org/specs/source-date-epoch/)."""
_SSH = re.compile(r"(?:ssh://)?(?:[^@/]+@)(?P<host>[^:/]+)(?::\d+/|[:/])(?P<path>.+)")


def image_labels(place: Place, bundles: Sequence[Path], base: str, commit: str | None) -> dict[str, str]:
    """The labels of the image of some bundles; what is not known has none.

    Args:
        place: the environment.
        bundles: the champion's directory and, after it, the challengers'.
        base: the base image, by tag, by digest, or both.
        commit: the revision of the user's code; the bundle's own when absent.

    Raises:
        UsageError: SOURCE_DATE_EPOCH is not a number.
    """
    champion, *challengers = (BundleInfo.from_json((bundle / INFO).read_bytes()) for bundle in bundles)
    options = place.options.image
    name, _, digest = base.partition("@")
    found = {
        "title": champion.name,
        "version": f"v{champion.version}" + "".join(f"-with-{one.version}" for one in challengers),
        "revision": commit or champion.commit,
        "created": _epoch(place.secrets.get(EPOCH)) or champion.created,
        "source": public_address(options.source if options and options.source else _origin(place)),
        "licenses": options.licenses if options else None,
        "base.name": name,
        "base.digest": digest,
    }
    return {f"{PREFIX}{key}": value for key, value in found.items() if value}


def public_address(source: str | None) -> str | None:
    """An https address without credentials, of an address that git takes; None for a path or nothing."""
    if not source:
        return None
    if "://" not in source or source.startswith("ssh://"):
        found = _SSH.fullmatch(source)
        source = f"https://{found['host']}/{found['path']}" if found else ""
    parts = urlsplit(source)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return None
    host = parts.hostname if parts.port is None else f"{parts.hostname}:{parts.port}"
    return f"{parts.scheme}://{host}{parts.path.rstrip('/').removesuffix('.git')}"


def _epoch(text: str | None) -> str | None:
    if not text:
        return None
    try:
        return datetime.fromtimestamp(int(text), UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        raise UsageError(
            f"{text!r} is not a number of seconds since 1970",
            where=EPOCH,
            remedy="Set it to `git log -1 --format=%ct`.",
        ) from None


def _origin(place: Place) -> str | None:
    """Where the user's code is, as git knows it."""
    try:
        told = subprocess.run(
            ["git", "remote", "get-url", "origin"],  # noqa: S607 - git is found as the user finds it
            cwd=place.root,
            env=dict(place.secrets),
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return told.stdout.strip() if told.returncode == 0 else None
