"""Server processes on this machine, with real bundles."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from modelway.deploy.target import open_target

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest

    from modelway.deploy.target import Target
    from modelway.records.deploy import Release


class LocalWorld:
    def __init__(self, make_place: Any, bundles: Any, secret: str) -> None:
        self._make_place = make_place
        self._bundles = bundles
        self._secret = secret

    def open(self) -> Target:
        place = self._make_place()
        place.secrets["AWS_SECRET_ACCESS_KEY"] = self._secret
        return open_target(place)

    def open_without_secrets(self) -> Target:
        return open_target(self._make_place())

    def release(self, number: int) -> Release:
        found: Release = self._bundles.release(number)
        return found

    def broken(self) -> Release:
        found: Release = self._bundles.broken_release()
        return found


@contextmanager
def world(request: pytest.FixtureRequest, root: Path, secret: str) -> Iterator[LocalWorld]:
    made = LocalWorld(request.getfixturevalue("make_place"), request.getfixturevalue("bundles"), secret)
    yield made
    target = made.open()
    for step in target.plan(None, target.inspect()):
        target.apply(step)
