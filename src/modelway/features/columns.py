"""Rows of columns as features read them, whatever they come from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from modelway.records.data import ColumnType


class Batch(Protocol):
    """Some rows; each column is asked for in the form that its type has."""

    @property
    def rows(self) -> int:
        """How many rows."""

    def numbers(self, names: Sequence[str]) -> NDArray[np.float64]:
        """Integer, number and boolean columns, shape (names, rows), NaN where missing; the caller may change it."""

    def labels(self, name: str) -> tuple[Sequence[str | None], NDArray[np.integer[Any]] | None]:
        """A category column: each row's value; or the different values, and each row's place among them."""

    def micros(self, name: str) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """A date column in microseconds since 1970-01-01 UTC, 0 where missing; and where it is missing."""

    def texts(self, name: str) -> Sequence[str | None]:
        """A text column."""

    def table(self, names: Sequence[str]) -> pa.Table:
        """The columns as a table, for functions of the user's."""


class ValueBatch:
    """Rows that came as Python's values or numpy's, from a request for example.

    Args:
        columns: by name, a sequence of `rows` values, None where missing; dates as microseconds since 1970-01-01 UTC
            or as numpy's datetime64. A number that is NaN counts as missing.
        rows: how many rows.
        inputs: the columns' types.
    """

    def __init__(
        self, columns: Mapping[str, Sequence[Any] | NDArray[Any]], rows: int, inputs: Mapping[str, ColumnType]
    ):
        self.rows = rows
        self._columns = columns
        self._inputs = inputs

    def numbers(self, names: Sequence[str]) -> NDArray[np.float64]:
        """As `Batch.numbers`."""
        # numpy reads None as NaN here.
        return np.array([self._columns[name] for name in names], dtype=np.float64)

    def labels(self, name: str) -> tuple[Sequence[str | None], None]:
        """As `Batch.labels`: each row's value."""
        return self.texts(name), None

    def micros(self, name: str) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """As `Batch.micros`."""
        dates = np.array(self._columns[name], dtype="datetime64[us]")
        missing: NDArray[np.bool_] = np.isnat(dates)
        micros = dates.astype(np.int64)
        micros[missing] = 0
        return micros, missing

    def texts(self, name: str) -> Sequence[str | None]:
        """As `Batch.texts`."""
        texts: Sequence[str | None] = self._columns[name]  # type: ignore[assignment]  # or an array of them
        return texts

    def table(self, names: Sequence[str]) -> pa.Table:
        """As `Batch.table`; pyarrow is imported only here."""
        import pyarrow as pa

        from modelway.records.tables import ARROW_TYPES

        return pa.table({name: pa.array(self._columns[name], ARROW_TYPES[self._inputs[name]]) for name in names})
