"""Bins, cells and plain statistics, as pandas and numpy cut and count."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from modelway.errors import InputError
from modelway.observe.baseline import distribution
from modelway.observe.bins import BINS, counts_of, edges_of, ranks_of
from modelway.observe.cells import CATEGORIES, Cells
from modelway.observe.plain_statistics import read_baseline
from modelway.records.data import ColumnType


def numbers(values: Any) -> Cells:
    return Cells.of(distribution(ColumnType.NUMBER, pa.chunked_array([pa.array(values)])))


class TestCells:
    """Cells of like numbers of rows, closed on the left; what is missing has the last one."""

    def test_numbers_are_cut_as_pandas_cuts_at_the_same_places(self) -> None:
        values = np.random.default_rng(1).exponential(size=5000).round(1)
        cells = numbers(values)
        now = [*values[:50], *cells.cuts, -1.0, 1e9]
        expected = pd.cut(now, [-np.inf, *cells.cuts, np.inf], right=False, labels=False)
        assert cells.codes(pa.array(now)).tolist() == expected.tolist()
        assert len(cells) == len(cells.cuts) + 2 == len(cells.names)
        assert cells.codes(pa.array([None, float("nan"), 0.5], pa.float64())).tolist()[:2] == [len(cells) - 1] * 2
        shares = np.bincount(cells.codes(pa.array(values)), minlength=len(cells)) / 5000
        assert shares[-1] == 0
        assert shares[:-1] == pytest.approx(np.full(len(cells) - 1, 1 / (len(cells) - 1)), abs=0.05)

    def test_a_frequent_value_is_a_cell_of_its_own(self) -> None:
        cells = numbers([0.0] * 700 + [*range(1, 101)] * 3)
        codes = cells.codes(pa.array([-1.0, 0.0, 1.0, 100.0]))
        assert codes[0] == codes[1] < codes[2] <= codes[3]

    @pytest.mark.parametrize("kind", ["text", "dictionary"])
    def test_categories_have_the_cells_of_the_most_frequent_ones(self, kind: str) -> None:
        texts = [f"c{at:02}" for at in range(CATEGORIES + 5) for _ in range(40 - at)]
        cells = Cells.of(distribution(ColumnType.CATEGORY, pa.chunked_array([pa.array(texts)])))
        now = pa.array(["c00", "c18", "c19", "new", None])
        now = now.dictionary_encode() if kind == "dictionary" else now
        assert cells.codes(now).tolist() == [0, 18, CATEGORIES, CATEGORIES, CATEGORIES + 1]
        assert len(cells) == CATEGORIES + 2
        assert cells.names[-2:] == ("others", "missing")

    def test_booleans_are_categories(self) -> None:
        cells = Cells.of(distribution(ColumnType.BOOLEAN, pa.chunked_array([pa.array([True, True, False])])))
        assert cells.codes(pa.array([False, True, None])).tolist() == [1, 0, 3]


class TestBins:
    """Bins of like numbers of rows; weights stand for as many equal rows."""

    @pytest.mark.parametrize("seed", range(4))
    def test_weights_are_as_many_rows(self, seed: int) -> None:
        random = np.random.default_rng(seed)
        values = np.unique(random.normal(size=900).round(4))
        weights = random.integers(1, 9, len(values))
        rows = np.repeat(values, weights)
        weighted, plain = edges_of(values, weights), edges_of(rows)
        assert (weighted[0], weighted[-1]) == (plain[0], plain[-1]) == (values[0], values[-1])
        for edges in (weighted, plain):
            below, counts, above = counts_of(ranks_of(rows, edges), len(rows))
            assert (below, above, counts.sum()) == (0, 0, len(rows))
            assert counts.max() <= len(rows) / BINS + 2 * weights.max()

    def test_counts_are_numpys_histogram(self) -> None:
        values = np.sort(np.random.default_rng(5).normal(size=700))
        edges = np.array([-1.0, 0.0, values[400], 1.0, 1.5])
        below, counts, above = counts_of(ranks_of(values, edges), len(values))
        assert counts.tolist() == np.histogram(values, edges)[0].tolist()
        assert (below, above) == ((values < -1.0).sum(), (values > 1.5).sum())


def plain(**given: Any) -> Any:
    return read_baseline(json.dumps(given).encode(), "train_stats.json")


class TestPlainStatistics:
    """Numbers have a mean and a deviation, categories shares; rows are the column's own, else those of all."""

    @pytest.mark.parametrize(
        ("about", "more", "rows", "missing"),
        [
            ({"mean": 2, "std": 1}, {}, 0, 0),
            ({"mean": 2, "std": 1}, {"rows": 80}, 80, 0),
            ({"mean": 2, "std": 1}, {"count": 80}, 80, 0),
            ({"mean": 2, "std": 1, "count": 50}, {"rows": 80}, 50, 0),
            ({"mean": 2, "std": 1, "rows": 50}, {"rows": 80}, 50, 0),
            ({"mean": 2, "std": 1, "missing": 0.25}, {"rows": 80}, 80, 20),
            ({"mean": 2, "std": 1, "missing": 7}, {"rows": 80}, 80, 80),
            ({"mean": 2, "std": 0, "missing": -1}, {"rows": 80}, 80, 0),
        ],
    )
    def test_numbers(self, about: dict[str, float], more: dict[str, int], rows: int, missing: int) -> None:
        made = plain(columns={"x": about}, **more)
        found = made.columns["x"]
        assert (found.rows, found.missing, found.mean, found.std) == (rows, missing, 2.0, float(about["std"]))
        assert (found.type, made.rows) == (ColumnType.NUMBER, more.get("rows", more.get("count", 0)))

    @pytest.mark.parametrize(
        ("about", "more", "categories"),
        [
            ({"a": 0.25, "b": 0.75}, {"rows": 80}, {"b": 60, "a": 20}),
            ({"shares": {"a": 0.25, "b": 0.75}}, {"rows": 80}, {"b": 60, "a": 20}),
            ({"shares": {"a": 1, "b": 3}}, {"rows": 80}, {"b": 60, "a": 20}),  # counts will do
            ({"shares": {"a": 0.25, "b": 0.75}, "missing": 0.5}, {"rows": 80}, {"b": 30, "a": 10}),
            ({"shares": {"a": 0.25, "b": 0.75}, "count": 8}, {"rows": 80}, {"b": 6, "a": 2}),
            ({"a": 0.5, "b": 0.5}, {}, {"a": 500_000, "b": 500_000}),
        ],
    )
    def test_categories(self, about: dict[str, Any], more: dict[str, int], categories: dict[str, int]) -> None:
        found = plain(features={"c": about}, **more).columns["c"]
        assert list(found.categories.items()) == list(categories.items())
        assert found.type is ColumnType.CATEGORY

    @pytest.mark.parametrize(
        "about",
        [
            {"mean": 2},
            {"std": 2},
            {"mean": True, "std": 1},
            {"a": 3, "b": 4},
            {"a": 0.2, "b": 0.2},
            {},
            5,
            {"a": "x"},
            {"a": 1, "b": "x"},
        ],
    )
    def test_what_says_neither_is_passed_over(self, about: Any) -> None:
        assert set(plain(columns={"x": about, "y": {"mean": 1, "std": 1}}).columns) == {"y"}
        with pytest.raises(InputError, match="no column has a mean"):
            plain(columns={"x": about})
