"""What is kept of an environment's rollouts: the newest one's state, changed by compare-and-swap, and its ticks."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

from pydantic import ValidationError

from modelway.errors import InputError
from modelway.records.rollout_state import Rollout, Tick
from modelway.storage import Document

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from modelway.records.data import S3Options

ROLLOUT, TICKS = "rollout.json", "rollouts"
_LEVEL = 6


class RolloutStore:
    """The documents of one environment.

    Args:
        uri: the environment's state: a directory, or `s3://bucket/prefix`.
        s3: where S3 is.
    """

    def __init__(self, uri: str, s3: S3Options) -> None:
        self.uri = uri.rstrip("/")
        self._s3 = s3
        self._rollout = Document(f"{self.uri}/{ROLLOUT}", "the rollout", self._parse, _render, s3)
        self._known: dict[tuple[str, int], Tick] = {}

    def read(self) -> Rollout | None:
        """The newest rollout; None where there never was one.

        Raises:
            InputError: the document is torn, or of another version of modelway.
            OutsideError: the store fails.
        """
        return self._rollout.read()

    def change(self, change: Callable[[Rollout | None], Rollout | None]) -> Rollout | None:
        """Change the state; of two writers at once, the second one's change sees the first one's.

        Args:
            change: what is there to what is wanted; None leaves it as it is. May be called several times.

        Raises:
            InputError: as `read` does.
            OutsideError: the store fails, or others never stop writing.
        """
        return self._rollout.change(change)[0]

    def ticks(self, rollout: Rollout) -> Iterator[Tick]:
        """The records of a rollout's ticks, the oldest first.

        Raises:
            InputError: one is missing or torn.
            OutsideError: the store fails.
        """
        for number in range(rollout.ticks):
            tick = self.tick(rollout.id, number)
            if tick is None:
                raise InputError(
                    f"the record of tick {number} is gone",
                    where=self._address(rollout.id, number),
                    remedy="Restore it from a copy, or end this rollout with `modelway rollout abort`.",
                )
            yield tick

    def tick(self, rollout: str, number: int) -> Tick | None:
        """One record, or None where it was never written."""
        known = self._known.get((rollout, number))
        if known is not None:
            return known
        tick = self._record(rollout, number).read()
        if tick is not None:
            self._known[rollout, number] = tick
        return tick

    def add(self, rollout: str, tick: Tick) -> Tick:
        """Write a record, unless there is one of that number: then whoever was first is believed, and that one given.

        Raises:
            OutsideError: the store fails.
        """
        found, _ = self._record(rollout, tick.number).change(lambda found: tick if found is None else None)
        first = found or tick
        self._known[rollout, tick.number] = first
        return first

    def _record(self, rollout: str, number: int) -> Document[Tick | None]:
        where = self._address(rollout, number)

        def parse(content: bytes | None) -> Tick | None:
            try:
                return None if content is None else Tick.from_json(gzip.decompress(content))
            except (ValidationError, OSError, EOFError) as error:
                raise InputError(
                    "the record of a tick can't be read",
                    where=where,
                    remedy="Restore it from a copy, or end this rollout with `modelway rollout abort`.",
                ) from error

        def render(tick: Tick | None) -> bytes:
            return gzip.compress(tick.model_dump_json().encode(), _LEVEL, mtime=0) if tick else b""

        return Document(where, "the record of a tick", parse, render, self._s3)

    def _address(self, rollout: str, number: int) -> str:
        return f"{self.uri}/{TICKS}/{rollout}/{number:06d}.json.gz"

    def _parse(self, content: bytes | None) -> Rollout | None:
        if content is None:
            return None
        try:
            return Rollout.from_json(content)
        except ValidationError as error:
            raise InputError(
                "the state of the rollout can't be read",
                where=f"{self.uri}/{ROLLOUT}",
                remedy="Restore it from a copy; or switch the flags off (`modelway flags`) and remove it.",
            ) from error


def _render(rollout: Rollout | None) -> str:
    return rollout.to_json() if rollout else ""
