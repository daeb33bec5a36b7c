"""Which keys stand in several rows: counted by 64-bit codes, on disk where they are many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Codes = NDArray[np.uint64]

_IN_MEMORY = 8 << 20
"""Codes that are held before they go to disk: 64 MiB."""
_AT_ONCE = 1 << 20
"""Codes that are parted at a time."""
_PARTS = 64
_SHIFT = np.uint64(58)


@dataclass(frozen=True)
class Repeats:
    """The codes that stand in more than one row."""

    rows: int
    """Of all keys."""
    distinct: int
    """Different codes."""
    codes: Codes
    """The repeated ones, ascending; from disk where they came from there."""
    repeated_rows: int
    """Rows that have one of them."""


class KeyCodes:
    """Collects a code a row and then tells the repeated ones, in bounded memory.

    Where there are many, they are parted by their first six bits into files, which are then sorted one by one, so
    that what is in memory at a time is a 64th of all.

    Args:
        directory: where the files go; it has to be there, and whoever made it removes it.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._held: list[Codes] = []
        self._count = 0
        self._spilled = False

    def add(self, codes: Codes) -> None:
        """Add the codes of some rows; they have to be spread evenly over all 64-bit numbers."""
        self._held.append(codes)
        self._count += len(codes)
        if sum(map(len, self._held)) > _IN_MEMORY:
            self._spill()

    def repeats(self) -> Repeats:
        """Count them; nothing can be added afterwards."""
        if not self._spilled:
            codes, distinct, rows = _repeated(np.concatenate(self._held) if self._held else np.empty(0, np.uint64))
            return Repeats(self._count, distinct, codes, rows)
        self._spill()
        found = self._directory / "repeated"
        distinct = rows = 0
        with found.open("wb") as file:
            for part in range(_PARTS):
                if (path := self._part(part)).exists():
                    codes, different, repeated = _repeated(np.fromfile(path, np.uint64))
                    file.write(codes.tobytes())
                    distinct += different
                    rows += repeated
                    path.unlink()
        empty = found.stat().st_size == 0
        mapped = np.empty(0, np.uint64) if empty else np.memmap(found, np.uint64, mode="r")
        return Repeats(self._count, distinct, mapped, rows)

    def _spill(self) -> None:
        self._spilled = True
        while self._held:
            some = [self._held.pop()]
            while self._held and sum(map(len, some)) < _AT_ONCE:
                some.append(self._held.pop())
            self._append(np.concatenate(some))

    def _append(self, codes: Codes) -> None:
        parts = (codes >> _SHIFT).astype(np.uint8)
        ordered = codes[np.argsort(parts, kind="stable")]
        ends = np.cumsum(np.bincount(parts, minlength=_PARTS))
        for part, (start, end) in enumerate(zip([0, *ends[:-1]], ends, strict=True)):
            with self._part(part).open("ab") as file:
                file.write(ordered[start:end].tobytes())

    def _part(self, part: int) -> Path:
        return self._directory / f"part-{part:02d}"


def _repeated(codes: Codes) -> tuple[Codes, int, int]:
    """The repeated codes ascending, the number of different ones, and the rows of the repeated ones. Sorts in place."""
    codes.sort()
    same = codes[1:] == codes[:-1]
    distinct = len(codes) - int(np.count_nonzero(same))
    if distinct == len(codes):
        return codes[:0], distinct, 0
    # A run's first repetition is where the one before is no repetition itself.
    first = same & ~np.concatenate(([False], same[:-1]))
    found = codes[1:][first]
    return found, distinct, int(np.count_nonzero(same)) + len(found)
