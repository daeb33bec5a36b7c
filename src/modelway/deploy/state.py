"""An environment's releases at their address, changed by compare-and-swap alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from modelway.errors import InputError, OutsideError
from modelway.records.releases import Releases
from modelway.storage import is_s3, read_tagged, write_if_unchanged

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelway.records.data import S3Options

RELEASES, LOCK, FLAGS, LOG = "releases.json", "lock.json", "flags.json", "log"
ROLLOUT_PAGE = "rollout.html"
_ATTEMPTS = 20


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
        self._releases = below(uri, RELEASES)

    def read(self) -> Releases:
        """What is known; nothing yet in a new environment.

        Raises:
            InputError: the document is torn, or of another version of modelway.
            OutsideError: the store fails.
        """
        return self._read()[0]

    def change(self, change: Callable[[Releases], Releases]) -> Releases:
        """Change the document; of two writers at once, the second one's change sees the first one's.

        Raises:
            InputError: as `read` does.
            OutsideError: the store fails, or others never stop writing.
        """
        tried: Releases | None = None
        for _ in range(_ATTEMPTS):
            found, tag = self._read()
            if found == tried:
                return found  # it was written, and the answer lost
            tried = wanted = change(found)
            if wanted == found:
                return wanted
            if write_if_unchanged(self._releases, wanted.to_json().encode(), tag, s3=self.s3) is not None:
                return wanted
        raise OutsideError("others keep changing the releases", where=self._releases, remedy="Try again.")

    def _read(self) -> tuple[Releases, str | None]:
        try:
            content, tag = read_tagged(self._releases, s3=self.s3)
        except InputError:
            return Releases(), None
        try:
            return Releases.from_json(content), tag
        except ValidationError as error:
            raise InputError(
                "the record of releases can't be read",
                where=self._releases,
                remedy="Restore it from a copy, or remove it: then the next deploy is a first one.",
            ) from error
