"""How well each single column predicts the target.

Every column is cut into codes (its categories, or quantile bins; a missing value is a code of its own) and the target's
mean in each code, learned on one half of the rows, predicts the other half: a column of unique ids says nothing there.
Numbers and dates are also taken by their rank alone, which finds any monotone relation whatever the tails.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from modelway.evaluate.groups import codes_of, numbers_of
from modelway.evaluate.rows import Problem
from modelway.records.evaluate import Leak

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

    Values = NDArray[np.float64]

MOST_ROWS = 50_000
"""A sample of so many rows is enough to see an almost perfect relation."""
BINS = 50
"""Quantile bins of a number or date."""
LEAST_OF_CLASS = 5
"""A class with fewer rows is not looked at: few rows are separated by chance."""
LEAST_PRESENT = 0.5
"""The share of rows with a value from which on the rank of the values alone is looked at."""


def leaks_of(
    problem: Problem,
    table: pa.Table,
    target: NDArray[np.float64] | NDArray[np.int64],
    columns: Collection[str],
    seed: int,
) -> list[Leak] | None:
    """Score each column alone, best first; None when there are too few rows of every class.

    Args:
        problem: the kind of problem.
        table: the held-out rows.
        target: shape (rows,); class numbers or values.
        columns: the columns to look at; those that the table lacks are passed over.
        seed: of the sample and the halves.

    Returns:
        For each column the best ROC AUC of one class against the rest, whichever way it points, or the best R² (of the
        target, or of its rank).
    """
    random = np.random.default_rng([seed, table.num_rows])
    if table.num_rows > MOST_ROWS:
        kept = np.sort(random.choice(table.num_rows, MOST_ROWS, replace=False))
        table, target = table.take(pa.array(kept)), target[kept]
    outcomes = _outcomes(problem, target)
    if outcomes is None:
        return None
    half = random.permutation(len(target)) < len(target) // 2
    score = _r2_score if problem is Problem.REGRESSION else _auc_score
    found = [
        Leak(column=name, score=score(table.column(name), outcomes, half))
        for name in table.column_names
        if name in columns
    ]
    return sorted(found, key=lambda leak: (-leak.score, leak.column))


def _outcomes(problem: Problem, target: NDArray[np.float64] | NDArray[np.int64]) -> Values | None:
    """Shape (outcomes, rows): for each class that is common enough, 1 for its rows; or the target itself."""
    if problem is Problem.REGRESSION:
        return target[None, :].astype(np.float64) if len(target) and np.ptp(target) > 0 else None
    counts = np.bincount(target.astype(np.int64))
    common = np.flatnonzero((counts >= LEAST_OF_CLASS) & (len(target) - counts >= LEAST_OF_CLASS))
    if problem is Problem.BINARY:
        common = common[common == 1]
    return np.stack([target == index for index in common]).astype(np.float64) if len(common) else None


def _auc_score(column: pa.ChunkedArray, outcomes: Values, half: NDArray[np.bool_]) -> float:
    code, rank = _codes_and_ranks(column)
    best = 0.5
    for outcome in outcomes:
        predicted = _cross_fit(code, outcome, half)
        # Each half is judged on its own: the two were predicted from different means.
        folds = [_auc(_ranks(predicted[rows]), outcome[rows]) for rows in (half, ~half)]
        best = max(best, sum(folds) / 2)
        if rank is not None:
            present = np.isfinite(rank)
            if min(outcome[present].sum(), (1 - outcome[present]).sum()) >= LEAST_OF_CLASS:
                alone = _auc(rank[present], outcome[present])
                best = max(best, alone, 1 - alone)
    return best


def _r2_score(column: pa.ChunkedArray, outcomes: Values, half: NDArray[np.bool_]) -> float:
    code, rank = _codes_and_ranks(column)
    target = outcomes[0]
    predicted = _cross_fit(code, target, half)
    best = max(0.0, sum(_r2(predicted[rows], target[rows]) for rows in (half, ~half)) / 2)
    if rank is not None:
        present = np.isfinite(rank)
        best = max(best, _squared_correlation(rank[present], _ranks(target[present])))
    return best


def _codes_and_ranks(column: pa.ChunkedArray) -> tuple[NDArray[np.intp], Values | None]:
    """Codes of the values; for numbers and dates also their mean ranks, NaN where missing.

    The ranks are left out where so many values are missing that those present are a selection.
    """
    kind = column.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_temporal(kind)):
        return codes_of(column)[0], None
    values = numbers_of(column)
    present = ~np.isnan(values)
    rank = np.full(len(values), np.nan)
    rank[present] = _ranks(values[present])
    number = int(present.sum())
    bins = np.floor((rank - 0.5) / max(number, 1) * BINS)
    code = np.where(present, np.clip(np.nan_to_num(bins), 0, BINS - 1), BINS).astype(np.intp)
    return code, rank if number > LEAST_PRESENT * len(values) else None


def _cross_fit(code: NDArray[np.intp], outcome: Values, half: NDArray[np.bool_]) -> Values:
    """Each row's mean outcome of its code over the other half; that half's overall mean for a code it lacks."""
    number = int(code.max()) + 1
    predicted = np.empty(len(code))
    for learn, apply in ((half, ~half), (~half, half)):
        sums = np.bincount(code[learn], outcome[learn], minlength=number)
        counts = np.bincount(code[learn], minlength=number)
        means = np.where(counts > 0, sums / np.maximum(counts, 1), outcome[learn].mean())
        predicted[apply] = means[code[apply]]
    return predicted


def _ranks(values: Values) -> Values:
    """Ranks from 1; equal values get their mean rank."""
    order = np.argsort(values)
    ordered = values[order]
    begins = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(values) else np.empty(0, np.intp)
    lengths = np.diff(np.r_[begins, len(values)])
    ranks = np.empty(len(values))
    ranks[order] = np.repeat(begins + (lengths + 1) / 2, lengths)
    return ranks


def _auc(ranks: Values, positive: Values) -> float:
    """The ROC AUC from mean ranks (Mann and Whitney); 0.5 where a class is absent."""
    positives = positive.sum()
    negatives = len(positive) - positives
    if not positives or not negatives:
        return 0.5
    return float((ranks[positive > 0].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def _r2(predicted: Values, target: Values) -> float:
    spread = np.var(target)
    return float(1 - np.mean((target - predicted) ** 2) / spread) if spread > 0 else 0.0


def _squared_correlation(left: Values, right: Values) -> float:
    left, right = left - left.mean(), right - right.mean()
    scale = (left**2).sum() * (right**2).sum()
    return float((left * right).sum() ** 2 / scale) if scale > 0 else 0.0
