"""What is counted of predictions, and how far they moved."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelway.batch.counting import Counts
from modelway.batch.tallies import OTHER, merge, merge_slices, shift, tally
from modelway.records.batch import Position, Tally, Unit
from modelway.records.bundle import Signature
from modelway.records.data import Task
from modelway.records.evaluate import Scores

REGRESSION = Signature(task=Task.REGRESSION, target="y", columns=(), outputs=())
TREES = Signature(task=Task.CLASSIFICATION, target="y", columns=(), outputs=(), classes=("no", "yes"))


@pytest.mark.parametrize(
    ("edges", "counts"),
    [
        ((0.0, 1.0, 2.0), (1, 2, 2, 1)),
        ((0.0, 1.0, 2.0, 2.0), (1, 2, 1, 1, 1)),
        ((1.0,), (3, 1, 2)),
        ((), ()),
    ],
    ids=["bins", "a last value alone", "one value", "none"],
)
def test_values_fall_into_the_baselines_bins(edges, counts) -> None:
    values = np.array([-1.0, 0.0, 0.5, 1.0, 2.0, 2.5])
    assert tally(REGRESSION, Scores(values), edges).counts == counts


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=60), st.integers(1, 59))
def test_parts_add_up_to_the_whole(values, cut) -> None:
    edges = (-2.0, 0.0, 1.0)
    whole = tally(REGRESSION, Scores(np.array(values)), edges)
    parts = [tally(REGRESSION, Scores(np.array(part)), edges) for part in (values[:cut], values[cut:])]
    merged = merge(parts)
    assert merged.counts == whole.counts
    assert (merged.rows, merged.least, merged.greatest) == (whole.rows, whole.least, whole.greatest)


def test_classes_are_counted() -> None:
    probability = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]])
    found = tally(TREES, Scores(np.array([0, 1, 1]), probability), (0.0, 1.0))
    assert found.categories == {"no": 1, "yes": 2}
    assert found.total == pytest.approx(1.5)


def test_a_shift_is_nothing_for_the_same_and_grows() -> None:
    same = [100] * 10
    assert shift(same, [10] * 10) == 0
    little, much = shift(same, [90, 110] * 5), shift(same, [10, 190] * 5)
    assert 0 < little < 0.1 < much
    assert shift(same, [0] * 10) is None


def test_many_fine_bins_make_no_shift_of_chance() -> None:
    chance = np.random.default_rng(0)
    expected = chance.multinomial(300, [0.002] * 500).tolist()
    found = chance.multinomial(4000, [0.002] * 500).tolist()
    assert shift(expected, found) < 0.1


MANY = [(f"v{number:03}", 200 - number) for number in range(120)]
SLICES: dict[str, tuple[list[dict[str, int]], list[tuple[str, int]]]] = {
    "no part": ([], []),
    "values of several parts": ([{"a": 1, "b": 5}, {"c": 2}, {"a": 3}], [("b", 5), ("a", 4), ("c", 2)]),
    "as many rows each": ([{"b": 1, "c": 2}, {"a": 1}], [("c", 2), ("a", 1), ("b", 1)]),
    "as many values as are kept": ([dict(MANY[:50])], MANY[:50]),
    "one more": ([dict(MANY[:51])], [*MANY[:49], (OTHER, 151 + 150)]),
    "many": ([dict(MANY)], [*MANY[:49], (OTHER, sum(range(81, 152)))]),
    "one more in another part": ([dict(MANY[:50]), {"rare": 1}], [*MANY[:49], (OTHER, 151 + 1)]),
    "a rare value of one part is frequent in another": (
        [dict(MANY[:50]), {"v049": 1000}, {"rare": 1}], [("v049", 1151), *MANY[:48], (OTHER, 152 + 1)],
    ),
    "others are the most": ([{"a": 1, OTHER: 5}, {OTHER: 2, "b": 3}], [("b", 3), ("a", 1), (OTHER, 7)]),
    "others and as many values as are kept": ([{**dict(MANY[:49]), OTHER: 9999}] * 2, [
        *((name, 2 * rows) for name, rows in MANY[:49]), (OTHER, 2 * 9999),
    ]),
    "others and one value more": ([{**dict(MANY[:49]), OTHER: 9999}, {"rare": 1}], [*MANY[:49], (OTHER, 9999 + 1)]),
    "others and many": ([dict(MANY), {OTHER: 9999}], [*MANY[:49], (OTHER, 9999 + sum(range(81, 152)))]),
}  # fmt: skip


@pytest.mark.parametrize("name", SLICES)
def test_merge_slices_keeps_the_most_frequent_values_and_adds_up_the_others(name: str) -> None:
    parts, expected = SLICES[name]
    found = merge_slices({one: Tally(rows=rows, total=2.0 * rows) for one, rows in part.items()} for part in parts)
    assert [(one, tally.rows, tally.total) for one, tally in found.items()] == [
        (one, rows, 2.0 * rows) for one, rows in expected
    ]


def test_values_of_a_slice_are_counted_however_a_dictionary_holds_them() -> None:
    stored = pa.DictionaryArray.from_arrays(pa.array([0, 1, None, 3, 0], pa.int8()), ["a", "b", "c", "a"])
    texts = pa.array(["a", "b", None, "a", "a"])
    scores = Scores(np.array([1.0, 2.0, 4.0, 8.0, 16.0]))
    found = []
    for values in (stored, texts):
        counts = Counts(REGRESSION, ["part"], ())
        counts.add(pa.table({"part": values}), scores)
        found.append(
            counts.record(Unit(number=0, begin=Position(file=0), end=Position(file=1)), (), 0.0).slices["part"]
        )
    assert found[0] == found[1]
    assert {name: (one.rows, one.total) for name, one in found[0].items()} == {
        "a": (3, 25.0), "(missing)": (1, 4.0), "b": (1, 2.0),
    }  # fmt: skip
