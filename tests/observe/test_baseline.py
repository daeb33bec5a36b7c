"""The baseline counts every row once, and says nothing that it did not see."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest

from modelway.observe.baseline import distribution, make_baseline
from modelway.observe.bins import BINS
from modelway.observe.tallies import LISTED
from modelway.records.data import Column, ColumnType, Dataset, Duplicates, HashSplit, Task
from modelway.records.evaluate import Scores
from modelway.records.observe import Baseline


def column(*values: object, kind: pa.DataType | None = None) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, kind)])


def test_numbers_lie_in_bins_of_equally_many_rows() -> None:
    values = np.random.default_rng(0).lognormal(size=10_000)
    found = distribution(ColumnType.NUMBER, pa.chunked_array([pa.array(values)]))
    assert (found.rows, found.missing, sum(found.counts)) == (10_000, 0, 10_000)
    assert len(found.counts) == len(found.edges) - 1 == BINS
    assert max(found.counts) - min(found.counts) <= 2
    assert (found.edges[0], found.edges[-1]) == (values.min(), values.max())
    assert found.mean == pytest.approx(values.mean())
    assert found.std == pytest.approx(values.std())
    assert (found.min, found.max, found.error, found.below, found.above) == (values.min(), values.max(), 0, 0, 0)


def test_few_different_numbers_have_a_bin_each() -> None:
    found = distribution(ColumnType.INTEGER, column(1, 1, 1, 2, None))
    assert (found.rows, found.missing, found.edges, found.counts) == (5, 1, (1.0, 2.0, 2.0), (3, 1))
    constant = distribution(ColumnType.INTEGER, column(7, 7, 7))
    assert (constant.edges, constant.counts, constant.std) == ((7.0, 7.0), (3,), 0.0)


def test_a_frequent_greatest_value_has_a_bin_of_its_own() -> None:
    values = np.minimum(np.random.default_rng(0).normal(size=10_000), 1.0)
    found = distribution(ColumnType.NUMBER, pa.chunked_array([pa.array(values)]))
    assert found.edges[-2:] == (1.0, 1.0)
    assert found.counts[-1] == np.count_nonzero(values == 1.0)


def test_a_column_without_values_has_its_count_of_missing_ones_alone() -> None:
    found = distribution(ColumnType.NUMBER, column(None, None, kind=pa.float64()))
    assert (found.rows, found.missing, found.counts, found.mean) == (2, 2, (), None)


def test_categories_are_counted_the_most_frequent_first() -> None:
    found = distribution(ColumnType.CATEGORY, column("b", "c", "b", None, "a"))
    assert list(found.categories.items()) == [("b", 2), ("a", 1), ("c", 1)]  # of the same number, by name
    assert (found.rows, found.missing, found.other) == (5, 1, 0)
    assert distribution(ColumnType.BOOLEAN, column(True, False, True)).categories == {"true": 2, "false": 1}


def test_categories_beyond_those_listed_are_counted_together() -> None:
    found = distribution(ColumnType.CATEGORY, column(*(f"c{number:04}" for number in range(LISTED + 30))))
    assert (len(found.categories), found.other) == (LISTED, 30)


def test_texts_are_counted_by_length_and_dates_by_second() -> None:
    texts = distribution(ColumnType.TEXT, column("é", "four"))
    assert (texts.edges[0], texts.edges[-1]) == (1.0, 4.0)
    day = dt.datetime(1970, 1, 2, tzinfo=dt.UTC)
    dates = distribution(ColumnType.DATE, column(day, day, kind=pa.timestamp("us", tz="UTC")))
    assert dates.edges == (86400.0, 86400.0)


@pytest.mark.parametrize(
    ("task", "classes", "scores", "expected"),
    [
        (Task.REGRESSION, (), Scores(np.array([1.0, 3.0])), 2.0),
        (Task.CLASSIFICATION, ("n", "y"), Scores(np.array([0, 1]), np.array([[0.75, 0.25], [0.25, 0.75]])), 0.5),
        (Task.CLASSIFICATION, ("a", "b", "c"), Scores(np.array([2, 2]), np.full((2, 3), 1 / 3)), {"c": 2}),
    ],
)
def test_predictions_are_counted_as_they_are_served(
    task: Task, classes: tuple[str, ...], scores: Scores, expected: float | dict[str, int]
) -> None:
    dataset = Dataset(
        task=task,
        target="x",
        classes=classes,
        columns={"x": Column(type=ColumnType.NUMBER)},
        split=HashSplit(),
        rows={"train": 2},
        duplicates=Duplicates(rows=0),
        profile=(),
        source={},
    )
    rows = pa.table({"x": [1.0, 2.0]})
    found = make_baseline(dataset, rows, rows, scores, {"metric": None}, {})
    assert (found.predictions.categories if isinstance(expected, dict) else found.predictions.mean) == expected
    assert Baseline.from_json(found.to_json()) == found


def test_inputs_are_those_of_the_training_rows_and_outputs_those_of_the_held_out_ones() -> None:
    random = np.random.default_rng(0)
    classes = ("a", "b", "c")

    def rows(count: int, mean: float, shares: tuple[float, float]) -> pa.Table:
        return pa.table(
            {
                "x": random.normal(mean, size=count),
                "g": random.choice(["u", "v"], count, p=shares).tolist(),
                "y": random.choice(classes, count).tolist(),
            }
        )

    train, held_out = rows(400, 0.0, (0.9, 0.1)), rows(150, 5.0, (0.2, 0.8))
    probability = random.dirichlet((5.0, 2.0, 1.0), 150)
    scores = Scores(probability.argmax(axis=1), probability)
    kinds = {"x": ColumnType.NUMBER, "g": ColumnType.CATEGORY, "y": ColumnType.CATEGORY}
    dataset = Dataset(
        task=Task.CLASSIFICATION,
        target="y",
        classes=classes,
        columns={name: Column(type=kind) for name, kind in kinds.items()},
        split=HashSplit(),
        rows={"train": 400, "test": 150},
        duplicates=Duplicates(rows=0),
        profile=(),
        source={},
    )
    found = make_baseline(
        dataset, train, held_out, scores, {"log_loss": 0.5, "f1": None}, {"x": 0.7}, ("g", "x", "gone")
    )
    frame = train.to_pandas()
    assert (found.rows, found.task, found.target, found.classes) == (400, Task.CLASSIFICATION, "y", classes)
    assert (found.metrics, found.importance) == ({"log_loss": 0.5, "f1": None}, {"x": 0.7})
    assert {name: one.type for name, one in found.columns.items()} == kinds
    assert {name: one.rows for name, one in found.columns.items()} == dict.fromkeys(kinds, 400)
    assert (found.columns["x"].mean, found.columns["x"].std) == pytest.approx(
        (frame["x"].mean(), frame["x"].std(ddof=0))
    )
    assert found.columns["g"].categories == frame["g"].value_counts().to_dict()
    said = {classes[at]: int(count) for at, count in enumerate(np.bincount(scores.prediction)) if count}
    assert found.predictions is not None
    assert found.labels is not None
    assert found.predictions.categories == found.labels.categories == said
    assert {name: one.mean for name, one in found.scores.items()} == pytest.approx(
        dict(zip(classes, probability.mean(axis=0), strict=True))
    )
    assert {one.rows for one in (*found.scores.values(), found.labels)} == {150}
    assert [(one.column, one.value, one.rows) for one in found.slices] == [
        ("g", name, count) for name, count in frame["g"].value_counts().items()
    ]
    answered = held_out.to_pandas()["g"].value_counts()
    for one in found.slices:
        assert set(one.cells) == {"x", "y", ""}
        assert (sum(one.cells["x"]), sum(one.cells["y"]), sum(one.cells[""])) == (
            one.rows,
            one.rows,
            answered[one.value],
        )


@pytest.mark.parametrize(("task", "classes"), [(Task.REGRESSION, ()), (Task.CLASSIFICATION, ("n", "y"))])
def test_only_several_classes_have_scores_of_their_own(task: Task, classes: tuple[str, ...]) -> None:
    dataset = Dataset(
        task=task, target="x", classes=classes, columns={"x": Column(type=ColumnType.NUMBER)}, split=HashSplit(),
        rows={"train": 3}, duplicates=Duplicates(rows=0), profile=(), source={},
    )  # fmt: skip
    probability = np.array([[0.75, 0.25], [0.25, 0.75], [0.6, 0.4]])
    scores = Scores(np.array([0, 1, 0]), probability) if classes else Scores(np.array([4.0, 5.0, 9.0]))
    rows = pa.table({"x": [1.0, 2.0, 3.0]})
    found = make_baseline(dataset, rows, rows, scores, {}, {})
    assert found.scores == {}
    assert found.predictions is not None
    assert found.predictions.mean == pytest.approx(1.4 / 3 if classes else 6.0)
    assert (None if found.labels is None else found.labels.categories) == ({"n": 2, "y": 1} if classes else None)
