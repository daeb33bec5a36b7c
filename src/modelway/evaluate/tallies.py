"""What the metrics are made of, summed in every resample."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from modelway.evaluate.resample import cells_of
from modelway.evaluate.rows import BinaryRows, ClassRows, NumberRows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from modelway.evaluate.resample import Resamples
    from modelway.evaluate.rows import Rows

    Counts = NDArray[np.float32] | NDArray[np.float64]

CALIBRATION_BINS = 15
"""Equally wide bins of the probability, as in Guo et al., On Calibration of Modern Neural Networks, ICML 2017."""
LEAST_CELLS = 32
"""Cells of each class, at the least, where the cells are shared out among many classes."""


def calibration_bins(probability: NDArray[np.float64]) -> NDArray[np.intp]:
    """Each row's calibration bin, 0 to `CALIBRATION_BINS` - 1; a bin includes its upper end."""
    return np.searchsorted(np.linspace(0, 1, CALIBRATION_BINS + 1)[1:-1], probability)


class _Tally:
    def __init__(self, length: int, resamples: Resamples) -> None:
        self.resamples = resamples
        self._length = length

    @cached_property
    def rows(self) -> NDArray[np.float64]:
        """Shape (1 + resamples,); the number of rows."""
        return self.resamples.total(np.ones(self._length))


class BinaryTally(_Tally):
    """Sums for the metrics of two classes; every array's first axis is the resample."""

    def __init__(self, rows: BinaryRows, resamples: Resamples) -> None:
        super().__init__(len(rows), resamples)
        self._rows = rows

    @cached_property
    def true_positives(self) -> NDArray[np.float64]:
        """Positive rows that are predicted as such."""
        return self.resamples.total(self._rows.predicted & self._rows.target)

    @cached_property
    def positives(self) -> NDArray[np.float64]:
        """Positive rows."""
        return self.resamples.total(self._rows.target)

    @cached_property
    def predicted_positives(self) -> NDArray[np.float64]:
        """Rows that are predicted positive."""
        return self.resamples.total(self._rows.predicted)

    @cached_property
    def log_loss(self) -> NDArray[np.float64]:
        """The sum of the rows' log losses, in nats."""
        return self.resamples.total(self._rows.log_losses)

    @cached_property
    def squared(self) -> NDArray[np.float64]:
        """The sum of squared differences between probability and outcome."""
        return self.resamples.total((self._rows.score - self._rows.target) ** 2)

    @cached_property
    def calibration_gaps(self) -> NDArray[np.float64]:
        """Shape (1 + resamples, bins); the sum of outcome less probability in each bin."""
        gap = self._rows.target - self._rows.score
        return self.resamples.totals(gap, calibration_bins(self._rows.score), CALIBRATION_BINS)

    @cached_property
    def ranked(self) -> tuple[Counts, Counts]:
        """Positive and negative rows by cell of ascending score; shape (1 + resamples, cells) each."""
        rows = self._rows
        cell, number = cells_of(rows.score, rows.order, rows.target, self.resamples.cells)
        return self.resamples.counts(cell, number, rows.target), self.resamples.counts(cell, number, ~rows.target)


