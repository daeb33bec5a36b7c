"""Where numbers are cut, and how many lie between the cuts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

BINS = 200
"""Bins of a profile: fine enough that what they hide of a rank is half a per cent."""


def edges_of(values: NDArray[np.float64], weights: NDArray[np.int64] | None = None) -> NDArray[np.float64]:
    """Edges of at most `BINS` bins with like numbers of rows; few different values get a bin each.

    Args:
        values: in ascending order, finite, at least one.
        weights: how many rows each value stands for; one when absent.

    Returns:
        Ascending edges; the two last are equal where the greatest value has a bin of its own.
    """
    distinct = values[np.concatenate(([True], values[1:] != values[:-1]))]
    if len(distinct) <= BINS:
        return np.append(distinct, distinct[-1])
    if weights is None:
        at = np.linspace(0, len(values) - 1, BINS + 1)[1:-1].astype(np.intp)
    else:
        ends = np.cumsum(weights)
        at = np.searchsorted(ends, np.linspace(0, ends[-1] - 1, BINS + 1)[1:-1], side="right")
    inner = values[at]
    edges = np.unique(np.concatenate((values[:1], inner, values[-1:])))
    return np.append(edges, edges[-1]) if inner[-1] == values[-1] else edges


def ranks_of(values: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.intp]:
    """How many of the ascending values lie before each edge, and up to the last one: shape (edges + 1,)."""
    return np.append(np.searchsorted(values, edges), np.searchsorted(values, edges[-1:], side="right"))


def counts_of(ranks: NDArray[np.int64], rows: int) -> tuple[int, NDArray[np.int64], int]:
    """Rows below the first edge, in each bin and above the last edge, from what `ranks_of` gives."""
    edges = len(ranks) - 1
    before = np.append(ranks[: edges - 1], ranks[-1])  # the last bin ends with its value, not before it
    return int(ranks[0]), np.diff(before), rows - int(ranks[-1])
