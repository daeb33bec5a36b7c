"""Unique keys and duplicate rows: codes during the scan, and a second look at what repeats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from modelway.data.hashing import mix
from modelway.data.suite.keys import KeyCodes
from modelway.records.data import ColumnType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from modelway.data.suite.batches import Batch
    from modelway.data.suite.keys import Repeats
    from modelway.data.suite.kinds import Kind
    from modelway.records.suite import LeftOut

_OWN_CODE = frozenset({ColumnType.INTEGER, ColumnType.DATE})
_AT_ONCE = 1 << 21
"""Values of repeated keys that are compared at a time."""


@dataclass(frozen=True)
class Key:
    """What is to be counted.

    Attributes:
        columns: that make it up.
        left_out: rows that have no key: where any column is missing, where all are, or none; elsewhere missing parts
            are equal to each other.
        later: give as examples the rows whose key an earlier row has; else all whose key another row has.
    """

    columns: tuple[str, ...]
    left_out: LeftOut = "any"
    later: bool = False


@dataclass(frozen=True)
class KeyFacts:
    """How often keys repeat."""

    rows: int
    """That have a key."""
    distinct: int
    """Different keys, by their 64-bit codes; with n of them about n² / 2⁶⁵ too few, which is none below 10⁹."""
    shared: int
    """Rows whose key another row has, too; exact."""
    later: int
    """Rows whose key an earlier row has; exact."""
    examples: dict[str, list[int]]
    """The first rows, from 0, that are shared or later, as the key asks, by file."""


class KeyCounter:
    """Watches one key.

    Args:
        key: what is counted.
        kinds: what its columns are.
        directory: for what does not fit into memory.
    """

    def __init__(self, key: Key, kinds: Mapping[str, Kind], directory: Path) -> None:
        self.columns, self._left_out, self._later = key.columns, key.left_out, key.later
        # An integer or a date is a code by itself: where two are equal, the values are. Others are hashed.
        alone = len(key.columns) == 1 and key.left_out != "none"
        self._own_code = alone and kinds[key.columns[0]].type in _OWN_CODE
        self._codes = KeyCodes(directory)

    def add(self, batch: Batch) -> None:
        """Take the rows of a piece."""
        self._codes.add(self._of(batch)[0])

    def finish(self, read: Callable[[], Iterator[Batch]], wanted: int) -> KeyFacts:
        """Tell what repeats.

        Args:
            read: gives the rows once more, with the key's columns; called only where codes repeat.
            wanted: so many rows as examples.
        """
        repeats = self._codes.repeats()
        if not len(repeats.codes):
            return KeyFacts(repeats.rows, repeats.distinct, 0, 0, {})
        if self._own_code:
            found = self._look_up(repeats.codes, read, wanted, None)
            later = repeats.repeated_rows - len(repeats.codes)
            return KeyFacts(repeats.rows, repeats.distinct, repeats.repeated_rows, later, found)
        return self._verified(repeats, read, wanted)

    def _verified(self, repeats: Repeats, read: Callable[[], Iterator[Batch]], wanted: int) -> KeyFacts:
        """Compare the keys themselves, some at a time; two that only have the same hash are different."""
        at_once = max(_AT_ONCE // len(self.columns), 1)
        shared = different = 0
        examples: dict[str, list[int]] = {}
        for start in range(0, len(repeats.codes), at_once):
            left = wanted - sum(map(len, examples.values()))
            groups = _Groups(self.columns)
            found = self._look_up(repeats.codes[start : start + at_once], read, left, groups)
            rows, keys = groups.repeated()
            shared += rows
            different += keys
            if keys:
                for file, numbers in found.items():
                    examples[file] = sorted([*examples.get(file, []), *numbers])
        return KeyFacts(repeats.rows, repeats.distinct, shared, shared - different, examples)

    def _look_up(
        self, codes: NDArray[np.uint64], read: Callable[[], Iterator[Batch]], wanted: int, groups: _Groups | None
    ) -> dict[str, list[int]]:
        """The first rows that have one of these codes, by file; `groups` is given all of them."""
        examples: dict[str, list[int]] = {}
        seen = np.zeros(len(codes), bool)
        for batch in read():
            own, rows = self._of(batch)
            place = np.minimum(np.searchsorted(codes, own), len(codes) - 1)
            hit = np.flatnonzero(codes[place] == own)
            if len(hit) and groups is not None:
                groups.add(batch.frame.select(self.columns)[rows[hit]])
            if wanted > 0:
                chosen = _later(place, hit, seen) if self._later else hit
                numbers = [batch.start + int(rows[at]) for at in chosen[:wanted]]
                if numbers:
                    examples.setdefault(batch.file.name, []).extend(numbers)
                wanted -= len(numbers)
            elif groups is None:
                break
        return examples

    def _of(self, batch: Batch) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
        """The codes of a piece's rows, and which rows they are."""
        frame = batch.frame.select(self.columns)
        rows = np.arange(len(frame))
        if self._left_out != "none" and any(frame[name].null_count() for name in self.columns):
            present = pl.all().is_not_null()
            has_key = pl.all_horizontal(present) if self._left_out == "any" else pl.any_horizontal(present)
            rows = np.flatnonzero(frame.select(has_key.alias("\0key"))["\0key"].to_numpy())
            frame = frame[rows]
        if self._own_code:
            codes = frame[self.columns[0]].to_physical().to_numpy().astype(np.int64).view(np.uint64)
            mix(codes)
            return codes, rows
        return frame.hash_rows().to_numpy(), rows


class _Groups:
    """Counts equal rows; what is held grows with the different ones alone."""

    def __init__(self, columns: tuple[str, ...]) -> None:
        self._columns = columns
        self._merged: pl.DataFrame | None = None
        self._waiting: list[pl.DataFrame] = []

    def add(self, keys: pl.DataFrame) -> None:
        self._waiting.append(keys.group_by(self._columns).agg(pl.len().alias("\0rows")))
        if sum(map(len, self._waiting)) > max(100_000, 0 if self._merged is None else len(self._merged)):
            self._merge()

    def repeated(self) -> tuple[int, int]:
        """The rows whose key more than one row has, and the number of those keys."""
        self._merge()
        if self._merged is None:
            return 0, 0
        rows = self._merged["\0rows"]
        several = rows.filter(rows > 1)
        return int(several.sum()), len(several)

    def _merge(self) -> None:
        parts = self._waiting if self._merged is None else [self._merged, *self._waiting]
        self._waiting = []
        if parts:
            self._merged = pl.concat(parts).group_by(self._columns).agg(pl.col("\0rows").sum())


def _later(place: NDArray[np.intp], hit: NDArray[np.intp], seen: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Of the rows in `hit` those whose code came before; marks all of theirs as seen."""
    codes = place[hit]
    _, first = np.unique(codes, return_index=True)
    is_first = np.zeros(len(hit), bool)
    is_first[first] = True
    later = hit[~is_first | seen[codes]]
    seen[codes] = True
    return later
