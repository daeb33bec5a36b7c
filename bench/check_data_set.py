"""The file that the benchmark of check-data reads, with faults whose numbers are known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from pathlib import Path

NUMBERS = tuple(f"x{number}" for number in range(9))
COLUMNS = ("id", "age", "amount", "grade", "code", "email", "start", "end", "seen", "visits", "flag", *NUMBERS)
FAULTS = {"id_unique": 3, "age_range": 50, "amount_range": 17, "grade_set": 20, "code_regex": 10, "end_after_start": 7}
"""Rows that break a check, by check; `email_missing` breaks as well, by chance 3% instead of the 2% allowed."""
_CHUNK = 500_000
_DAY = 86_400_000_000


def write_data_set(path: Path, rows: int) -> None:
    """Write `rows` rows of 20 columns with a fixed seed; the faults are in the first and the last rows."""
    random = np.random.default_rng(0)
    with pq.ParquetWriter(path, _chunk(random, 0, 1).schema) as writer:
        for begin in range(0, rows, _CHUNK):
            writer.write_table(_plant(_chunk(random, begin, min(_CHUNK, rows - begin)), begin, rows))


def _chunk(random: np.random.Generator, begin: int, size: int) -> pa.Table:
    ids = np.arange(begin, begin + size)
    start = 1_767_225_600_000_000 + random.integers(0, 300 * _DAY, size)
    letters = pa.array([f"{first}{second}" for first in "ABCDEFGH" for second in "KLMNOPQR"])
    digits = pc.utf8_lpad(pa.array(random.integers(0, 10**6, size)).cast(pa.string()), 6, "0")
    user = pa.array(random.integers(0, 10**7, size), mask=random.random(size) < 0.03).cast(pa.string())
    made = {
        "id": pa.array(ids * 7 + 1),
        "age": pa.array(random.integers(18, 91, size)),
        "amount": pa.array(random.gamma(2, 150, size).clip(0, 9_999)),
        "grade": pa.array(["A", "B", "C", "D"]).take(pa.array(random.choice(4, size, p=[0.5, 0.3, 0.15, 0.05]))),
        "code": pc.binary_join_element_wise(letters.take(pa.array(random.integers(0, 64, size))), digits, ""),
        "email": pc.binary_join_element_wise("u", user, "@example.org", ""),
        "start": pa.array(start).cast(pa.timestamp("us")),
        "end": pa.array(start + random.integers(0, 30 * _DAY, size)).cast(pa.timestamp("us")),
        "seen": pa.array(start + random.integers(0, 60 * _DAY, size)).cast(pa.timestamp("us")),
        "visits": pa.array(random.poisson(3, size).astype(np.int32)),
        "flag": pa.array(random.random(size) < 0.2),
        **{name: pa.array(random.normal(size=size)) for name in NUMBERS},
    }
    return pa.table({name: made[name] for name in COLUMNS})


def _plant(table: pa.Table, begin: int, rows: int) -> pa.Table:
    columns = {name: table[name].to_numpy(zero_copy_only=False).copy() for name in ("id", "age", "amount", "end")}
    texts = {name: table[name].to_pylist() if begin == 0 else None for name in ("grade", "code")}
    if begin + len(table) == rows:
        columns["id"][-FAULTS["id_unique"] :] = np.arange(FAULTS["id_unique"]) * 7 + 1
    if begin == 0:
        columns["age"][: FAULTS["age_range"]] = 150
        columns["amount"][100 : 100 + FAULTS["amount_range"]] = -1
        before = table["start"].to_numpy()[: FAULTS["end_after_start"]] - np.timedelta64(1, "D")
        columns["end"][: FAULTS["end_after_start"]] = before
        texts["grade"][: FAULTS["grade_set"]] = ["Z"] * FAULTS["grade_set"]
        texts["code"][: FAULTS["code_regex"]] = ["no code"] * FAULTS["code_regex"]
    planted = {name: pa.array(values, table[name].type) for name, values in columns.items()}
    planted |= {name: pa.array(values) for name, values in texts.items() if values}
    return pa.table({name: planted.get(name, table[name]) for name in table.column_names})
