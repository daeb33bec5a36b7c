"""Test rows that the model has seen in training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modelway.data.hashing import hash_rows
from modelway.data.split import PARTS, ignored_keys
from modelway.records.data import Duplicates

if TYPE_CHECKING:
    import pyarrow as pa

    from modelway.records.data import PrepareOptions

EXAMPLES = 10
"""Rows that are named at most."""


def find_duplicates(options: PrepareOptions, tables: dict[str, pa.Table]) -> Duplicates:
    """Test rows that also stand, equal in all declared columns, among the training or validation rows.

    Every split keeps rows with equal keys together, so there can be some only where the key has a column that is not
    declared. Rows are compared by their 64-bit hash: in a million rows, a false find is about as likely as 1 in 10**8.
    """
    if not ignored_keys(options):
        return Duplicates(rows=0)
    hashes = {part: hash_rows(tables[part], options.columns) for part in PARTS}
    seen = np.isin(hashes["test"], np.concatenate([hashes["train"], hashes["validation"]]))
    return Duplicates(rows=int(seen.sum()), examples=tuple(np.flatnonzero(seen)[:EXAMPLES].tolist()))
