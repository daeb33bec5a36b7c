"""A bundle and rows: what it says of them, and which rows it can't score."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modelway.errors import InputError
from modelway.records.evaluate import Scores

if TYPE_CHECKING:
    import pyarrow as pa

    from modelway.bundle import Bundle


def score(bundle: Bundle, table: pa.Table, batch_size: int) -> tuple[Scores, dict[int, str]]:
    """Score rows, some at a time.

    Args:
        bundle: the model.
        table: rows that its signature takes.
        batch_size: rows that it gets at a time.

    Returns:
        The scores of the rows that could be scored, and why the others could not, by their place in the table.
    """
    found: list[Scores] = []
    failed: dict[int, str] = {}
    for start in range(0, table.num_rows, batch_size):
        found += _some(bundle, table.slice(start, batch_size), start, failed)
    return _joined(found), failed


def _some(bundle: Bundle, table: pa.Table, start: int, failed: dict[int, str]) -> list[Scores]:
    """Halve what can't be scored, down to the rows that are the reason."""
    try:
        return [bundle.predict_table(table)]
    except InputError as error:
        if table.num_rows == 1:
            failed[start] = str(error.what)
            return []
    middle = table.num_rows // 2
    left = _some(bundle, table.slice(0, middle), start, failed)
    return left + _some(bundle, table.slice(middle), start + middle, failed)


def _joined(parts: list[Scores]) -> Scores:
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return Scores(prediction=np.empty(0, dtype=np.int64))
    prediction = np.concatenate([part.prediction for part in parts])
    if parts[0].probability is None:
        return Scores(prediction=prediction)
    return Scores(prediction, np.concatenate([part.probability for part in parts if part.probability is not None]))
