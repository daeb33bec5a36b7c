"""How many different values a column has, counted while they are few, estimated when they are many."""

from __future__ import annotations

import numpy as np
import polars as pl

_K = 4096
"""Hashes that are held: the estimate's standard error is 1 / sqrt(k - 2), 1.6 %."""


class DistinctSketch:
    """Holds the k smallest hashes of the values seen (k minimum values).

    With k hashes, the greatest of which is the part u of all possible ones, there are about (k - 1) / u values:
    Bar-Yossef and others, "Counting distinct elements in a data stream", RANDOM 2002; Beyer and others, "On synopses
    for distinct-value estimation under multiset operations", SIGMOD 2007.
    """

    def __init__(self) -> None:
        self._least = np.empty(0, np.uint64)
        self.exact = True

    def expression(self, name: str) -> pl.Expr:
        """The hashes of a column's values that are of use, as a list."""
        hashes = pl.col(name).drop_nulls().hash()
        if self.exact:
            return hashes.unique().implode()
        return hashes.filter(hashes < int(self._least[-1])).implode()

    def add(self, hashes: pl.Series) -> None:
        """Take what the expression gave."""
        if not len(hashes):
            return
        merged = np.sort(np.concatenate((self._least, hashes.to_numpy())))
        # numpy's own unique hashes what it is given, which takes longer than sorting it.
        merged = merged[np.concatenate(([True], merged[1:] != merged[:-1]))]
        if len(merged) > _K:
            self.exact = False
        self._least = merged[:_K]

    @property
    def count(self) -> int:
        """The number of different values, or its estimate."""
        if self.exact:
            return len(self._least)
        return round((_K - 1) / ((float(self._least[-1]) + 1) / 2.0**64))
