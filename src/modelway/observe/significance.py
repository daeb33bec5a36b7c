"""Tests and the false discovery rate."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_LEAST_EXPECTED = 5.0
"""Rows that a cell must be expected to have in both samples for the chi-square distribution to hold (Cochran, 1954)."""


def ks_p_value(distance: float, before: float, now: int) -> float:
    """The p-value of a Kolmogorov-Smirnov distance of two samples; with equal values among them it errs upwards.

    Args:
        distance: the greatest difference of the two distribution functions.
        before: size of the one sample; infinite where it is a whole population.
        now: size of the other.
    """
    from scipy.special import kolmogorov

    root = math.sqrt(1.0 / (1.0 / before + 1.0 / now))
    return float(kolmogorov((root + 0.12 + 0.11 / root) * distance))  # Stephens, 1970


def chi_square(
    before: NDArray[np.float64], now: NDArray[np.float64], *, population: bool = False
) -> tuple[float, float]:
    """Pearson's statistic for two samples' counts in the same cells, and its p-value; rare cells are pooled.

    Args:
        before: counts of the one sample, or the shares of a whole population.
        now: counts of the other.
        population: whether `before` are shares.
    """
    from scipy.special import chdtrc

    rows = now.sum()
    if population:
        expected = before / max(before.sum(), 1e-300) * rows
        least = expected
    else:
        total = before.sum() + rows
        expected = (before + now) * rows / max(total, 1)
        least = np.minimum(expected, (before + now) * before.sum() / max(total, 1))
    groups = _pooled(least)
    seen = np.bincount(groups, weights=now)
    wanted = np.bincount(groups, weights=expected)
    if len(seen) < 2 or not wanted.all():
        return (0.0, 1.0) if len(seen) < 2 or not seen[wanted == 0].any() else (math.inf, 0.0)
    statistic = float((np.square(seen - wanted) / wanted).sum())
    if not population:
        statistic *= (before.sum() + rows) / before.sum() if before.sum() else 0.0
    return statistic, float(chdtrc(len(seen) - 1, statistic))


def shares_p_value(before: float, before_rows: float, now: float, now_rows: int) -> float:
    """The two-sided p-value of the difference of two shares (normal approximation, with pooled variance)."""
    if before == now:
        return 1.0
    weight = now_rows / (before_rows + now_rows) if math.isfinite(before_rows) else 0.0
    pooled = before * (1 - weight) + now * weight
    # A share of exactly nothing says only that it is rarer than one in so many rows.
    floor = 0.5 / (min(before_rows, now_rows) + 1)
    pooled = min(max(pooled, floor), 1 - floor)
    spread = math.sqrt(pooled * (1 - pooled) * (1 / before_rows + 1 / now_rows))
    return math.erfc(abs(now - before) / spread / math.sqrt(2))


def adjusted(p_values: Sequence[float]) -> list[float]:
    """The least false discovery rate at which each is a discovery (Benjamini and Hochberg, 1995)."""
    if not p_values:
        return []
    values = np.asarray(p_values, np.float64)
    order = np.argsort(values)[::-1]
    ranks = np.arange(len(values), 0, -1)
    raised = np.minimum.accumulate(values[order] * len(values) / ranks)
    found = np.empty(len(values))
    found[order] = np.minimum(raised, 1.0)
    return [float(value) for value in found]


def _pooled(least: NDArray[np.float64]) -> NDArray[np.intp]:
    """A group for each cell: those expected to have too few rows share one, with the rarest other where need be."""
    enough = least >= _LEAST_EXPECTED
    if enough.all():
        return np.arange(len(least))
    if not enough.any():
        return np.zeros(len(least), np.intp)
    rest = ~enough
    if least[rest].sum() < _LEAST_EXPECTED and enough.sum() > 1:
        rarest = np.flatnonzero(enough)[np.argmin(least[enough])]
        enough[rarest], rest[rarest] = False, True
    groups = np.full(len(least), int(enough.sum()), np.intp)
    groups[enough] = np.arange(int(enough.sum()))
    return groups
