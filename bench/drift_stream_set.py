"""The streams of `drift_streams.py`: a reference, windows in which nothing moved, and windows after a change.

Ten columns; in a stream one of them moves, all at once, before its first window. Windows are drawn independently, by
seeds of their own, so that any of them can be drawn again by itself.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from pathlib import Path

REFERENCE_ROWS, ROWS = 20_000, 2_000
SLICED = "segment"
_SLICE = "s3"


@dataclass(frozen=True)
class Change:
    """What happened before a stream's first window.

    Attributes:
        kind: mean, variance, shares, missing, slice, or nothing.
        size: of how much; see `_moved`.
        column: the column that moved.
    """

    kind: str
    size: float
    column: str

    @property
    def name(self) -> str:
        """Short, and fit for a folder."""
        return f"{self.kind}-{self.size:g}"


NOTHING = Change("nothing", 0, "")
CHANGES = (
    *(Change("mean", size, "level") for size in (0.1, 0.2, 0.4)),
    *(Change("variance", size, "spread") for size in (1.15, 1.3, 1.6)),
    *(Change("shares", size, "shares") for size in (0.03, 0.06, 0.12)),
    *(Change("missing", size, "holes") for size in (0.02, 0.04, 0.08)),
    *(Change("slice", size, "inside") for size in (0.3, 0.6, 1.2)),
)
WORDS = {
    "mean": "mean, by {:g} standard deviations",
    "variance": "standard deviation, times {:g}",
    "shares": "{:.0%} of the rows change category",
    "missing": "{:.0%} more rows miss the value",
    "slice": "mean in a fifth of the rows, by {:g} standard deviations",
}


def window(change: Change, stream: int, number: int, rows: int = ROWS) -> pa.Table:
    """One window of a stream; shape (rows, 10)."""
    random = np.random.default_rng((zlib.crc32(change.name.encode()), stream, number))
    segment = random.integers(0, 5, rows)
    columns: dict[str, object] = {
        "level": random.normal(size=rows) + _moved(change, "mean"),
        "spread": random.normal(size=rows) * (_moved(change, "variance") or 1),
        "shares": random.choice(["a", "b", "c", "d"], rows, p=np.array([0.4, 0.3, 0.2, 0.1]) + _between(change)),
        "holes": pa.array(random.exponential(size=rows), mask=random.random(rows) < 0.02 + _moved(change, "missing")),
        "inside": random.normal(size=rows) + _moved(change, "slice") * (segment == int(_SLICE[1:])),
        SLICED: np.array([f"s{number}" for number in range(5)])[segment],
        "skewed": random.lognormal(size=rows),
        "even": random.random(rows),
        "count": random.poisson(3, rows).astype(np.float64),
        "words": random.choice([f"w{number}" for number in range(20)], rows, p=_ZIPF),
    }
    return pa.table(columns)


_ZIPF = (1 / np.arange(1, 21)) / (1 / np.arange(1, 21)).sum()


def _moved(change: Change, kind: str) -> float:
    return change.size if change.kind == kind else 0.0


def _between(change: Change) -> np.ndarray:
    return np.array([-1.0, 1.0, 0.0, 0.0]) * _moved(change, "shares")


def write_reference(folder: Path) -> Path:
    """Write what the windows are compared with; nothing has moved in it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "reference.parquet"
    pq.write_table(window(NOTHING, -1 % 2**32, 0, REFERENCE_ROWS), path)
    return path


def write_stream(folder: Path, change: Change, stream: int, windows: int) -> list[Path]:
    """Write a stream's windows, a file each."""
    place = folder / change.name / f"{stream:03}"
    place.mkdir(parents=True, exist_ok=True)
    paths = [place / f"{number:04}.parquet" for number in range(windows)]
    for number, path in enumerate(paths):
        pq.write_table(window(change, stream, number), path)
    return paths
