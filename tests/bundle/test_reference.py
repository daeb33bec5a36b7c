"""The reference rows: which rows are kept, each with what the model said of that row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from modelway.bundle.reference import MOST_ROWS, read_reference, write_reference
from modelway.errors import InputError
from modelway.records.data import ColumnType, Task
from modelway.records.evaluate import Scores
from modelway.records.fit import ModelInfo

CLASSES = ("a", "b", "c")


def scores_of(numbers: np.ndarray, task: Task) -> Scores:
    """Give scores that tell their row's number."""
    if task is Task.REGRESSION:
        return Scores(numbers * 0.5)
    share = numbers / 1e6
    return Scores(numbers % 3, np.column_stack([share, share / 2, 1 - 1.5 * share]))


@pytest.mark.parametrize("task", Task)
@pytest.mark.parametrize("rows", [0, 1, MOST_ROWS - 1, MOST_ROWS, MOST_ROWS + 1, 2 * MOST_ROWS, 7501])
def test_reference_rows_are_spread_evenly_and_keep_their_own_scores(tmp_path: Path, rows: int, task: Task) -> None:
    classes = CLASSES if task is Task.CLASSIFICATION else ()
    info = ModelInfo(task=task, target="y", classes=classes, inputs={"x": ColumnType.NUMBER})
    numbers = np.arange(rows)
    halves = [pa.table({"x": half * 1.0, "y": half}) for half in np.array_split(numbers, 2)]
    write_reference(tmp_path, info, pa.concat_tables(halves), scores_of(numbers, task))
    found = read_reference(tmp_path / "reference.parquet", info)
    kept = np.asarray(found.table["y"])
    assert found.table.column_names == ["x", "y"]
    assert len(kept) == min(rows, MOST_ROWS)
    assert np.array_equal(np.asarray(found.table["x"]), kept * 1.0)
    assert kept[:1].tolist() == [0] * min(rows, 1)
    steps = {*np.diff(kept, append=rows).tolist()}
    assert steps <= {max(1, rows // MOST_ROWS), -(-rows // MOST_ROWS)}
    expected = scores_of(kept, task)
    assert np.array_equal(found.scores.prediction, expected.prediction)
    if expected.probability is None:
        assert found.scores.probability is None
    else:
        assert np.array_equal(found.scores.probability, expected.probability)


def test_reference_of_another_model_is_refused(tmp_path: Path) -> None:
    made = [
        ModelInfo(task=Task.CLASSIFICATION, target="y", classes=names, inputs={"x": ColumnType.NUMBER})
        for names in (CLASSES, ("a", "b"), ("a", "b", "d"))
    ]
    numbers = np.arange(6)
    write_reference(tmp_path, made[0], pa.table({"x": numbers * 1.0}), scores_of(numbers, Task.CLASSIFICATION))
    for info in made[1:]:
        with pytest.raises(InputError, match="can't be read"):
            read_reference(tmp_path / "reference.parquet", info)
