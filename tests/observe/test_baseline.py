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
    found = distribution(ColumnType.CATEGORY, column("b", "a", "b", None, "c"))
    assert list(found.categories.items()) == [("b", 2), ("a", 1), ("c", 1)]
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
