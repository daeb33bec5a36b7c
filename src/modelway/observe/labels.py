"""Labels that came in later, joined to the predictions by their ids or keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from modelway.errors import InputError
from modelway.observe.data_rows import data_files, guess_kinds, pieces
from modelway.records.data import ColumnType

if TYPE_CHECKING:
    from pathlib import Path

    from modelway.records.data import S3Options
    from modelway.records.monitor import PerformanceOptions
    from modelway.records.progress import Progress

_IDS = ("id", "prediction_id")
_KEYS = ("key", "routing_key")
_LABELS = ("label", "y")


def read_labels(
    uri: str, options: PerformanceOptions, target: str | None, s3: S3Options, cache: Path, progress: Progress
) -> tuple[pa.Table, str]:
    """The labels: a table of `by` and `label` as text, the last one of each; and what they are joined by, id or key.

    Raises:
        InputError: there are none, or no column says which prediction a label is of, or what it is.
        OutsideError: S3 or the file system fails.
    """
    files = data_files(uri, s3, cache, progress)
    there = guess_kinds(files)
    by, column = "id", _first(there, options.id_column, _IDS)
    if column is None:
        by, column = "key", _first(there, options.key_column, _KEYS)
    label = _first(there, options.label_column, tuple(filter(None, [target, *_LABELS])))
    if column is None or label is None:
        lacking = "says which prediction a label is of" if column is None else "holds the label"
        raise InputError(
            f"no column {lacking}: {', '.join(there)}",
            where=uri,
            remedy="Set monitor.performance.id_column, key_column or label_column.",
        )
    kinds = {column: ColumnType.CATEGORY, label: ColumnType.CATEGORY}
    read = [
        pa.table({"by": piece.column(column).cast(pa.string()), "label": piece.column(label).cast(pa.string())})
        for piece in pieces(files, kinds)
    ]
    table = pa.concat_tables(read).drop_null()
    # Where a label was corrected the last one holds.
    numbered = table.append_column("at", pa.array(range(table.num_rows), pa.int64()))
    last = numbered.group_by("by").aggregate([("at", "max")])
    return table.take(last["at_max"]), by


def join_labels(keys: pa.ChunkedArray, labels: pa.Table) -> pa.Array:
    """Each prediction's label as text; null where there is none yet."""
    at = pc.index_in(keys.combine_chunks(), value_set=labels["by"].combine_chunks())
    return labels["label"].combine_chunks().take(at)


def _first(there: dict[str, ColumnType], wanted: str | None, usual: tuple[str, ...]) -> str | None:
    names = (wanted,) if wanted is not None else usual
    return next((name for name in names if name in there), None)
