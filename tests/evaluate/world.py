"""Makes held-out rows, data sets and scores for the tests."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from modelway.records.data import Column, ColumnType, Dataset, Duplicates, HashSplit, Task
from modelway.records.evaluate import EvaluateOptions, Scores

ROWS = 400
RESAMPLES = 200


def make_dataset(
    task: Task, table: pa.Table, classes: tuple[str, ...], rates: dict[str, float], mean: float | None
) -> Dataset:
    types = {"x": ColumnType.NUMBER, "day": ColumnType.DATE, "y": ColumnType.INTEGER}
    if task is Task.REGRESSION:
        types["y"] = ColumnType.NUMBER
    return Dataset(
        task=task,
        target="y",
        classes=classes,
        columns={name: Column(type=types.get(name, ColumnType.CATEGORY), nullable=True) for name in table.column_names},
        split=HashSplit(),
        rows={"train": 1000, "test": table.num_rows},
        target_rates=rates,
        target_mean=mean,
        duplicates=Duplicates(rows=0),
        profile=(),
        source={},
    )


def probabilities(positive: np.ndarray) -> Scores:
    """Scores of two classes from the probability of the positive one."""
    return Scores((positive >= 0.5).astype(np.int64), np.column_stack([1 - positive, positive]))


def binary_target(rows: int = ROWS, seed: int = 1) -> np.ndarray:
    return (np.random.default_rng(seed).random(rows) < 0.4).astype(np.int64)


def binary_scores(target: np.ndarray, strength: float, seed: int = 2) -> Scores:
    """Calibrated scores; the ROC AUC grows with the strength (0: 0.5, 2: 0.92)."""
    noise = np.random.default_rng([seed, len(target)]).normal(size=len(target))
    margin = strength * (strength * (target - 0.5) + noise) - 0.4
    return probabilities(1 / (1 + np.exp(-margin)))


def binary_table(target: np.ndarray, **columns: Any) -> pa.Table:
    random = np.random.default_rng([3, len(target)])
    rows = len(target)
    made = {
        "x": pa.array(random.normal(size=rows)),
        "colour": pa.array(random.choice(["red", "green", "blue"], rows)),
        "sex": pa.array(random.choice(["F", "M"], rows)),
        "y": pa.array(target),
    }
    return pa.table({**made, **columns})


def binary_world(rows: int = ROWS, **columns: Any) -> tuple[Dataset, pa.Table, np.ndarray]:
    target = binary_target(rows)
    table = binary_table(target, **columns)
    return make_dataset(Task.CLASSIFICATION, table, ("no", "yes"), {"no": 0.6, "yes": 0.4}, None), table, target


def number_world(rows: int = ROWS, **columns: Any) -> tuple[Dataset, pa.Table, np.ndarray]:
    random = np.random.default_rng([4, rows])
    target = np.exp(random.normal(size=rows))
    table = binary_table(target, **columns)
    return make_dataset(Task.REGRESSION, table, (), {}, 1.6), table, target


def number_scores(target: np.ndarray, noise: float, seed: int = 5) -> Scores:
    return Scores(target + noise * np.random.default_rng([seed, len(target)]).normal(size=len(target)))


def class_world(rows: int = ROWS, classes: int = 3, **columns: Any) -> tuple[Dataset, pa.Table, np.ndarray]:
    target = np.random.default_rng([6, rows]).integers(0, classes, rows)
    table = binary_table(target, **columns)
    names = tuple(f"c{index}" for index in range(classes))
    return make_dataset(Task.CLASSIFICATION, table, names, dict.fromkeys(names, 1 / classes), None), table, target


def class_scores(target: np.ndarray, strength: float, classes: int = 3, seed: int = 7) -> Scores:
    noise = np.random.default_rng([seed, len(target)]).normal(size=(len(target), classes))
    margin = np.exp(strength * (strength * np.eye(classes)[target] + noise))
    probability = margin / margin.sum(axis=1, keepdims=True)
    return Scores(probability.argmax(axis=1), probability)


def options(**changes: Any) -> EvaluateOptions:
    return EvaluateOptions.model_validate({"resamples": RESAMPLES, **changes}, strict=False)


def run(room: Any, world: Any, candidate: Scores, champion: Scores | None = None, **changes: Any) -> Any:
    """Evaluate in a room; `changes` go to the options unless they are arguments of the stage."""
    dataset, table, target = world
    arguments = {
        "model_digest": "candidate",
        "champion_digest": None if champion is None else "champion",
        "size_bytes": 1,
    }
    for name in (*arguments, "inputs", "benchmarks"):
        if name in changes:
            arguments[name] = changes.pop(name)
    return room.stage.evaluate(options(**changes), dataset, table, target, candidate, champion, **arguments)


def verdict_of(evaluation: Any, gate: str) -> str:
    """What one gate said; (none) where it said nothing."""
    found = [verdict for verdict in evaluation.gates if verdict.gate == gate]
    assert len(found) <= 1
    return f"{found[0].verdict}{' waived' if found[0].waived else ''}" if found else "(none)"
