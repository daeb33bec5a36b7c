"""Test rows that training or validation rows equal in every declared column, as pandas merges them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from modelway.data.duplicates import EXAMPLES, find_duplicates
from modelway.records.data import PrepareOptions


def options(**split: Any) -> PrepareOptions:
    given = {
        "data": {"uri": "a.csv"},
        "target": "y",
        "task": "classification",
        "columns": {"x": {"type": "number"}, "y": {"type": "category"}, "z": {"type": "integer"}},
        "ignore": ["key"],
        "split": {"by": "group", "column": "key", **split},
    }
    return PrepareOptions.model_validate_json(json.dumps(given))


def table(*rows: tuple[float | None, str | None, int | None]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) if rows else ([], [], [])
    types = {"x": pa.float64(), "y": pa.string(), "z": pa.int64()}
    return pa.table({name: pa.array(values, kind) for (name, kind), values in zip(types.items(), columns, strict=True)})


@pytest.mark.parametrize(
    ("train", "validation", "test", "found"),
    [
        ([(1, "a", 1)], [(2, "a", 1)], [(1, "a", 1), (2, "a", 1), (3, "a", 1)], [0, 1]),
        ([(1, "a", 1)], [(2, "a", 1)], [(3, "a", 1), (2, "a", 1)], [1]),  # of validation alone
        ([(1, "a", 1)], [], [(1, "a", 1)], [0]),
        ([], [(1, "a", 1)], [(1, "a", 1)], [0]),
        ([(1, "a", 1)], [], [(1, "b", 1), (1, "a", 2), (2, "a", 1), (1, None, 1)], []),  # equal in all but one column
        ([(None, None, None)], [], [(None, None, None), (0, None, None)], [0]),
        ([(0.0, "a", 1)], [], [(-0.0, "a", 1)], [0]),
        ([(9, "a", 1)], [], [(1, "a", 1), (1, "a", 1)], []),  # of each other only
        ([(1, "a", 1)], [], [(1, "a", 1), (1, "a", 1)], [0, 1]),
    ],
)
def test_rows_that_were_seen_are_named(train: list, validation: list, test: list, found: list[int]) -> None:
    tables = {"train": table(*train), "validation": table(*validation), "test": table(*test)}
    duplicates = find_duplicates(options(), tables)
    assert (duplicates.rows, duplicates.examples) == (len(found), tuple(found))


def test_number_and_first_examples_are_pandas() -> None:
    random = np.random.default_rng(1)
    tables = {
        part: pa.table(
            {
                "x": random.integers(0, 5, count).astype(float),
                "y": random.choice(["a", "b"], count).tolist(),
                "z": random.integers(0, 4, count),
            }
        )
        for part, count in (("train", 20), ("validation", 10), ("test", 60))
    }
    frames = {part: one.to_pandas() for part, one in tables.items()}
    seen = pd.concat([frames["train"], frames["validation"]]).drop_duplicates()
    merged = frames["test"].merge(seen, how="left", indicator=True)
    expected = np.flatnonzero(merged["_merge"] == "both")
    duplicates = find_duplicates(options(), tables)
    assert len(expected) > EXAMPLES
    assert (duplicates.rows, duplicates.examples) == (len(expected), tuple(expected[:EXAMPLES]))


def test_split_by_declared_columns_alone_leaves_none_to_look_for() -> None:
    same = table((1, "a", 1))
    tables = {"train": same, "validation": same, "test": same}
    assert find_duplicates(options(column="z"), tables).rows == 0
