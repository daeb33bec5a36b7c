"""The two data sets of `bench/drift.py`: 25 columns, of which the first five moved."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

MOVED = ("mean", "spread", "shares", "holes", "tail")
_PIECE = 500_000


def piece(random: np.random.Generator, rows: int, *, moved: bool) -> pa.Table:
    """Some rows; the five columns of `MOVED` differ where they are to have moved, the other twenty never."""
    by = float(moved)
    holes = random.random(rows) < 0.02 + 0.04 * by
    columns: dict[str, object] = {
        "mean": random.normal(0.2 * by, 1, rows),
        "spread": random.normal(0, 1 + 0.3 * by, rows),
        "shares": random.choice(["a", "b", "c", "d"], rows, p=[0.4 - 0.06 * by, 0.3 + 0.06 * by, 0.2, 0.1]),
        "holes": pa.array(np.where(holes, np.nan, random.exponential(size=rows)), from_pandas=True),
        "tail": random.lognormal(0.15 * by, 0.8, rows),
    }
    columns |= {f"quiet_{at}": random.normal(at, 1 + at, rows) for at in range(13)}
    columns |= {f"word_{at}": random.choice([f"w{n}" for n in range(3 + at)], rows) for at in range(7)}
    return pa.table(columns)


def write(folder: Path, rows: int) -> None:
    """Write `reference.parquet` and `current.parquet`, unless they are there."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed, (name, moved) in enumerate((("reference", False), ("current", True))):
        path = folder / f"{name}.parquet"
        if path.exists():
            continue
        random = np.random.default_rng(seed)
        writer = None
        for start in range(0, rows, _PIECE):
            table = piece(random, min(_PIECE, rows - start), moved=moved)
            writer = writer or pq.ParquetWriter(path, table.schema)
            writer.write_table(table)
        assert writer is not None
        writer.close()


if __name__ == "__main__":
    write(Path(sys.argv[1]), int(sys.argv[2]))
