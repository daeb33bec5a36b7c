"""A typical row, as a table and as a request."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from modelway.bundle.layout import INPUT_EXAMPLE, SERVING_EXAMPLE
from modelway.records.data import ColumnType

if TYPE_CHECKING:
    from pathlib import Path

    from modelway.records.bundle import Signature, SignatureColumn
    from modelway.records.observe import Baseline


def write_examples(directory: Path, baseline: Baseline, signature: Signature) -> None:
    """Write the row in pandas' "split" form, alone and as a body of `/invocations`.

    Args:
        directory: the bundle.
        baseline: what the training rows looked like: means and most frequent values, so that it is nobody's own row.
        signature: the columns; dates are written as they ask for.
    """
    row = baseline.example_row({column.name: column.type for column in signature.columns})
    table = {"columns": list(row), "data": [[_written(column, row[column.name]) for column in signature.columns]]}
    _write(directory / INPUT_EXAMPLE, table)
    _write(directory / SERVING_EXAMPLE, {"dataframe_split": table})


def _written(column: SignatureColumn, value: Any) -> Any:
    """A date in the format that the column asks for; anything else as it is."""
    if column.type is ColumnType.DATE and column.format is not None:
        return datetime.fromisoformat(value).strftime(column.format)
    return value


def _write(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
