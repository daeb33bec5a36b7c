"""The candidate against another predictor on the same held-out rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from modelway.evaluate.measure import Difference, Measurement, difference
from modelway.evaluate.rows import BinaryRows, ClassRows, NumberRows
from modelway.records.evaluate import Comparison

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from modelway.evaluate.metrics import Metric
    from modelway.evaluate.resample import Resamples
    from modelway.evaluate.rows import Rows
    from modelway.records.data import Dataset

SAME = 1e-9
"""Scores that differ by less (of 1, or of the target's spread) are equal: rounding differs between CPU kernels."""


@dataclass(frozen=True, eq=False)
class Contest:
    """What is known of the candidate and another predictor; the gates judge it.

    Attributes:
        metric: the primary metric's name.
        rows: the number of rows.
        difference: how much better the candidate is; None where the other's scores can't be used.
        flaw: why they can't be used.
        same_model: whether both are one model, by digest.
        identical: whether both say the same of every row.
        constant: whether the candidate says the same of every row.
    """

    metric: str
    rows: int
    difference: Difference | None = None
    flaw: str | None = None
    same_model: bool = False
    identical: bool = False
    constant: bool = False


def contest_of(metric: Metric, candidate: Measurement, reference: Measurement, *, same_model: bool = False) -> Contest:
    """Compare two predictors that were measured on the same rows with the same resamples."""
    ours, theirs = _said(candidate.rows), _said(reference.rows)
    return Contest(
        metric=metric.name,
        rows=len(candidate.rows),
        difference=difference(metric, candidate, reference),
        same_model=same_model,
        identical=_equal(ours, theirs, candidate.rows),
        constant=_equal(ours, ours[:1], candidate.rows),
    )


def comparison_of(contest: Contest, confidence: float) -> Comparison:
    """The record of a contest with the champion; the interval is two-sided."""
    found = contest.difference
    if found is None:
        return Comparison(metric=contest.metric, candidate=None, champion=None, same_model=contest.same_model)
    return Comparison(
        metric=contest.metric,
        candidate=found.candidate if np.isfinite(found.candidate) else None,
        champion=found.reference if np.isfinite(found.reference) else None,
        difference=found.estimate(confidence),
        same_model=contest.same_model,
    )


def against_trivial(metric: Metric, candidate: Measurement, resamples: Resamples, dataset: Dataset) -> Contest:
    """Compare with the predictor that always says the target's distribution over the training rows."""
    trivial = _trivial(candidate.rows, dataset)
    if trivial is None:
        return Contest(metric.name, len(candidate.rows), flaw="the training rows' target distribution is not known")
    return contest_of(metric, candidate, Measurement(trivial, resamples))


def _trivial(rows: Rows, dataset: Dataset) -> Rows | None:
    number = len(rows)
    if isinstance(rows, NumberRows):
        return None if dataset.target_mean is None else NumberRows(rows.target, np.full(number, dataset.target_mean))
    rates = np.array([dataset.target_rates.get(name, 0.0) for name in dataset.classes])
    if not np.isfinite(rates).all() or rates.min() < 0 or rates.sum() <= 0:
        return None
    probability = np.broadcast_to(rates / rates.sum(), (number, len(rates)))
    if isinstance(rows, BinaryRows):
        return BinaryRows(rows.target, probability, rows.threshold)
    return ClassRows(rows.target, probability, np.full(number, int(rates.argmax())))


def _said(rows: Rows) -> NDArray[np.float64]:
    """What a model said of each row; shape (rows, …)."""
    return rows.predicted if isinstance(rows, NumberRows) else rows.probability


def _equal(left: NDArray[np.float64], right: NDArray[np.float64], rows: Rows) -> bool:
    scale = float(np.std(rows.target)) if isinstance(rows, NumberRows) else 1.0
    return bool(np.all(np.abs(left - right) <= SAME * scale))
