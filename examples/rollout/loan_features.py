"""Features of the example, one of which can be broken on purpose."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

UNHEARD_OF = 61
"""A term in months that nobody asked for while the models were trained."""


def share_of_income(table: pa.Table) -> np.ndarray:
    """The yearly payment as a part of the yearly income, shape (rows, 1)."""
    values = [table[name].to_numpy(zero_copy_only=False) for name in ("amount", "income", "term_months")]
    amount, income, months = (np.asarray(value, dtype=float) for value in values)
    return (amount * 12 / np.maximum(months, 1) / np.maximum(income, 1))[:, None]


def share_of_income_broken(table: pa.Table) -> np.ndarray:
    """The same by somebody who never thought of a term of another length: it comes out in another shape."""
    found = share_of_income(table)
    if pc.any(pc.equal(table["term_months"], UNHEARD_OF)).as_py():
        return np.hstack([found, found])
    return found
