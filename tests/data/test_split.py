"""Where rows go: stably, by what they are and nothing else."""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelway.data.hashing import add_seed, hash_rows, mix
from modelway.data.split import PARTS, assign_parts, ignored_keys, sample_rows, split_rows
from modelway.errors import InputError
from modelway.records.data import PrepareOptions

COLUMNS = {
    "id": {"type": "integer"},
    "x": {"type": "number", "nullable": True},
    "who": {"type": "category", "nullable": True},
    "when": {"type": "date"},
    "y": {"type": "category"},
}
STAMP = pa.timestamp("us", tz="UTC")


def table_of(ids, seed=0) -> pa.Table:
    ids = np.asarray(ids, np.int64)
    random = np.random.default_rng(seed)
    values = random.normal(size=int(ids.max(initial=0)) + 1)[ids]
    return pa.table(
        {
            "id": ids,
            "x": pa.array(values, mask=ids % 17 == 3),
            "who": pa.array([f"person {at % 47}" if at % 23 else None for at in ids.tolist()], pa.string()),
            "when": pa.array(ids // 3 * 86_400_000_000, STAMP),
            "y": pa.array(np.where(ids % 10 < 3, "yes", "no")),
        }
    )


@pytest.fixture
def options_for(make_options):
    def build(split, **changes) -> PrepareOptions:
        return make_options(columns=COLUMNS, ignore=["key", "clock"], split=split, **changes)

    return build


def reference_hash(row: dict, seed: int) -> int:
    """The documented formula in plain Python."""

    def splitmix(value: int) -> int:
        value = (value + 0x9E3779B97F4A7C15) % 2**64
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB % 2**64
        return value ^ (value >> 31)

    def text(value: str) -> int:
        return int.from_bytes(hashlib.blake2b(value.encode(), digest_size=8).digest(), "little")

    def bits(value) -> int:
        if value is None:
            return text("\0missing")
        if isinstance(value, str):
            return text(value)
        if isinstance(value, float):
            return int(np.array([value + 0.0]).view(np.uint64)[0])
        return int(value) % 2**64

    total = sum(splitmix(bits(value) ^ text(name)) for name, value in row.items()) % 2**64
    return splitmix((total + splitmix(seed)) % 2**64)


def test_splitmix64_gives_its_published_numbers():
    state = np.array([0, 0x9E3779B97F4A7C15], np.uint64)
    mix(state)
    assert [hex(value) for value in state.tolist()] == ["0xe220a8397b1dcdaf", "0x6e789e6aa1b965f4"]


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "integer": st.none() | st.integers(-(2**63), 2**63 - 1),
                "number": st.none() | st.floats(allow_nan=False, allow_infinity=False),
                "boolean": st.none() | st.booleans(),
                "text": st.none() | st.text(st.characters(codec="utf-8")),
            }
        ),
        min_size=1,
        max_size=20,
    ),
    st.integers(-5, 2**40),
)
def test_the_hash_is_the_documented_one(rows, seed):
    kinds = {"integer": pa.int64(), "number": pa.float64(), "boolean": pa.bool_(), "text": pa.string()}
    table = pa.Table.from_pylist(rows, pa.schema(kinds))
    table = pa.concat_tables([table.slice(0, 3), table.slice(3)])
    assert add_seed(hash_rows(table, kinds), seed).tolist() == [reference_hash(row, seed % 2**64) for row in rows]


def test_a_fixed_row_has_a_fixed_hash():
    """A change here moves held-out rows of every user into their training sets."""
    table = pa.table(
        {"a": [1], "b": [0.5], "c": ["ü"], "d": [True], "e": pa.array([0], STAMP), "f": pa.nulls(1, pa.string())}
    )
    assert add_seed(hash_rows(table, table.column_names), 0).tolist() == [10221964337272596778]


def test_minus_zero_is_zero():
    assert len(set(hash_rows(pa.table({"x": [0.0, -0.0]}), ["x"]).tolist())) == 1


def test_the_order_of_the_columns_does_not_matter():
    table = table_of(range(50))
    names = table.column_names
    assert (hash_rows(table, names) == hash_rows(table, names[::-1])).all()


