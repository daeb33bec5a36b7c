"""The edge where Arrow's tables come in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from modelway.features.applying import Transformer
from modelway.features.layout import input_columns
from modelway.records.tables import held_in, labels_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from modelway.records.features import FeatureSpec

_ROWS = 8192
"""Rows at a time: their part of the matrix stays in the cache while its columns are filled, and copies stay small."""


def apply_features(spec: FeatureSpec, table: pa.Table) -> NDArray[np.float32]:
    """The matrix of a table's rows, shape (rows, features), C order; a row's values never depend on other rows.

    The table's columns have the types that `check_inputs` asks for; values may be missing anywhere, and a number that
    is NaN counts as missing.

    Raises:
        InputError: a feature is infinite, or a function of the user's fails.
        SettingsError: a function of the user's gives another number of features than when it was fitted.
    """
    transformer = Transformer(spec)
    matrix = np.zeros((table.num_rows, len(spec.names)), dtype=np.float32)
    start = 0
    for batch in table.select(input_columns(spec)).to_batches(max_chunksize=_ROWS):
        transformer.write(ArrowBatch(batch), matrix[start : start + batch.num_rows], start)
        start += batch.num_rows
    return matrix


class ArrowBatch:
    """Rows of a table."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        self.rows: int = batch.num_rows
        self._batch = batch

    def numbers(self, names: Sequence[str]) -> NDArray[np.float64]:
        """As `Batch.numbers`."""
        numbers = np.empty((len(names), self.rows))
        for place, name in enumerate(names):
            column = self._batch.column(name)
            if pa.types.is_boolean(column.type):
                column = column.cast(pa.float64())
            numbers[place], missing = held_in(column)
            if missing is not None:
                numbers[place, missing] = np.nan
        return numbers

    def labels(self, name: str) -> tuple[Sequence[str | None], NDArray[np.integer[Any]]]:
        """As `Batch.labels`: the different values, and each row's place among them."""
        column: Any = self._batch.column(name)
        encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
        return labels_in(encoded)

    def micros(self, name: str) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """As `Batch.micros`."""
        micros, missing = held_in(self._batch.column(name).view(pa.int64()))
        if missing is None:
            return micros, np.zeros(self.rows, dtype=np.bool_)
        return np.where(missing, 0, micros), missing

    def texts(self, name: str) -> Sequence[str | None]:
        """As `Batch.texts`."""
        texts: list[str | None] = self._batch.column(name).to_pylist()
        return texts

    def table(self, names: Sequence[str]) -> pa.Table:
        """As `Batch.table`."""
        table = pa.Table.from_batches([self._batch]).select(list(names))
        # Text that came with a dictionary is text to a function of the user's.
        kinds = [kind.value_type if pa.types.is_dictionary(kind) else kind for kind in table.schema.types]
        return table.cast(pa.schema(list(zip(names, kinds, strict=True))))
