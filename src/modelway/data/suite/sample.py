"""A sample of the rows, each equally likely to be in it, from one pass."""

from __future__ import annotations

import math

import numpy as np
import polars as pl

ROWS = 1 << 16
"""Rows of the sample: any rank in it is off by at most 0.64 % of the rows, with 99 % confidence."""
_LONGEST = 100
"""Characters that are kept of a text."""
_LOT = "\0lot"
LENGTH = "\0length "
"""What the names of columns begin with that hold the lengths of texts."""


class RowSample:
    """Draws a number for each row and keeps the rows with the smallest ones.

    The draws follow from a fixed seed and the order of the rows alone, so that equal data give the same sample.

    Args:
        rows: so many at the most.
        of: how many rows there will be, where that is known: then those are left alone from the beginning whose
            numbers will not be among the smallest.
    """

    def __init__(self, rows: int = ROWS, of: int | None = None) -> None:
        self._rows = rows
        self._random = np.random.default_rng(0)
        self._kept: list[pl.DataFrame] = []
        self._limit = 1.0 if of is None else _enough(rows, of)
        self._seen = 0

    @property
    def whole(self) -> bool:
        """Whether it holds all rows."""
        return self._seen <= self._rows

    def add(self, frame: pl.DataFrame) -> None:
        """Take rows, always with the same columns; texts are cut, and their whole lengths kept beside them."""
        self._seen += len(frame)
        lots = self._random.random(len(frame))
        at = np.flatnonzero(lots < self._limit)
        texts = [name for name, kind in frame.schema.items() if kind == pl.String]
        chosen = frame[at].with_columns(
            # Adding nothing copies the text; a slice alone would keep all text of the piece in memory.
            pl.col(texts).str.slice(0, _LONGEST) + "",
            pl.col(texts).str.len_chars().name.prefix(LENGTH),
            pl.Series(_LOT, lots[at]),
        )
        self._kept.append(chosen)
        if sum(map(len, self._kept)) > 2 * self._rows:
            self._cut()

    def rows(self) -> pl.DataFrame:
        """The sample; all rows where they are no more than asked for."""
        if not self._kept:
            return pl.DataFrame()
        self._cut()
        return self._kept[0].drop(_LOT)

    def _cut(self) -> None:
        merged = pl.concat(self._kept, rechunk=True)
        if len(merged) > self._rows:
            merged = merged.bottom_k(self._rows, by=_LOT)
            self._limit = float(merged[_LOT].to_numpy().max())
        self._kept = [merged]


def _enough(rows: int, of: int) -> float:
    """Below which number there are at least `rows` of `of` even ones from 0 to 1, but for about one time in 10⁸."""
    return min(1.0, (rows + 6 * math.sqrt(rows) + 6) / of) if of else 1.0


def rank_error(rows: int) -> float:
    """How far a quantile of so many sampled values may be off in rank, with 99 % confidence.

    Dvoretzky, Kiefer and Wolfowitz's inequality with Massart's constant (Annals of Probability, 1990).
    """
    return math.sqrt(math.log(2 / 0.01) / (2 * rows)) if rows else 1.0