def test_the_same_value_in_another_column_is_another_row():
    table = pa.table({"a": [1, 2], "b": [2, 1]})
    assert len(set(hash_rows(table, ["a", "b"]).tolist())) == 2


SPLITS = {
    "hash": {"by": "hash"},
    "hash with key": {"by": "hash", "key": ["id"]},
    "group": {"by": "group", "column": "id"},
}


@pytest.mark.parametrize("name", SPLITS)
@settings(max_examples=25)
@given(rows=st.lists(st.integers(0, 200), min_size=1, max_size=60), more=st.lists(st.integers(0, 400), max_size=60))
def test_rows_that_come_later_move_none(make_options, name, rows, more):
    options = make_options(columns=COLUMNS, split=SPLITS[name])
    whole = table_of([*rows, *more, 400])
    before = assign_parts(options, whole.slice(0, len(rows)))
    assert assign_parts(options, whole)[: len(rows)].tolist() == before.tolist()


ALL = SPLITS | {
    "stratified": {"by": "stratified"},
    "stratified with key": {"by": "stratified", "key": ["id", "x"]},
    "time": {"by": "time", "column": "when"},
    "time by number": {"by": "time", "column": "id"},
}


@pytest.mark.parametrize("name", ALL)
@settings(max_examples=25)
@given(data=st.data(), rows=st.lists(st.integers(0, 60), min_size=1, max_size=120))
def test_the_order_of_the_rows_does_not_matter_and_equal_rows_stay_together(make_options, name, data, rows):
    options = make_options(columns=COLUMNS, split=ALL[name])
    order = data.draw(st.permutations(range(len(rows))))
    table = table_of([*rows, 60]).slice(0, len(rows))
    parts = assign_parts(options, table)
    assert assign_parts(options, table.take(pa.array(order)))[np.argsort(order)].tolist() == parts.tolist()
    assert len(set(zip(rows, parts.tolist(), strict=True))) == len(set(rows))


@pytest.mark.parametrize("name", ALL)
def test_fractions_are_about_those_asked_for(options_for, name):
    options = options_for(ALL[name] | {"test": 0.25, "validation": 0.15})
    tables = split_rows(options, table_of(range(20_000)))
    shares = [tables[part].num_rows / 20_000 for part in PARTS]
    assert shares == pytest.approx([0.6, 0.15, 0.25], abs=0.01)
    assert sum(table.num_rows for table in tables.values()) == 20_000
    assert all(table.column_names == list(COLUMNS) for table in tables.values())
    assert all(table["id"].to_pylist() == sorted(table["id"].to_pylist()) for table in tables.values())
    assert len(set().union(*(table["id"].to_pylist() for table in tables.values()))) == 20_000


def test_stratified_fractions_are_exact_in_each_class(options_for):
    tables = split_rows(options_for({"by": "stratified", "test": 0.2, "validation": 0.1}), table_of(range(1000)))
    counts = {part: np.unique_counts(np.array(table["y"])).counts.tolist() for part, table in tables.items()}
    assert counts == {"train": [490, 210], "validation": [70, 30], "test": [140, 60]}


def test_another_seed_is_another_split(options_for):
    table = table_of(range(1000))
    for split in ({"by": "hash"}, {"by": "stratified"}, {"by": "group", "column": "id"}):
        one, two = (assign_parts(options_for(split | {"seed": seed}), table) for seed in (0, 1))
        assert 0.3 < (one != two).mean() < 0.6


def test_a_split_does_not_depend_on_what_is_not_its_key(options_for):
    options = options_for({"by": "hash", "key": ["id"]})
    assert (assign_parts(options, table_of(range(500))) == assign_parts(options, table_of(range(500), seed=1))).all()


def test_a_group_stays_together(options_for):
    table = table_of([at for at in range(2000) if at % 23])
    tables = split_rows(options_for({"by": "group", "column": "who"}), table)
    who = [set(part["who"].to_pylist()) for part in tables.values()]
    assert sum(map(len, who)) == len(set().union(*who)) == 47


