"""Bootstrap resamples, as weights of groups of rows (Efron and Tibshirani, An Introduction to the Bootstrap, 1993).

Up to `GROUPS` rows each row is a group of its own: this is the plain bootstrap. Beyond, the rows are dealt at random
into that many groups of equal size (give or take one row) and whole groups are drawn: the random group method (Wolter,
Introduction to Variance Estimation, 2nd ed., 2007, chapter 2). The variance between random groups estimates the same
variance as that between rows; its own relative error of about sqrt(2 / groups), 3%, stays below that of the tails of
1,000 resamples. The cost no longer grows with resamples times rows: every statistic is summed once by group, and a
resample weighs the sums.

Metrics that depend on the order of the scores are summed by group and by cell, a narrow range of scores. Equal scores
share a cell, and with fewer different scores than cells nothing is lost; otherwise what the cells lose of the value is
given back by `measure.Measurement`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

GROUPS = 2048
"""Groups of the held-out rows, at most."""
CELLS = 1024
"""Ranges of scores, at most."""
SLICE_GROUPS = 512
"""As `GROUPS`, for slices: there are many of them, and their intervals are wide anyway."""
SLICE_CELLS = 256
"""As `CELLS`, for slices."""


@dataclass(frozen=True, eq=False)
class Resamples:
    """How often each group of rows stands in each resample.

    Attributes:
        weights: shape (1 + resamples, groups); the first line is all ones: the rows as they are.
        group: shape (rows,); each row's group.
        cells: the greatest number of cells for metrics of the scores' order.
    """

    weights: NDArray[np.float64]
    group: NDArray[np.intp]
    cells: int

    @cached_property
    def _weights32(self) -> NDArray[np.float32]:
        return self.weights.astype(np.float32)

    def total(self, values: NDArray[np.float64] | NDArray[np.bool_]) -> NDArray[np.float64]:
        """The sum of each row's value in every resample; shape (1 + resamples,)."""
        sums = np.bincount(self.group, weights=values, minlength=self.weights.shape[1])
        return self._weigh(sums)

    def totals(self, values: NDArray[np.float64], code: NDArray[np.intp], number: int) -> NDArray[np.float64]:
        """As `total`, by code (0 to number - 1) of the row; shape (1 + resamples, number)."""
        sums = self._by_group(self.group, code, number, values)
        return np.stack([self._weigh(np.ascontiguousarray(column)) for column in sums.T], axis=1)

    def counts(
        self, code: NDArray[np.intp], number: int, rows: NDArray[np.bool_] | None = None
    ) -> NDArray[np.float32] | NDArray[np.float64]:
        """How often each code (0 to number - 1) stands in every resample; shape (1 + resamples, number).

        Args:
            code: shape (rows,).
            number: the number of codes.
            rows: shape (rows,); the rows that count, all when absent.
        """
        if rows is None:
            counts = self._by_group(self.group, code, number)
        else:
            counts = self._by_group(self.group[rows], code[rows], number)
        if self.weights.shape == (1, 1):
            return counts.astype(np.float64)
        # Single precision holds whole numbers exactly (below 2**24), and this product is most of the work.
        return self._weights32 @ counts.astype(np.float32)

    def _by_group(
        self, group: NDArray[np.intp], code: NDArray[np.intp], number: int, values: NDArray[np.float64] | None = None
    ) -> NDArray[np.float64] | NDArray[np.intp]:
        groups = self.weights.shape[1]
        sums: NDArray[np.float64] | NDArray[np.intp]
        sums = np.bincount(group * number + code, weights=values, minlength=groups * number)
        return sums.reshape(groups, number)

    def _weigh(self, sums: NDArray[np.float64] | NDArray[np.intp]) -> NDArray[np.float64]:
        # Not by BLAS: its sums change in the last bits with the number of threads.
        weighed: NDArray[np.float64] = np.einsum("rg,g->r", self.weights, sums)
        return weighed


def whole(rows: int) -> Resamples:
    """No resamples: the rows as they are, each score a cell of its own."""
    return Resamples(np.ones((1, 1)), np.zeros(rows, np.intp), max(rows, 1))


class Drawer:
    """Draws resamples; the same seed and number of rows give the same ones.

    Args:
        resamples: how many.
        seed: seed of the random generator.
    """

    def __init__(self, resamples: int, seed: int) -> None:
        self._resamples = resamples
        self._seed = seed
        self._weights: dict[int, NDArray[np.float64]] = {}

    def draw(self, rows: int, groups: int = GROUPS, cells: int = CELLS) -> Resamples:
        """Resamples of so many rows, in at most so many groups."""
        if rows <= groups:
            return Resamples(self._draw_weights(rows), np.arange(rows), cells)
        if groups not in self._weights:
            self._weights[groups] = self._draw_weights(groups)
        group = np.random.default_rng([self._seed, rows, groups]).permutation(np.arange(rows) % groups)
        return Resamples(self._weights[groups], group, cells)

    def _draw_weights(self, groups: int) -> NDArray[np.float64]:
        random = np.random.default_rng([self._seed, groups])
        weights = np.ones((1 + self._resamples, groups))
        for line in weights[1:]:
            line[:] = np.bincount(random.integers(0, groups, groups), minlength=groups)
        return weights


def cells_of(
    score: NDArray[np.float64], order: NDArray[np.intp], positive: NDArray[np.bool_], limit: int
) -> tuple[NDArray[np.intp], int]:
    """Cut the scores into at most `limit` ranges, each with a like share of both classes.

    Both classes get half of the ranges: cut by rows alone, a rare class would lie in a few of them.

    Args:
        score: shape (rows,).
        order: shape (rows,); the rows by ascending score.
        positive: shape (rows,); whether a row is of the class in question.
        limit: greatest number of cells.

    Returns:
        Each row's cell, ascending with the score and the same for equal scores, and the number of cells.
    """
    ordered = score[order]
    begins = np.empty(len(order), np.bool_)
    begins[:1] = True
    np.not_equal(ordered[1:], ordered[:-1], out=begins[1:])
    run = np.cumsum(begins) - 1
    number = int(run[-1]) + 1 if len(run) else 0
    if number > limit:
        share = _balanced_shares(positive[order])
        run = np.minimum((share[begins][run] * limit).astype(np.intp), limit - 1)
        number = limit
    cell = np.empty(len(order), np.intp)
    cell[order] = run
    return cell, number


def _balanced_shares(positive: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The share of rows before each one, where both classes weigh the same; shape (rows,)."""
    positives = int(positive.sum())
    before: NDArray[np.intp] = np.cumsum(positive) - positive
    of_positives = before / max(positives, 1)
    of_negatives = (np.arange(len(positive)) - before) / max(len(positive) - positives, 1)
    shares: NDArray[np.float64] = (of_positives + of_negatives) / 2
    return shares
