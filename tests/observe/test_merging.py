"""Profiles of parts merge into that of the whole: exactly over known edges, and else within the error that is told."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from modelway.observe import tallies
from modelway.observe.baseline import distribution
from modelway.observe.profile import PREDICTIONS, Profile, Slices
from modelway.observe.tallies import CategoryTally, NumberTally
from modelway.records.data import ColumnType
from modelway.records.observe import Distribution

KINDS = {"x": ColumnType.NUMBER, "n": ColumnType.INTEGER, "c": ColumnType.CATEGORY, "t": ColumnType.TEXT}


def rows(seed: int, count: int) -> pa.Table:
    random = np.random.default_rng(seed)
    x = random.lognormal(size=count)
    return pa.table(
        {
            "x": pa.array(np.where(random.random(count) < 0.1, None, x), pa.float64()),
            "n": pa.array(random.integers(0, 5, count)),
            "c": pa.array(random.choice(["a", "b", "c"], count, p=[0.7, 0.2, 0.1]).tolist()),
            "t": pa.array(["w" * length for length in random.integers(0, 40, count)]),
        }
    )


def reference() -> dict[str, Distribution]:
    table = rows(99, 3000)
    return {name: distribution(kind, table.column(name)) for name, kind in KINDS.items()}


def same(one: Distribution, other: Distribution) -> bool:
    """Equal but for the last digits of mean and deviation, which depend on the order of adding."""
    exact = {"mean", "std", "beyond"}
    if one.mean is not None and other.mean is not None:
        assert one.mean == pytest.approx(other.mean, rel=1e-12)
        assert one.beyond == pytest.approx(other.beyond, rel=1e-9)
        assert one.std == pytest.approx(other.std, rel=1e-9)
    return one.model_dump(exclude=exact) == other.model_dump(exclude=exact)


@pytest.mark.parametrize("parts", [1, 2, 7, 24])
def test_hours_merge_into_their_day_exactly(parts: int) -> None:
    table = rows(1, 5000)
    whole = Profile(KINDS, reference())
    whole.add(table)
    merged = Profile(KINDS, reference())
    for at in range(parts):
        start, end = 5000 * at // parts, 5000 * (at + 1) // parts
        hour = Profile(KINDS, reference())
        hour.add(table.slice(start, end - start))
        merged.merge(hour)
    for name, found in whole.finish().items():
        assert same(found, merged.finish()[name]), name
        assert sum(found.counts) + found.below + found.above + sum(found.categories.values()) + found.missing == 5000


def test_values_beyond_the_reference_are_counted_apart() -> None:
    tally = NumberTally(ColumnType.NUMBER, (0.0, 1.0, 2.0, 2.0))
    tally.add(pa.array([-1.0, 0.0, 0.5, 1.0, 2.0, 2.5, 3.0, None, float("nan"), float("inf")]))
    found = tally.finish()
    assert (found.below, found.counts, found.above, found.missing, found.rows) == (1, (2, 1, 1), 3, 2, 10)
    assert (found.min, found.max) == (-1.0, 3.0)


def test_what_a_reference_counts_of_itself_is_itself() -> None:
    table = rows(99, 3000)
    again = Profile(KINDS, reference())
    again.add(table)
    for name, found in again.finish().items():
        assert found.counts == reference()[name].counts
        assert found.categories == reference()[name].categories


@pytest.mark.parametrize("shape", ["normal", "few", "sorted", "heavy"])
@pytest.mark.parametrize("parts", [1, 3, 50])
def test_without_a_reference_ranks_are_off_by_no_more_than_is_told(shape: str, parts: int) -> None:
    random = np.random.default_rng(5)
    count = 300_000
    values = {
        "normal": lambda: random.normal(size=count),
        "few": lambda: random.integers(0, 9, count).astype(float),
        "sorted": lambda: np.arange(count, dtype=float),
        "heavy": lambda: random.pareto(0.5, count),
    }[shape]()
    merged = NumberTally(ColumnType.NUMBER)
    for piece in np.array_split(values, parts):
        tally = NumberTally(ColumnType.NUMBER)
        tally.add(pa.array(piece))
        merged.merge(tally)
    found = merged.finish()
    ordered = np.sort(values)
    true = np.searchsorted(ordered, found.edges)
    told = np.concatenate(([0], np.cumsum(found.counts)))[: len(found.edges)]
    assert sum(found.counts) == found.rows == count
    off = np.abs(true - told)[: len(found.edges) - 1]
    assert off.max() <= found.error
    assert 0 < found.error <= 0.006 * count
    assert (found.min, found.max) == (ordered[0], ordered[-1])


def test_categories_too_many_to_hold_are_too_low_by_no_more_than_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tallies, "HELD", 400)
    random = np.random.default_rng(0)
    names = np.where(random.random(60_000) < 0.5, "often", random.integers(0, 5000, 60_000).astype(str)).tolist()
    merged = CategoryTally(ColumnType.CATEGORY)
    for start in range(0, 60_000, 3000):
        tally = CategoryTally(ColumnType.CATEGORY)
        tally.add(pa.array(names[start : start + 3000]))
        merged.merge(tally)
    found = merged.finish()
    assert found.category_error > 0
    for name, count in found.categories.items():
        assert names.count(name) - found.category_error <= count <= names.count(name)
    assert next(iter(found.categories)) == "often"
    assert sum(found.categories.values()) + found.other == 60_000


def test_categories_of_the_reference_are_never_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tallies, "HELD", 10)
    tally = CategoryTally(ColumnType.CATEGORY, frozenset({"rare"}))
    tally.add(pa.array(["rare", *(f"{number % 500}" for number in range(5000))]))
    tally.add(pa.array(["rare"]))
    assert tally.finish().categories["rare"] == 2


def test_slices_merge_exactly_and_count_the_predictions_that_are_known() -> None:
    whole = {**reference(), PREDICTIONS: distribution(ColumnType.NUMBER, pa.chunked_array([np.linspace(0, 1, 100)]))}
    table = rows(3, 4000)
    predictions = pa.array([None if at % 4 == 0 else at / 4000 for at in range(4000)])
    one = Slices.over(("c", "x"), whole)
    one.add(table, predictions)
    merged = Slices.over(("c", "x"), whole)
    for start in (0, 1000, 2000, 3000):
        part = Slices.over(("c", "x"), whole)
        part.add(table.slice(start, 1000), predictions.slice(start, 1000))
        merged.merge(part)
    assert one.finish() == merged.finish()
    assert [(found.column, found.value) for found in one.finish()] == [("c", "a"), ("c", "b"), ("c", "c")]
    for found in one.finish():
        assert set(found.cells) == {"x", "n", "t", PREDICTIONS}
        assert all(sum(cells) == found.rows for cells in found.cells.values())
    assert sum(found.cells[PREDICTIONS][-1] for found in one.finish()) == 1000