def test_the_last_rows_are_the_test_rows_and_an_instant_stays_together(options_for):
    tables = split_rows(
        options_for({"by": "time", "column": "when", "test": 0.2, "validation": 0.1}), table_of(range(1000))
    )
    ends = [(np.array(tables[part]["when"]).min(), np.array(tables[part]["when"]).max()) for part in PARTS]
    assert ends[0][1] < ends[1][0] <= ends[1][1] < ends[2][0]
    assert [tables[part].num_rows for part in PARTS] == [699, 99, 202]


TIMES = {
    "integers": ["10", "9", "2", "1", "3", "4", "5", "6", "7", "8"],
    "numbers": ["10.5", "9", "2", "1", "3", "4", "5", "6", "7", "8"],
    "dates": ["2026-01-10", "2026-01-09"] + [f"2026-01-0{at}" for at in range(1, 9)],
}


@pytest.mark.parametrize("name", TIMES)
def test_an_ignored_column_can_give_the_time(options_for, name):
    options = options_for({"by": "time", "column": "clock"})
    assert ignored_keys(options) == ("clock",)
    table = table_of(range(10)).append_column("clock", pa.array(TIMES[name]))
    assert np.flatnonzero(assign_parts(options, table) == 2).tolist() == [0, 1]


def test_an_ignored_key_splits_but_is_not_kept(options_for):
    options = options_for({"by": "hash", "key": ["key", "id"]})
    assert ignored_keys(options) == ("key",)
    table = table_of(range(1000)).append_column("key", pa.array([f"k{at}" for at in range(1000)]))
    assert "key" not in split_rows(options, table)["train"].column_names


REFUSED = {
    "a time that is no time": ({"by": "time", "column": "clock"}, {"clock": ["soon"] * 30}, "neither numbers", "clock"),
    "a time like nan": ({"by": "time", "column": "clock"}, {"clock": ["nan"] * 30}, "neither numbers", "clock"),
    "no time": ({"by": "time", "column": "clock"}, {"clock": ["1"] * 7 + [None] * 23}, "row without a time", "row 8"),
    "no group": ({"by": "group", "column": "key"}, {"key": ["1"] * 7 + [None] * 23}, "row without a group", "row 8"),
    "one group": ({"by": "group", "column": "key"}, {"key": ["same"] * 30}, "no row is left for", "group"),
    "one instant": ({"by": "time", "column": "clock"}, {"clock": ["1"] * 30}, "no row is left for train", "time"),
    "too few rows": ({"by": "stratified", "test": 0.01}, {}, "no row is left for test", "stratified"),
    "a class absent from test": (
        {"by": "time", "column": "id"}, {"y": ["yes"] * 10 + ["no"] * 20}, "class 'yes' is in test", "column 'y'"
    ),
    "a class absent from train": (
        {"by": "time", "column": "id"}, {"y": ["no"] * 29 + ["yes"]}, "class 'yes' is in train", "column 'y'"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_split_that_can_not_be(options_for, name):
    split, columns, what, where = REFUSED[name]
    table = table_of(range(30))
    for column, values in columns.items():
        array = pa.array(values, pa.string())
        table = (
            table.set_column(table.column_names.index(column), column, array)
            if column in table.column_names
            else table.append_column(column, array)
        )
    with pytest.raises(InputError, match=what) as error:
        split_rows(options_for(split), table)
    assert where in error.value.where
    assert error.value.remedy


def test_no_validation_rows_are_fine_where_none_are_asked_for(options_for):
    for split in ({"by": "hash"}, {"by": "stratified"}, {"by": "time", "column": "id"}):
        assert split_rows(options_for(split | {"validation": 0}), table_of(range(300)))["validation"].num_rows == 0


def test_a_sample_is_fixed_about_right_and_fair_to_every_part(options_for):
    table = table_of(range(20_000))
    sample = sample_rows(table, 4000)
    assert sample.num_rows == pytest.approx(4000, rel=0.05)
    assert sample == sample_rows(table, 4000)
    assert sample["id"].to_pylist() == sorted(sample["id"].to_pylist())
    parts = assign_parts(options_for({"by": "hash"}), sample)
    assert (parts == 2).mean() == pytest.approx(0.2, abs=0.02)
    assert sample_rows(table, 20_000) is table
