"""An environment's releases at their address, changed by compare-and-swap alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from modelway.errors import InputError
from modelway.records.releases import Releases
from modelway.storage import Document, is_s3

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelway.records.data import S3Options

RELEASES, LOCK, FLAGS, LOG = "releases.json", "lock.json", "flags.json", "log"
ROLLOUT_PAGE = "rollout.html"


def below(uri: str, name: str) -> str:
    """The address of a file in a directory or prefix."""
    return f"{uri.rstrip('/')}/{name}"


class EnvironmentState:
    """The document of releases.

    Args:
        uri: a directory, or `s3://bucket/prefix`.
        s3: where S3 is.
    """

    def __init__(self, uri: str, s3: S3Options) -> None:
        is_s3(uri)  # refuses other schemes before anything has begun
        self.uri = uri
        self.s3 = s3
        self._releases = Document(below(uri, RELEASES), "the releases", self._parse, Releases.to_json, s3)

    def read(self) -> Releases:
        """What is known; nothing yet in a new environment.

        Raises:
            InputError: the document is torn, or of another version of modelway.
            OutsideError: the store fails.
        """
        return self._releases.read()

    def change(self, change: Callable[[Releases], Releases]) -> Releases:
        """Change the document; of two writers at once, the second one's change sees the first one's.

        Raises:
            InputError: as `read` does.
            OutsideError: the store fails, or others never stop writing.
        """
        return self._releases.change(change)[0]

    def _parse(self, content: bytes | None) -> Releases:
        if content is None:
            return Releases()
        try:
            return Releases.from_json(content)
        except ValidationError as error:
            raise InputError(
                "the record of releases can't be read",
                where=below(self.uri, RELEASES),
                remedy="Restore it from a copy, or remove it: then the next deploy is a first one.",
            ) from error
