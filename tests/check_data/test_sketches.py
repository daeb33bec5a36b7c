"""The parts that stand for more values than they hold."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from modelway import sketches as sketch
from modelway.data.suite.distinct import DistinctSketch
from modelway.data.suite.sample import RowSample, rank_error
from modelway.sketches import QuantileSketch

ORDERS = {
    "random": lambda random, count: random.normal(size=count),
    "ascending": lambda _, count: np.arange(count, dtype=float),
    "descending": lambda _, count: np.arange(count, dtype=float)[::-1],
    "few values": lambda random, count: random.integers(0, 7, count).astype(float),
    "one value": lambda _, count: np.full(count, 3.0),
    "heavy tail": lambda random, count: random.pareto(0.3, count),
}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("count", [1, 2, 63, 64, 65, 1000, 20_000])
def test_a_quantile_lies_between_the_ends_that_are_told(monkeypatch, order, count) -> None:
    monkeypatch.setattr(sketch, "_LEVEL", 64)
    values = ORDERS[order](np.random.default_rng(count), count)
    found = QuantileSketch()
    for piece in np.array_split(values, max(count // 37, 1)):
        found.add(piece)
    ordered = np.sort(values)
    assert found.count == count
    assert (found.error == 0) == (count < 64)
    assert found.error <= np.log2(max(count / 64, 2)) / 64 * 1.5
    for q in np.linspace(0, 1, 101):
        told = found.quantile(float(q))
        rank = q * (count - 1)
        assert told.low <= told.value <= told.high
        if found.error:
            assert told.low <= ordered[int(np.floor(rank))]
            assert told.high >= ordered[int(np.ceil(rank))]
        else:
            assert told.value == pytest.approx(np.quantile(values, q))


def test_an_empty_piece_changes_nothing() -> None:
    found = QuantileSketch()
    found.add(np.empty(0))
    found.add(np.array([1.0]))
    assert found.quantile(0.5).value == 1


@pytest.mark.parametrize("count", [1, 100, 4096, 4097, 50_000, 400_000])
@pytest.mark.parametrize("kind", ["numbers", "texts", "floats", "repeated"])
def test_different_values_are_counted_or_estimated(count, kind) -> None:
    numbers = pl.Series("x", np.arange(count))
    series = {
        "numbers": numbers,
        "texts": numbers.cast(pl.String) + "th",
        "floats": numbers * 0.37,
        "repeated": pl.concat([numbers, numbers, pl.Series("x", [None], dtype=pl.Int64)]),
    }[kind]
    found = DistinctSketch()
    for at in range(0, len(series), 30_000):
        piece = series[at : at + 30_000].alias("x").to_frame()
        found.add(piece.select(found.expression("x")).to_series()[0])
    assert found.exact == (count <= 4096)
    assert found.count == (count if found.exact else pytest.approx(count, rel=0.06))


@pytest.mark.parametrize("of", [None, 100_000])
def test_each_row_is_equally_likely_to_be_drawn(of) -> None:
    drawn = RowSample(rows=2000, of=of)
    for at in range(0, 100_000, 1700):
        drawn.add(pl.DataFrame({"x": np.arange(at, min(at + 1700, 100_000)), "t": "word"}))
    rows = drawn.rows()
    assert (len(rows), drawn.whole, rows["x"].n_unique()) == (2000, False, 2000)
    # By quarters of the data: 500 each, standard deviation 19.
    counts = np.bincount(rows["x"].to_numpy() // 25_000)
    assert np.abs(counts - 500).max() < 100
    # Kolmogorov and Smirnov's distance from the whole data, against the bound that the profile tells.
    shares = (np.sort(rows["x"].to_numpy()) + 1) / 100_000
    assert np.abs(shares - (np.arange(2000) + 1) / 2000).max() < rank_error(2000)


def test_the_sample_is_the_same_whether_it_is_known_how_many_rows_come() -> None:
    known, unknown = RowSample(rows=500, of=50_000), RowSample(rows=500)
    for at in range(0, 50_000, 4096):
        piece = pl.DataFrame({"x": np.arange(at, min(at + 4096, 50_000))})
        known.add(piece)
        unknown.add(piece)
    assert sorted(known.rows()["x"]) == sorted(unknown.rows()["x"])


def test_few_rows_are_kept_whole_and_texts_cut() -> None:
    drawn = RowSample(rows=10)
    drawn.add(pl.DataFrame({"t": ["x" * 500, None]}))
    rows = drawn.rows()
    assert drawn.whole
    assert rows["t"].to_list() == ["x" * 100, None] or rows["t"].to_list() == [None, "x" * 100]
    assert sorted(rows["\0length t"].drop_nulls()) == [500]
