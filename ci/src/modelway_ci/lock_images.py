"""Refreshes the lock of the base images: digests from their registries, and Python's releases."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import dagger
from dagger import dag

from modelway_ci.images import LOCK, PYTHON, UV
from modelway_ci.refusal import RefusalError
from modelway_ci.stage import OUTSIDE_FAILED

if TYPE_CHECKING:
    from collections.abc import Mapping

RELEASES = "https://endoflife.date/api/v1/products/python"
"""Which releases Python has: `result.releases`, each with `name`, `latest` (`name`, `date`) and `eolFrom`."""
_OLDEST = (3, 9)


@dataclass(frozen=True)
class Refreshed:
    """The lock as it is now.

    Attributes:
        text: the lock's text.
        changed: the tags whose digest is another one than before, and `python` where a release is.
    """

    text: str
    changed: tuple[str, ...]

    @property
    def directory(self) -> dagger.Directory:
        """The lock, under its file's name."""
        return dag.directory().with_new_file(LOCK.rpartition("/")[2], self.text)


async def refresh(package: dagger.Directory, releases: dagger.File | None) -> Refreshed:
    """Look up the digest of each image and the latest release of each Python version.

    Args:
        package: modelway itself, with the lock as it was.
        releases: what `RELEASES` answers, in a file; requested when absent.

    Raises:
        RefusalError: a registry, or `RELEASES`, gives no answer that can be used.
    """
    before = json.loads(await package.file(LOCK).contents())
    try:
        digests = {image: await _digest(image) for image in sorted((*PYTHON.values(), UV))}
        answer = json.loads(await (releases or dag.http(RELEASES)).contents())
        known = read_releases(answer)
    except dagger.QueryError as error:
        raise RefusalError(OUTSIDE_FAILED, f"the lock of the base images can't be refreshed: {error}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise RefusalError(OUTSIDE_FAILED, f"{RELEASES} gave no list of releases: {error!r}") from error
    python = {"refreshed": datetime.now(UTC).date().isoformat(), "source": RELEASES, "releases": known}
    text = json.dumps({"images": digests, "python": python}, indent=2) + "\n"
    changed = [image for image, digest in digests.items() if before["images"].get(image) != digest]
    changed += ["python"] if before["python"]["releases"] != known else []
    return Refreshed(text, tuple(changed))


async def _digest(image: str) -> str:
    """The digest that a tag has in its registry: of the index, so that it holds for each platform."""
    digest = (await dag.container().from_(image).image_ref()).rpartition("@")[2]
    if not digest.startswith("sha256:"):
        raise RefusalError(OUTSIDE_FAILED, f"{image}: the registry gave no digest")
    return digest


def read_releases(answer: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """The releases of endoflife.date's answer, as the lock has them: the supported ones and those lately ended."""
    found = {}
    for one in answer["result"]["releases"]:
        version = tuple(int(part) for part in one["name"].split("."))
        if version >= _OLDEST:
            latest = one["latest"]
            found[one["name"]] = {"latest": latest["name"], "released": latest["date"], "end_of_life": one["eolFrom"]}
    if not found:
        raise ValueError("no release")
    return dict(sorted(found.items()))
