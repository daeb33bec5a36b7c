"""The lock of the base images: their digests, and the latest release of each Python version."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

from pydantic import Field

from modelway.records.base import Record

FILE = "base_images.lock"
"""The lock, in the package's own folder. `dagger call lock-images` writes it."""

Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]


class PythonRelease(Record):
    """The newest release of one Python version."""

    latest: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")]
    """The newest patch release."""
    released: date
    """When it was released."""
    end_of_life: date
    """The last day with security releases."""


class PythonReleases(Record):
    """The releases of Python, as known on one day."""

    refreshed: date
    """The day on which this was current; later releases are not known."""
    source: str
    """Where it comes from."""
    releases: dict[str, PythonRelease]
    """By version, such as `3.11`."""


class BaseImages(Record):
    """`base_images.lock`: the digests of the images that modelway names by tag, and Python's releases."""

    images: dict[str, Digest | None]
    """The digest of each image, by its tag; null where no registry has confirmed one yet."""
    python: PythonReleases

    def reference(self, image: str) -> str:
        """Return `TAG@DIGEST` for a tag with a known digest, else the image as it is."""
        digest = self.images.get(image)
        return image if digest is None else f"{image}@{digest}"


def read_base_images() -> BaseImages:
    """Read the lock that comes with this modelway."""
    return BaseImages.from_json((Path(__file__).parents[1] / FILE).read_bytes())
