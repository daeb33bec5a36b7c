from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from modelway.records.data import Column, ColumnType, Dataset, Duplicates, HashSplit, Task


class Known:
    """Rows from a known truth: x has 3 numbers, c one category that shifts, d says nothing."""

    def __init__(self, task: Task, classes: tuple[str, ...] = (), rows: int = 1200, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(rows, 3))
        c = rng.integers(0, 2, rows)
        signal = 1.5 * x[:, 0] - 1.0 * x[:, 1] + 0.8 * c
        if task is Task.REGRESSION:
            self.y: Any = signal + 0.3 * rng.normal(size=rows)
        elif len(classes) == 2:
            self.y = (rng.random(rows) < 1 / (1 + np.exp(-signal))).astype(np.int64)
        else:
            self.y = np.digitize(signal + 0.5 * rng.normal(size=rows), [-1.0, 1.5]).astype(np.int64)
        self.table = pa.table(
            {f"x{i}": x[:, i] for i in range(3)}
            | {"c": pa.array(["low", "high"]).take(pa.array(1 - c)), "d": rng.integers(0, 9, rows)}
        )
        kind = ColumnType.CATEGORY if task is Task.CLASSIFICATION else ColumnType.NUMBER
        types = {"x0": "number", "x1": "number", "x2": "number", "c": "category", "d": "integer"}
        columns = {name: Column(type=ColumnType(value)) for name, value in types.items()} | {"y": Column(type=kind)}
        self.dataset = Dataset(
            task=task, target="y", classes=classes, columns=columns, split=HashSplit(), rows={}, profile=(), source={},
            duplicates=Duplicates(rows=0),
        )  # fmt: skip

    def parts(self, validation: int = 300) -> tuple[Dataset, pa.Table, pa.Table, Any, Any]:
        """The first five arguments of `fit_model` after the options."""
        cut = len(self.y) - validation
        return self.dataset, self.table.slice(0, cut), self.table.slice(cut), self.y[:cut], self.y[cut:]


@pytest.fixture(scope="session")
def known():
    return Known


@pytest.fixture(scope="session")
def binary():
    return Known(Task.CLASSIFICATION, ("no", "yes"))


@pytest.fixture(scope="session")
def three():
    return Known(Task.CLASSIFICATION, ("a", "b", "c"))


@pytest.fixture(scope="session")
def regression():
    return Known(Task.REGRESSION)