class ClassTally(_Tally):
    """Sums for the metrics of more than two classes; every array's first axis is the resample."""

    def __init__(self, rows: ClassRows, resamples: Resamples) -> None:
        super().__init__(len(rows), resamples)
        self._rows = rows

    @cached_property
    def hits(self) -> Counts:
        """Shape (1 + resamples, classes); rows of each class that are predicted as such."""
        rows = self._rows
        return self.resamples.counts(rows.target, rows.classes, rows.target == rows.predicted)

    @cached_property
    def true(self) -> Counts:
        """Shape (1 + resamples, classes); rows of each class."""
        return self.resamples.counts(self._rows.target, self._rows.classes)

    @cached_property
    def predicted(self) -> Counts:
        """Shape (1 + resamples, classes); rows predicted as each class."""
        return self.resamples.counts(self._rows.predicted, self._rows.classes)

    @cached_property
    def log_loss(self) -> NDArray[np.float64]:
        """The sum of the rows' log losses, in nats."""
        return self.resamples.total(self._rows.log_losses)

    def ranked(self, index: int) -> tuple[Counts, Counts]:
        """As `BinaryTally.ranked`, for one class against the rest."""
        score = np.ascontiguousarray(self._rows.probability[:, index])
        positive = self._rows.target == index
        classes = self._rows.classes
        # The point estimate has a cell for every score; the resamples share their cells out, to bound the cost.
        limit = self.resamples.cells
        if limit < len(score):
            limit = max(limit // classes, LEAST_CELLS)
        cell, number = cells_of(score, np.argsort(score, kind="stable"), positive, limit)
        return self.resamples.counts(cell, number, positive), self.resamples.counts(cell, number, ~positive)

    @property
    def classes(self) -> int:
        """The number of classes."""
        return self._rows.classes


class NumberTally(_Tally):
    """Sums for the metrics of a regression; every array's first axis is the resample."""

    def __init__(self, rows: NumberRows, resamples: Resamples) -> None:
        super().__init__(len(rows), resamples)
        self._rows = rows

    @cached_property
    def squared(self) -> NDArray[np.float64]:
        """The sum of squared residuals."""
        return self.resamples.total(self._rows.residuals**2)

    @cached_property
    def absolute(self) -> NDArray[np.float64]:
        """The sum of absolute residuals."""
        return self.resamples.total(np.abs(self._rows.residuals))

    @cached_property
    def spread(self) -> NDArray[np.float64]:
        """The sum of squared differences between the target and its mean in the resample."""
        if len(self._rows) == 0:
            return np.zeros_like(self.rows)
        # Centred before it is squared, so that a large mean takes no digits away.
        centred = self._rows.target - self._rows.target.mean()
        return np.maximum(self.resamples.total(centred**2) - self.resamples.total(centred) ** 2 / self.rows, 0)

    @cached_property
    def median_absolute(self) -> NDArray[np.float64]:
        """The median absolute residual."""
        ordered = np.argsort(np.abs(self._rows.residuals), kind="stable")
        cell, number = _cells_about_median(len(ordered), self.resamples.cells)
        cell_of_row = np.empty_like(cell)
        cell_of_row[ordered] = cell
        sizes = np.bincount(cell, minlength=number)
        means = np.bincount(cell_of_row, np.abs(self._rows.residuals), minlength=number) / np.maximum(sizes, 1)
        reached = np.cumsum(self.resamples.counts(cell_of_row, number), axis=1, dtype=np.float64)
        last = reached[:, -1:]
        lower = (reached <= np.floor((last - 1) / 2)).sum(axis=1)
        upper = (reached <= np.floor(last / 2)).sum(axis=1)
        median: NDArray[np.float64] = (means[lower] + means[upper]) / 2
        return median


Tally = BinaryTally | ClassTally | NumberTally


def tally(rows: Rows, resamples: Resamples) -> Tally:
    """Sum up rows in every resample."""
    if isinstance(rows, BinaryRows):
        return BinaryTally(rows, resamples)
    if isinstance(rows, ClassRows):
        return ClassTally(rows, resamples)
    return NumberTally(rows, resamples)


def _cells_about_median(rows: int, limit: int) -> tuple[NDArray[np.intp], int]:
    """Cells of ascending rank, narrow where a resample's median can lie.

    Its rank has a standard deviation of sqrt(rows) / 2, so six of them on both sides hold it.
    """
    rank = np.arange(rows)
    if rows <= limit:
        return rank, rows
    reach = 3 * np.sqrt(rows)
    inner = np.floor((rank - (rows / 2 - reach)) / (2 * reach) * (limit - 2)).astype(np.intp)
    return np.clip(inner, -1, limit - 2) + 1, limit
