"""Features that a function of the user's computes, checked whenever it is called."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modelway.errors import InputError, SettingsError
from modelway.features.functions import resolve
from modelway.records.features import CustomFeature

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from modelway.records.fit import CustomFeatures

_PROBE = 100
"""Rows that tell how many features a function gives."""


def fit_custom(options: CustomFeatures, table: pa.Table) -> CustomFeature:
    """Learn how many features the function gives.

    Raises:
        SettingsError: there is no such function, it gives no matrix, or a row's features depend on other rows.
        InputError: the function raises an error, or gives NaN or infinity.
    """
    rows = table.select(options.columns).slice(0, _PROBE)
    together = call_custom(options.function, rows)
    feature = CustomFeature(kind="custom", function=options.function, columns=options.columns, width=together.shape[1])
    alone = call_custom(options.function, rows.slice(0, 1))
    if alone.shape[1] != feature.width or not np.allclose(alone[0], together[0], rtol=1e-5, atol=1e-8):
        raise SettingsError(
            "the function gives a row other features alone than among other rows",
            where=options.function,
            remedy="Compute each row from that row only; when serving, rows come one by one.",
        )
    return feature


def call_custom(function: str, rows: pa.Table, width: int | None = None) -> NDArray[np.float32]:
    """Call the function and check what it gives, shape (rows, width).

    Raises:
        SettingsError: there is no such function, or it gives another shape.
        InputError: it raises an error, or gives NaN or infinity.
    """
    call = resolve(function)
    try:
        result = np.asarray(call(rows))
    except Exception as error:
        raise InputError(f"the function raised {type(error).__name__}: {error}", where=function) from error
    wanted = f"({rows.num_rows}, {'features' if width is None else width})"
    if result.ndim != 2 or len(result) != rows.num_rows or width not in {None, result.shape[1]} or not result.size:
        raise SettingsError(
            f"the function gave an array of shape {result.shape}; {wanted} is wanted",
            where=function,
            remedy="Return a two-dimensional array with a line for each row, always with the same number of features.",
        )
    if result.dtype.kind not in "biuf":
        raise SettingsError(f"the function gave {result.dtype} values; numbers are wanted", where=function)
    with np.errstate(over="ignore"):
        matrix = result.astype(np.float32)
    if not np.isfinite(matrix).all():
        row = int(np.argwhere(~np.isfinite(matrix))[0][0])
        raise InputError(f"the function gave NaN or infinity, first in row {row} of its input", where=function)
    return matrix
