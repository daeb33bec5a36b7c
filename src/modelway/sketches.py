r"""Quantiles of any number of values in bounded memory, with a bound on their error that always holds.

Values are held in levels; one of level h stands for 2**h. A level that is full is sorted, every second value of it
goes up a level and the others are dropped, the even and the odd ones by turns. Each time, the rank of any value moves
by at most 2**h, so that the sum of those is a bound on the error of rank: with levels of k values about
log2(n / k) / k of the n values, which is 0.1 % for 100,000,000. (Munro and Paterson, "Selection and sorting with
limited storage", 1980; Manku, Rajagopalan and Lindsay, SIGMOD 1998. KLL, which draws lots instead, has a smaller
error with high probability.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LEVEL = 1 << 14
"""Values of a level from which on it is full."""


@dataclass(frozen=True)
class Quantile:
    """A quantile and between which values it lies for certain."""

    value: float
    low: float
    high: float


class QuantileSketch:
    """Takes values piece by piece; tells quantiles at any time."""

    def __init__(self) -> None:
        self._levels: list[list[NDArray[np.float64]]] = [[]]
        self._odd: list[int] = [0]
        self.count = 0
        self._error = 0
        self._least, self._most = np.inf, -np.inf

    @property
    def error(self) -> float:
        """By how much a rank may be off, as a share of the values; 0 while they are few enough to be held."""
        return self._error / self.count if self.count else 0.0

    def add(self, values: NDArray[np.float64]) -> None:
        """Take values; none may be NaN."""
        if len(values):
            self.count += len(values)
            self._least = min(self._least, float(values.min()))
            self._most = max(self._most, float(values.max()))
            self._push(0, values)

    @property
    def ends(self) -> tuple[float, float]:
        """The least and the greatest value, exactly; there must be values."""
        return self._least, self._most

    @property
    def rank_error(self) -> int:
        """By how many values a rank may be off."""
        return self._error

    def merge(self, other: QuantileSketch) -> None:
        """Take all values that another sketch took; the bounds on the error add up."""
        self.count += other.count
        self._error += other._error
        self._least, self._most = min(self._least, other._least), max(self._most, other._most)
        for level, held in enumerate(other._levels):
            for piece in held:
                self._push(level, piece)

    def weighted(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """What is held in ascending order, and how many values each stands for; together `count`."""
        pieces = [(piece, 1 << level) for level, held in enumerate(self._levels) for piece in held]
        values = np.concatenate([piece for piece, _ in pieces]) if pieces else np.empty(0)
        order = np.argsort(values, kind="stable")
        weights = np.concatenate([np.full(len(piece), weight) for piece, weight in pieces]) if pieces else np.empty(0)
        return values[order], weights.astype(np.int64)[order]

    def quantile(self, q: float) -> Quantile:
        """The value at rank q · (n - 1), between two neighbours as numpy's default does it; there must be values."""
        values, weights = self.weighted()
        ranks = np.cumsum(weights) - 1  # the greatest rank, from 0, that each value stands for
        rank = q * (self.count - 1)
        below, above = np.searchsorted(ranks, [np.floor(rank), np.ceil(rank)])
        part = rank - np.floor(rank)
        value = float(values[below] * (1 - part) + values[above] * part if part else values[below])
        if not self._error:
            return Quantile(value, value, value)
        # Between two values held there may be dropped ones, so the lower end is the one before.
        low, high = np.searchsorted(ranks, [np.floor(rank) - self._error, np.ceil(rank) + self._error])
        return Quantile(
            value,
            float(values[low - 1]) if low else self._least,
            float(values[high]) if high < len(values) else self._most,
        )

    def _push(self, level: int, values: NDArray[np.float64]) -> None:
        while level >= len(self._levels):
            self._levels.append([])
            self._odd.append(0)
        held = self._levels[level]
        held.append(values)
        if sum(map(len, held)) < _LEVEL:
            return
        merged = np.sort(np.concatenate(held))
        even = len(merged) // 2 * 2
        self._levels[level] = [merged[even:]] if even < len(merged) else []
        self._error += 1 << level
        odd = self._odd[level]
        self._odd[level] = 1 - odd
        self._push(level + 1, merged[:even][odd::2].copy())
