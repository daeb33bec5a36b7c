"""An environment's releases at their address, changed by compare-and-swap alone."""

from __future__ import annotations

import os
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pydantic import ValidationError

from modelway.errors import InputError
from modelway.records.releases import Releases, SmokeToken
from modelway.storage import Document, is_s3

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from modelway.records.data import S3Options

RELEASES, LOCK, FLAGS, LOG, SMOKE = "releases.json", "lock.json", "flags.json", "log", "smoke.json"
ROLLOUT_PAGE = "rollout.html"


def below(uri: str, name: str) -> str:
    """The address of a file in a directory or prefix."""
    return f"{uri.rstrip('/')}/{name}"


class EnvironmentState:
    """The document of releases, and the token by which smoke tests prove themselves.

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

    def smoke_token(self, *, create: bool = False) -> str | None:
        """Return the token that everyone who deploys here shares; None if there is none and `create` is false.

        Raises:
            InputError: its document can't be read.
            OutsideError: the store fails.
        """
        document = Document(below(self.uri, SMOKE), "the smoke test's token", self._parse_token, _render_token, self.s3)
        found = document.read()
        if found is None and create:
            made = SmokeToken(token=secrets.token_urlsafe(32))
            with _for_no_others():
                found, _ = document.change(lambda known: known or made)
        return None if found is None else found.token

    def _parse_token(self, content: bytes | None) -> SmokeToken | None:
        if content is None:
            return None
        try:
            return SmokeToken.from_json(content)
        except ValidationError as error:
            raise InputError(
                "the smoke test's token can't be read",
                where=below(self.uri, SMOKE),
                remedy="Remove it; the next deploy creates a new token and passes it to the servers.",
            ) from error

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


def _render_token(token: SmokeToken | None) -> str:
    return "" if token is None else token.to_json()


@contextmanager
def _for_no_others() -> Iterator[None]:
    """Create files that only their owner and group can read."""
    mask = os.umask(0o077)
    os.umask(mask | 0o007)
    try:
        yield
    finally:
        os.umask(mask)
