"""Metrics with their intervals, and paired differences between two models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from modelway.evaluate.resample import whole
from modelway.evaluate.tallies import tally
from modelway.records.evaluate import Estimate

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from modelway.evaluate.metrics import Metric
    from modelway.evaluate.resample import Resamples
    from modelway.evaluate.rows import Rows

LEAST_DEFINED = 0.95
"""The share of resamples in which a metric has to be defined for an interval to be given."""


class Measurement:
    """The metrics of one model's scores on some rows.

    Args:
        rows: the rows with their scores.
        resamples: of the same rows; absent where no interval is wanted.
    """

    def __init__(self, rows: Rows, resamples: Resamples | None = None) -> None:
        self.rows = rows
        self._whole = tally(rows, whole(len(rows)))
        self._resampled = None if resamples is None else tally(rows, resamples)
        self._draws: dict[str, NDArray[np.float64]] = {}

    def value(self, metric: Metric) -> float:
        """The metric on the rows as they are; NaN where it is not defined."""
        if len(self.rows) == 0:
            return float("nan")
        return float(metric.compute(self._whole)[0])

    def draws(self, metric: Metric) -> NDArray[np.float64]:
        """The metric in every resample; shape (resamples,), NaN where it is not defined.

        All are moved by what the resamples' cells lose of the value on the rows as they are, so that the middle is
        right and only the variance within a cell is missing.
        """
        if self._resampled is None or len(self.rows) == 0:
            return np.empty(0)
        if metric.name not in self._draws:
            values = metric.compute(self._resampled)
            self._draws[metric.name] = values[1:] + (self.value(metric) - values[0])
        return self._draws[metric.name]

    def estimate(self, metric: Metric, confidence: float) -> Estimate:
        """The metric with its two-sided percentile interval, which always holds the value itself."""
        value = self.value(metric)
        if not np.isfinite(value):
            return Estimate(value=None)
        bounds = _quantiles(self.draws(metric), ((1 - confidence) / 2, (1 + confidence) / 2))
        if bounds is None:
            return Estimate(value=value)
        low, high = bounds
        if metric.pivotal:
            low, high = 2 * value - high, 2 * value - low
        return Estimate(value=value, low=max(min(low, value), metric.low), high=min(max(high, value), metric.high))


def estimates(measurement: Measurement, metrics: Iterable[Metric], confidence: float) -> dict[str, Estimate]:
    """Each metric with its interval, by name."""
    return {metric.name: measurement.estimate(metric, confidence) for metric in metrics}


@dataclass(frozen=True, eq=False)
class Difference:
    """A metric of two models on the same rows and the same resamples.

    Attributes:
        candidate: the first model's value.
        reference: the other model's value.
        value: how much better the candidate is, in the metric's own units; negative where it is worse.
        draws: shape (resamples,); the same in every resample.
    """

    candidate: float
    reference: float
    value: float
    draws: NDArray[np.float64]

    @property
    def is_tie(self) -> bool:
        """Whether the two are equal on the rows and in every resample."""
        defined = self.draws[np.isfinite(self.draws)]
        return self.value == 0 and not defined.any()

    def bounds(self, confidence: float) -> tuple[float, float] | None:
        """One-sided lower and upper bound, each at `confidence`; None where the metric is not defined."""
        if not np.isfinite(self.value):
            return None
        return _quantiles(self.draws, (1 - confidence, confidence))

    def estimate(self, confidence: float) -> Estimate | None:
        """The difference with its two-sided interval."""
        if not np.isfinite(self.value):
            return None
        low, high = self.bounds((1 + confidence) / 2) or (None, None)
        return Estimate(value=self.value, low=low, high=high)


def difference(metric: Metric, candidate: Measurement, reference: Measurement) -> Difference:
    """Compare two models that were measured on the same rows with the same resamples."""
    ours, theirs = candidate.value(metric), reference.value(metric)
    sign = metric.orient(1.0)
    return Difference(ours, theirs, sign * (ours - theirs), sign * (candidate.draws(metric) - reference.draws(metric)))


def _quantiles(draws: NDArray[np.float64], levels: tuple[float, float]) -> tuple[float, float] | None:
    defined = draws[np.isfinite(draws)]
    if len(defined) == 0 or len(defined) < LEAST_DEFINED * len(draws):
        return None
    low, high = np.quantile(defined, levels)
    return float(low), float(high)
