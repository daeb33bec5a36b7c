"""A prepared data set as files, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from modelway.data.layout import Layout
from modelway.data.prepare import Prepared
from modelway.errors import InputError
from modelway.records.data import Dataset

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

DATASET = "dataset.json"


def save_prepared(prepared: Prepared, directory: Path) -> None:
    """Write `dataset.json` and one Parquet file a table into a directory; equal inputs give equal bytes.

    The files are not compressed: numbers hardly shrink, and reading back is what every later stage does first.
    """
    for name, table in prepared.tables.items():
        path = directory / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        texts = [field.name for field in table.schema if pa.types.is_string(field.type)]
        pq.write_table(table, path, version="2.6", compression="none", use_dictionary=texts, write_statistics=False)
    (directory / DATASET).write_text(prepared.dataset.to_json(), encoding="utf-8")


def load_prepared(directory: Path, parts: Iterable[str] | None = None) -> Prepared:
    """Read what `save_prepared` wrote: the named tables, or all of them.

    Raises:
        InputError: a file is missing or torn, or is not what `dataset.json` says.
    """
    path = directory / DATASET
    try:
        dataset = Dataset.from_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise _torn(path, "the record of the data set is missing or torn") from error
    names = list(dataset.rows) if parts is None else list(parts)
    return Prepared(dataset, {name: _load(directory / f"{name}.parquet", dataset, name) for name in names})


def _load(path: Path, dataset: Dataset, name: str) -> pa.Table:
    try:
        with pq.ParquetFile(path, memory_map=True) as file:
            table = file.read()
    except (pa.ArrowException, OSError) as error:
        raise _torn(path, "the table is missing or torn") from error
    if table.num_rows != dataset.rows.get(name) or table.schema != Layout(dataset.columns, frozenset()).schema:
        raise _torn(path, f"the table is not the one that {DATASET} tells of")
    return table


def _torn(path: Path, what: str) -> InputError:
    return InputError(what, where=str(path), remedy="Run `modelway prepare` again.")
