"""`reference.parquet`: held-out rows with what the fitted model says of them, written when it is evaluated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from modelway.bundle.layout import REFERENCE
from modelway.errors import InputError
from modelway.records.data import Task
from modelway.records.evaluate import Scores

if TYPE_CHECKING:
    from pathlib import Path

    from modelway.records.fit import ModelInfo

MOST_ROWS = 2000
OUTPUT = "output."
"""Begins the names of the model's outputs: `output.prediction` (the class or the value), `output.probability_CLASS`."""


@dataclass(frozen=True)
class Reference:
    """Held-out rows.

    Attributes:
        table: the data set's columns, the target among them.
        scores: what the fitted model said of the rows.
    """

    table: pa.Table
    scores: Scores


def write_reference(directory: Path, info: ModelInfo, table: pa.Table, scores: Scores) -> None:
    """Write at most 2,000 of the held-out rows, evenly chosen, in their order; the same rows give the same bytes."""
    count = min(MOST_ROWS, table.num_rows)
    chosen = np.arange(count) * table.num_rows // max(1, count)
    rows = table.take(pa.array(chosen))
    for name, values in _outputs(info, scores).items():
        rows = rows.append_column(f"{OUTPUT}{name}", pa.array(values).take(pa.array(chosen)))
    pq.write_table(rows.combine_chunks(), directory / REFERENCE, compression="zstd")


def read_reference(path: Path, info: ModelInfo) -> Reference:
    """Read the rows; raises `InputError` where there is no such file, or another."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _unreadable(error, str(path)) from error
    return parse_reference(content, info, str(path))


def parse_reference(content: bytes, info: ModelInfo, where: str) -> Reference:
    """Parse the rows; `where` names the file in errors. Raises `InputError` where they are invalid."""
    try:
        found: pa.Table = pq.read_table(pa.BufferReader(content))
        prediction = found.column(f"{OUTPUT}prediction")
        if info.task is Task.REGRESSION:
            scores = Scores(prediction.to_numpy())
        else:
            numbers = {name: number for number, name in enumerate(info.classes)}
            columns = [found.column(f"{OUTPUT}probability_{name}").to_numpy() for name in info.classes]
            predicted = np.array([numbers[name] for name in prediction.to_pylist()], dtype=np.int64)
            scores = Scores(predicted, np.column_stack(columns))
    except (OSError, KeyError, pa.ArrowException) as error:
        raise _unreadable(error, where) from error
    names = [name for name in found.column_names if not name.startswith(OUTPUT)]
    return Reference(found.select(names), scores)


def _unreadable(error: Exception, where: str) -> InputError:
    return InputError(f"the reference rows can't be read: {error}", where=where, remedy="Evaluate the model again.")


def _outputs(info: ModelInfo, scores: Scores) -> dict[str, Any]:
    if scores.probability is None:
        return {"prediction": scores.prediction}
    classes = [info.classes[number] for number in scores.prediction]
    return {"prediction": classes} | {
        f"probability_{name}": scores.probability[:, at] for at, name in enumerate(info.classes)
    }
