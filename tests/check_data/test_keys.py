"""Unique keys and duplicate rows: exact counts, across files and pieces, in memory and on disk."""

from __future__ import annotations

import tempfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from modelway.data.suite import key_rows, keys
from modelway.errors import InputError
from modelway.records.verdict import Verdict


def unique(*columns: str, **more) -> dict:
    return {"check": "unique", "columns": columns, **more}


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl"])
@pytest.mark.parametrize(
    ("values", "rows"),
    [
        ([1, 2, 3, 2, 5, 1], [1, 2, 4, 6]),
        ([1.5, 2.5, 1.5, 0.5], [1, 3]),
        (["a", "b", "c", "b"], [2, 4]),
        ([True, False, True], [1, 3]),
        ([datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2, 1)], [1, 3]),
        ([0, 0], [1, 2]),
        ([1, None, None, 2, 1], [1, 5]),
    ],
    ids=str,
)
def test_each_row_whose_key_another_row_has_breaks_uniqueness(bench, ending, values, rows) -> None:
    found = bench.one({"k": values, "x": list(range(len(values)))}, unique("k"), ending=ending)
    present = [value for value in values if value is not None]
    assert (found.verdict, found.rows, found.failing) == (Verdict.FAIL, len(present), len(rows))
    assert [row.row for row in found.examples] == rows
    clean = {"k": list(dict.fromkeys(present))}
    assert bench.one(clean, unique("k"), ending=ending).verdict is Verdict.PASS


def test_a_key_of_several_columns_needs_all_its_parts(bench) -> None:
    data = {"a": [1, 1, 1, 1, None, None], "b": ["x", "y", "x", None, "x", "x"]}
    found = bench.one(data, unique("a", "b"))
    assert (found.rows, found.failing, [row.row for row in found.examples]) == (3, 2, [1, 3])
    assert found.examples[0].values == {"a": "1", "b": "x"}


def test_mostly_lets_some_keys_repeat(bench) -> None:
    data = {"k": [1, 2, 3, 4, 5, 6, 7, 8, 9, 9]}
    assert bench.one(data, unique("k", mostly=0.8)).verdict is Verdict.PASS
    assert bench.one(data, unique("k", mostly=0.81)).verdict is Verdict.FAIL


def test_no_key_at_all_leaves_the_question_open(bench) -> None:
    assert bench.one({"k": [None, None], "b": [1, 2]}, unique("k")).verdict is Verdict.ERROR
    columns = {"k": {"type": "integer", "nullable": True}, "b": {"type": "integer"}}
    assert bench.one({"k": [None, None], "b": [1, 2]}, unique("k"), columns=columns).verdict is Verdict.INCONCLUSIVE


def test_keys_repeat_across_files(bench) -> None:
    files = [bench.write({"k": [1, 2, 3]}, name="a"), bench.write({"k": [4, 2, 1]}, "csv", name="b")]
    found = bench.one(files, unique("k"))
    assert [(row.file, row.row) for row in found.examples] == [
        ("a.parquet", 1),
        ("a.parquet", 2),
        ("b.csv", 2),
        ("b.csv", 3),
    ]


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl"])
def test_a_duplicate_row_is_equal_to_an_earlier_one_and_missing_equals_missing(bench, ending) -> None:
    data = {"a": [1, 1, None, 2, None, 1], "b": ["x", "x", "y", "x", "y", "x"]}
    found = bench.one(data, {"check": "duplicates"}, ending=ending)
    assert (found.verdict, found.rows, found.failing) == (Verdict.FAIL, 6, 3)
    assert [row.row for row in found.examples] == [2, 5, 6]
    assert bench.one(data, {"check": "duplicates", "max": 0.5}, ending=ending).verdict is Verdict.PASS
    assert bench.one(data, {"check": "duplicates", "columns": ["b"]}, ending=ending).failing == 4


def test_a_zero_with_a_sign_is_the_same_key_and_so_is_no_number(bench) -> None:
    nan = float("nan")
    found = bench.one({"k": [0.0, -0.0, nan, nan, 1.0]}, unique("k"))
    assert found.failing == 4


@pytest.fixture
def on_disk(monkeypatch) -> None:
    monkeypatch.setattr(keys, "_IN_MEMORY", 50)


@pytest.mark.parametrize("values", ["numbers", "texts", "pairs"])
def test_what_goes_to_disk_gives_the_same(bench, on_disk, small_pieces, values) -> None:
    small_pieces(97)
    random = np.random.default_rng(1)
    drawn = random.integers(0, 3000, 2000)
    data = {"k": drawn if values == "numbers" else [f"key {value}" for value in drawn]}
    columns = ["k"]
    if values == "pairs":
        data["j"] = random.integers(0, 2, 2000)
        columns.append("j")
    rows = list(zip(*(list(data[name]) for name in columns), strict=True))
    counts = Counter(rows)
    found = bench.one(data, unique(*columns), samples=1000)
    expected = [at for at, row in enumerate(rows, start=1) if counts[row] > 1]
    assert found.failing == len(expected)
    assert [row.row for row in found.examples] == expected[:1000]
    duplicates = bench.one(data, {"check": "duplicates", "columns": columns})
    assert duplicates.failing == len(rows) - len(counts)
    if len(columns) == 1:
        exactly = {"check": "distinct_count", "column": "k", "min": len(counts), "max": len(counts)}
        assert bench.one(data, exactly).verdict is Verdict.PASS


@pytest.mark.parametrize("at_once", [1, 3, 1 << 20])
def test_keys_that_only_have_the_same_hash_are_different(bench, monkeypatch, at_once) -> None:
    # A hash of eight values: all codes repeat, and the keys themselves have to be compared.
    def weak(frame: pl.DataFrame) -> pl.Series:
        return frame[:, 0].str.len_chars().cast(pl.UInt64) % 8 * 2**61

    monkeypatch.setattr(pl.DataFrame, "hash_rows", weak)
    monkeypatch.setattr(key_rows, "_AT_ONCE", at_once)
    words = [f"{'x' * (at % 40)}{at}" for at in range(300)]
    assert bench.one({"k": words}, unique("k")).verdict is Verdict.PASS
    assert bench.one({"k": [*words, words[7]]}, unique("k")).failing == 2
    assert bench.one({"k": [*words, words[7], words[7]]}, {"check": "duplicates"}).failing == 2


@pytest.fixture
def temporary(tmp_path, monkeypatch) -> Path:
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    return place


def test_nothing_is_left_behind(bench, temporary, on_disk, small_pieces) -> None:
    small_pieces(50)
    bench.one({"k": np.arange(1000) % 400}, unique("k"))
    assert list(temporary.iterdir()) == []


def test_nothing_is_left_behind_by_a_file_that_breaks_off(bench, temporary, on_disk) -> None:
    path = bench.write({"k": list(range(1000))}, "jsonl")
    path.write_text(path.read_text() + '{"k": ')
    with pytest.raises(InputError, match="torn"):
        bench.one(path, unique("k"))
    assert list(temporary.iterdir()) == []


def test_keys_of_lists_can_not_be_compared(bench) -> None:
    found = bench.one({"a": [1], "l": [[1, 2]]}, {"check": "unique", "columns": ["l"]})
    assert found.verdict is Verdict.ERROR
    assert "list" in found.reason
