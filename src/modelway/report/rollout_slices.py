"""Pairs of answers in shadow, by slice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelway.records.rollout_seen import ALL_PAIRS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelway.records.rollout_seen import SeenInterval


@dataclass(frozen=True)
class PairRow:
    """Pairs of one slice.

    Attributes:
        name: the slice as `column = value`, or all.
        pairs: how many.
        flips: those of them whose labels differ.
        total: the sum of the scores' differences, challenger less champion.
    """

    name: str
    pairs: int
    flips: int
    total: float


def pair_rows(intervals: Sequence[SeenInterval]) -> list[PairRow]:
    """The sums over the intervals: all pairs first, then the slices with the greatest share of flips."""
    sums: dict[str, tuple[int, int, float]] = {}
    for interval in intervals:
        for name, counts in interval.pairs.items():
            pairs, flips, total = sums.get(name, (0, 0, 0.0))
            sums[name] = (pairs + counts.pairs, flips + counts.flips, total + counts.total)
    rows = [PairRow(name, *numbers) for name, numbers in sums.items()]
    return sorted(rows, key=lambda row: (row.name != ALL_PAIRS, -row.flips / max(1, row.pairs), row.name))
