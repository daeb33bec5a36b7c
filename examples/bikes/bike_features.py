"""The user's own features, named in modelway.yaml as `bike_features:hour_of_workday`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa


def hour_of_workday(table: pa.Table) -> np.ndarray:
    """The hour, counted on from 24 on working days: the two kinds of day have different rush hours.

    Args:
        table: the columns hr and workingday.

    Returns:
        shape (rows, 1).
    """
    hour = table.column("hr").to_numpy()
    working = table.column("workingday").to_numpy()
    return np.column_stack([hour + 24 * working])
