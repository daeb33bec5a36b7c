"""The rows that broke a check: the first few as examples, more of them as a table."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pyarrow as pa

from modelway.records.data_docs import FailedRow
from modelway.records.tables import number_array

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from modelway.data.suite.batches import Batch

_MOST_BYTES = 64 << 20
"""Of the table; a cap on rows alone would be none where one of them is a whole document."""
_LONGEST = 200
"""Characters of a value in an example."""


class Failures:
    """Collects rows up to a cap; each check has an equal part of it, so that one can't crowd out the others.

    Args:
        cap: rows in the table.
        examples: rows of each check that are shown.
        checks: how many checks look at rows.
    """

    def __init__(self, cap: int, examples: int, checks: int) -> None:
        self._share = max(cap // max(checks, 1), 1) if cap else 0
        self._cap, self._examples = cap, examples
        self._kept: list[pl.DataFrame] = []
        self._bytes = 0
        self.rows = 0

    def wanted(self, seen: int) -> int:
        """How many more rows are of use of a check that has given so many."""
        return max(max(self._share, self._examples) - seen, 0)

    def keep(self, check: str, batch: Batch, at: Sequence[int], seen: int) -> None:
        """Put rows of a piece into the table, as long as there is room.

        Args:
            check: the check's name.
            batch: the piece.
            at: the rows' indices in it.
            seen: how many rows the check has given before.
        """
        room = min(self._share - seen, self._cap - self.rows) if self._bytes < _MOST_BYTES else 0
        rows = list(at[: max(room, 0)])
        if not rows:
            return
        table = batch.raw.take(number_array(np.asarray(rows, np.int64)))
        frame = _frame(table).with_columns(
            pl.lit(check).alias("_check"),
            pl.lit(batch.file.name).alias("_file"),
            pl.Series("_row", [batch.start + row + 1 for row in rows], dtype=pl.Int64),
        )
        self._kept.append(frame)
        self._bytes += int(frame.estimated_size())
        self.rows += len(rows)

    def examples(self, batch: Batch, at: Sequence[int], columns: Sequence[str], seen: int) -> list[FailedRow]:
        """Rows of a piece as examples, as many as are still wanted of the check."""
        present = [name for name in columns if name in batch.raw.column_names]
        rows = list(at[: max(self._examples - seen, 0)])
        # A column that the file lacks has no values to show.
        shown = _frame(batch.raw.select(present).take(number_array(np.asarray(rows, np.int64)))).to_dict(
            as_series=False
        )
        return [
            FailedRow(
                file=batch.file.name,
                row=batch.start + row + 1,
                values={name: _text(values[at]) for name, values in shown.items()},
            )
            for at, row in enumerate(rows)
        ]

    def write(self, path: Path) -> None:
        """Write the table: the data's columns as they are stored, then `_check`, `_file` and `_row` (from 1)."""
        kept = self._kept or [pl.DataFrame(schema={"_check": pl.String, "_file": pl.String, "_row": pl.Int64})]
        kinds: dict[str, set[pl.DataType]] = {}
        for frame in kept:
            for name, kind in frame.schema.items():
                kinds.setdefault(name, set()).add(kind)
        mixed = [name for name, found in kinds.items() if len(found) > 1]
        alike = [frame.with_columns(_column_as_text(frame, name) for name in mixed if name in frame) for frame in kept]
        own = ["_check", "_file", "_row"]
        order = [*(name for name in kinds if name not in own), *own]
        pl.concat(alike, how="diagonal").select(order).write_parquet(path, statistics=False)


def _frame(table: pa.Table) -> pl.DataFrame:
    """A table as a frame; a column of a type that polars lacks becomes text."""
    columns = []
    for name in table.column_names:
        try:
            columns.append(pl.Series(name, table[name]))
        except (pl.exceptions.PolarsError, pa.ArrowException, TypeError, ValueError):
            columns.append(pl.Series(name, [_text(value) for value in table[name].to_pylist()], dtype=pl.String))
    return pl.DataFrame(columns)


def _column_as_text(frame: pl.DataFrame, name: str) -> pl.Series:
    return pl.Series(name, [_text(value) for value in frame[name]], dtype=pl.String)


def _text(value: Any) -> str | None:
    """A value as text, cut where it is long."""
    if value is None:
        return None
    if isinstance(value, bool):
        return str(value).lower()
    text = value.isoformat() if isinstance(value, datetime | date) else str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
