"""What passes between modelway and GitHub."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from modelway.records.base import Record


class Repository(Record):
    """A repository's place: `owner/name`."""

    owner: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]*[A-Za-z0-9_-][A-Za-z0-9_.-]*$")]

    def __str__(self) -> str:
        return f"{self.owner}/{self.name}"


class Asset(Record):
    """A file of a GitHub release, as GitHub tells it."""

    id: int
    name: str
    uploaded: bool
    """False for what an upload that failed half-way left."""
    size: int
    """Bytes."""
    digest: str | None = None
    """`sha256:` and hexadecimal digits; servers of some years ago do not tell it."""


class Release(Record):
    """A GitHub release, as GitHub tells it."""

    id: int
    tag: str
    title: str
    notes: str
    commit: str
    """The commit or branch that the tag is, or will be, made at."""
    draft: bool
    immutable: bool = False
    """Whether its files can't be changed any more."""
    page: str
    """Address for people."""
    upload_address: str
    assets: tuple[Asset, ...] = ()


class ReleasePlan(Record):
    """What a GitHub release is to be."""

    tag: str
    title: str
    notes: str
    """Markdown."""
    marker: str
    """A line of the notes that no other model's release has: it tells whether a release that is there is this one."""
    commit: str | None = None
    """Where the tag is made, if there is none yet; the default branch when absent."""


class Published(Record):
    """What publishing a GitHub release did."""

    tag: str
    page: str
    """Address for people."""
    created: bool
    """False where the release, or a draft of it, was there already."""
    uploaded: tuple[str, ...]
    """Names of the files that were sent."""
    kept: tuple[str, ...]
    """Names of the files that were there already, with the same bytes."""
