"""One part of the output: a Parquet file with predictions, and where rows were refused a file with those."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from modelway.records.data import Task
from modelway.records.tables import ARROW_TYPES, number_array, text_array

if TYPE_CHECKING:
    from pathlib import Path

    from modelway.batch.blocks import Block
    from modelway.records.batch import BatchPlan
    from modelway.records.bundle import Signature
    from modelway.records.evaluate import Scores

FILE_KEYS = ("file", "row")
"""What stands beside each prediction where no columns are keys: the file's name and the row's number in it, from 1."""
_CODED = pa.dictionary(pa.int32(), pa.string())
"""Text that recurs, in memory; whoever reads the file sees text."""
_GROUP = 1 << 17
"""Rows of a row group; another number would give other bytes."""


class PredictionWriter:
    """Writes predictions into a Parquet file.

    Args:
        path: where.
        plan: the run's.
        signature: the model's.
    """

    def __init__(self, path: Path, plan: BatchPlan, signature: Signature) -> None:
        self._plan = plan
        self._signature = signature
        self._started = datetime.fromisoformat(plan.started)
        self._classes = text_array(signature.classes) if signature.classes else None
        self._waiting: list[pa.RecordBatch] = []
        self._rows = 0
        self.schema = self._schema()
        repeated = (pa.types.is_string, pa.types.is_dictionary)
        texts = [field.name for field in self.schema if any(fits(field.type) for fits in repeated)]
        constant = ["model_version", "run_started"]
        self._writer = pq.ParquetWriter(
            path,
            self.schema,
            version="2.6",
            compression="zstd",
            compression_level=1,
            use_dictionary=[*texts, *constant],
            # Each number is one more than the one before.
            column_encoding=None if plan.keys else {"row": "DELTA_BINARY_PACKED"},
            store_schema=False,
        )

    def add(self, block: Block, kept: pa.Table, numbers: pa.Int64Array, scores: Scores) -> None:
        """Add the predictions of the rows of a block that were kept.

        Args:
            block: where they come from.
            kept: the rows.
            numbers: their numbers in the file.
            scores: what the model says of them.
        """
        rows = kept.num_rows
        columns = self._keys(block, kept, numbers) + self._outputs(scores) + self._constants(rows)
        self._waiting.append(pa.RecordBatch.from_arrays(columns, names=self.schema.names))
        self._rows += rows
        if self._rows >= _GROUP:
            self._flush()

    def close(self) -> None:
        """Write what is left, and the file's end."""
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if not self._rows:
            return
        table = pa.Table.from_batches(self._waiting).unify_dictionaries()
        self._writer.write_table(table, row_group_size=self._rows)
        self._waiting, self._rows = [], 0

    def _schema(self) -> pa.Schema:
        keys = [(name, ARROW_TYPES[kind]) for name, kind in self._plan.keys.items()]
        if not keys:
            keys = [("file", _CODED), ("row", pa.int64())]
        if self._signature.task is Task.REGRESSION:
            outputs = [("prediction", pa.float64())]
        else:
            outputs = [("prediction", _CODED), ("probability", pa.float64())]
            if len(self._signature.classes) > 2:
                outputs += [(f"probability_{name}", pa.float64()) for name in self._signature.classes]
        constants = [("model_version", pa.int64()), ("run", _CODED), ("run_started", pa.timestamp("us", "UTC"))]
        return pa.schema([*keys, *outputs, *constants])

    def _keys(self, block: Block, kept: pa.Table, numbers: pa.Int64Array) -> list[pa.Array]:
        if not self._plan.keys:
            return [_constant(block.file, kept.num_rows), numbers]
        return [_flat(kept.column(name)) for name in self._plan.keys]

    def _outputs(self, scores: Scores) -> list[pa.Array]:
        if self._classes is None or scores.probability is None:
            return [number_array(scores.prediction.astype(np.float64, copy=False))]
        prediction = pa.DictionaryArray.from_arrays(number_array(scores.prediction.astype(np.int32)), self._classes)
        probability = scores.probability
        if len(self._classes) == 2:
            return [prediction, number_array(probability[:, 1])]
        chosen = number_array(probability[np.arange(len(probability)), scores.prediction])
        each = [number_array(probability[:, at]) for at in range(len(self._classes))]
        return [prediction, chosen, *each]

    def _constants(self, rows: int) -> list[pa.Array]:
        version = number_array(np.full(rows, self._plan.model.version, dtype=np.int64))
        started = number_array(np.full(rows, round(self._started.timestamp() * 1e6), dtype=np.int64))
        return [version, _constant(self._plan.run, rows), started.view(pa.timestamp("us", "UTC"))]


class RejectWriter:
    """Writes refused rows, one JSON object a line; the file is made with the first of them.

    Args:
        path: where.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: Any = None
        self.rows = 0

    def add(self, file: str, row: int, reason: str, values: dict[str, Any] | str) -> None:
        """Add a row: the file that it stands in, its number there from 1, why it is refused, and what it holds."""
        if self._file is None:
            self._file = self._path.open("w", encoding="utf-8")
        line = {"file": file, "row": row, "reason": reason, "values": values}
        self._file.write(json.dumps(line, ensure_ascii=False, default=str) + "\n")
        self.rows += 1

    def close(self) -> None:
        """Close the file, if there is one."""
        if self._file is not None:
            self._file.close()


def _constant(text: str, rows: int) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(number_array(np.zeros(rows, dtype=np.int32)), text_array([text]))


def _flat(values: pa.ChunkedArray) -> pa.Array:
    return values.combine_chunks() if values.num_chunks != 1 else values.chunk(0)
