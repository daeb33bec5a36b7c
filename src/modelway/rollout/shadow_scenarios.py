"""Made-up answers in shadow: pairs of scores, of which the challenger's may be shifted in one slice only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from modelway.decide.shadow import slices_beyond

if TYPE_CHECKING:
    from modelway.records.rollout import RolloutOptions

SLICES = ("all", "region = north", "region = south", "region = east", "region = west", "channel = phone")
_SHARES = np.array([1.0, 0.4, 0.3, 0.2, 0.1, 0.05])
SHIFTED = "region = west"
SHADOW_SCENARIOS = {
    "shadow-alike": ("in shadow: scores differ by noise alone", 0.0),
    "slice-shift": (f"in shadow: scores are shifted by 0.15 where {SHIFTED}", 0.15),
}
"""How far scores are shifted in the slice, by name, with one line of help."""


@dataclass(frozen=True, slots=True)
class Shadowed:
    """What the comparison of pairs said, of so many runs.

    Attributes:
        runs: how many there were.
        named: by slice, in how many runs it was named.
        pairs: median number of pairs until the first slice was named; None where none was.
    """

    runs: int
    named: dict[str, int]
    pairs: float | None


def simulate_shadow(options: RolloutOptions, shift: float, *, pairs: int, runs: int, seed: int) -> Shadowed:
    """Compare pairs of scores, looking after each hundred, and stop a run where a slice is named.

    The scores' differences have a standard deviation of 0.05; labels are made at a score of 0.5, near which one pair
    in a hundred lies.

    Args:
        options: the settings' `rollout`.
        shift: of the challenger's scores in the slice.
        pairs: how many each run has.
        runs: how many runs.
        seed: the same one gives the same result.
    """
    generator = np.random.default_rng(seed)
    sums = np.zeros((4, runs, len(SLICES)))
    shifts = np.array([shift if name == SHIFTED else 0.0 for name in SLICES])
    shifts[0] = shift * _SHARES[SLICES.index(SHIFTED)]
    named, first = np.zeros((runs, len(SLICES)), bool), np.full(runs, np.nan)
    guard, alpha = options.guards.agreement, options.alpha * options.guards.agreement.alpha
    for look in range(1, pairs // 100 + 1):
        count = generator.binomial(100, _SHARES, (runs, len(SLICES)))
        mean = generator.normal(shifts, 0.05 / np.sqrt(np.maximum(count, 1)))
        flips = generator.binomial(count, 0.01 + 0.2 * shifts)
        sums += np.stack([count, flips, count * mean, count * (mean**2 + 0.05**2)])
        pairs_seen, flipped, total, squares = sums
        beyond = slices_beyond(pairs_seen, flipped, total, squares, guard.flips, guard.shift, alpha)
        fresh = np.isnan(first) & beyond.any(axis=-1)
        named |= beyond & fresh[:, None]
        first[fresh] = look * 100
    counts = {name: int(count) for name, count in zip(SLICES, named.sum(axis=0), strict=True)}
    return Shadowed(runs, counts, float(np.nanmedian(first)) if named.any() else None)
