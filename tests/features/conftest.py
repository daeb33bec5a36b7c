from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from modelway.records.data import Column, ColumnType
from modelway.records.tables import ARROW_TYPES


def _columns(**types: str) -> dict[str, Column]:
    return {name: Column(type=ColumnType(kind), nullable=True) for name, kind in types.items()}


def _table(columns: dict[str, Column], values: dict[str, list[Any]]) -> pa.Table:
    return pa.table(
        {name: pa.array(values[name], ARROW_TYPES[columns[name].type]) for name in columns if name in values}
    )


@pytest.fixture
def make_columns():
    return _columns


@pytest.fixture
def make_table():
    return _table


@pytest.fixture
def income(shared_data):
    """Income's real columns, with a date, a text and missing values put in."""
    from pyarrow import csv

    raw = csv.read_csv(shared_data / "adult.csv").slice(0, 2000)
    columns = _columns(
        age="integer",
        type_employer="category",
        education="category",
        sex="category",
        capital_gain="integer",
        hr_per_week="number",
        since="date",
        note="text",
        member="boolean",
        income="category",
    )
    rng = np.random.default_rng(0)
    words = np.array(["late", "paid", "in", "full", "ünpaid", "Owes", "twice"])
    values: dict[str, list[Any]] = {name: raw[name].to_pylist() for name in columns if name in raw.column_names}
    values["since"] = [
        datetime.fromtimestamp(int(seconds), UTC) for seconds in rng.integers(-(10**9), 2 * 10**9, raw.num_rows)
    ]
    values["note"] = [" ".join(rng.choice(words, size)) for size in rng.integers(0, 6, raw.num_rows)]
    values["member"] = [bool(bit) for bit in rng.integers(0, 2, raw.num_rows)]
    for name in columns:
        if name != "income":
            values[name] = [
                None if gap else value for value, gap in zip(values[name], rng.random(2000) < 0.1, strict=True)
            ]
    return columns, _table(columns, values)
