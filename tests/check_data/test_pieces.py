"""What is found does not depend on the pieces that the data are read in."""

from __future__ import annotations

import statistics
import threading
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from modelway.data.suite.key_rows import Key, KeyCounter
from modelway.data.suite.kinds import Kind
from modelway.errors import InputError
from modelway.records.data import Column, ColumnType
from modelway.records.verdict import Verdict

ENDINGS = ["parquet", "csv", "jsonl"]
RANDOM = np.random.default_rng(3)
VALUES = [None if at % 7 == 3 else float(value) for at, value in enumerate(RANDOM.integers(-50, 50, 500) / 4)]
PRESENT = [value for value in VALUES if value is not None]


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("piece", [1, 2, 7, 499, 500, 501])
def test_statistics_are_those_of_all_rows(bench, small_pieces, ending, piece) -> None:
    small_pieces(piece, 1 << 12)
    wanted = {
        "mean": statistics.fmean(PRESENT),
        "std": statistics.stdev(PRESENT),
        "sum": sum(PRESENT),
        "median": statistics.median(PRESENT),
        "minimum": min(PRESENT),
        "maximum": max(PRESENT),
        "distinct_count": len(set(PRESENT)),
    }
    near = {kind: {"min": value - 1e-9, "max": value + 1e-9} for kind, value in wanted.items()}
    checks = [{"check": kind, "column": "a", **ends} for kind, ends in near.items()]
    result = bench.run({"a": VALUES, "n": list(range(500))}, *checks, ending=ending).result
    assert {one.name: one.verdict for one in result.checks} == {f"{kind}.a": Verdict.PASS for kind in wanted}
    assert result.profile.rows == 500


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_row_is_counted_from_its_files_first(bench, small_pieces, ending) -> None:
    small_pieces(10, 300)
    files = [bench.write({"a": list(range(100))}, ending, name) for name in ("one", "two")]
    checked = bench.run(files, {"check": "forbidden", "column": "a", "values": [0, 9, 10, 11, 99]}, samples=7)
    (found,) = checked.result.checks
    assert found.failing == 10
    rows = [1, 10, 11, 12, 100]
    first = [(f"one.{ending}", row) for row in rows] + [(f"two.{ending}", row) for row in rows[:2]]
    assert [(row.file, row.row) for row in found.examples] == first
    kept = bench.failed_rows(checked)
    assert list(zip(kept["_file"], kept["_row"], strict=True)) == [
        (f"{name}.{ending}", row) for name in ("one", "two") for row in rows
    ]


def test_each_check_keeps_its_part_of_the_rows(bench, small_pieces) -> None:
    small_pieces(5)
    checks = [{"check": "range", "column": "a", "max": -1, "name": name} for name in ("p", "q", "r")]
    checked = bench.run({"a": list(range(100))}, *checks, failed_rows=13, samples=20)
    # The column's own check, of its type, has a part as well: a fourth of 13 each.
    assert dict(bench.failed_rows(checked).group_by("_check").len().iter_rows()) == {"p": 3, "q": 3, "r": 3}
    assert [len(one.examples) for one in checked.result.checks] == [20, 20, 20]


def test_different_values_are_counted_on_when_they_become_too_many_to_be_listed(bench, small_pieces) -> None:
    small_pieces(900)
    values = [f"early {at}" for at in range(900)] + [f"late {at}" for at in range(900)]
    result = bench.run({"a": values, "n": [*range(900)] * 2}).result
    first, second = result.profile.columns
    assert (first.distinct, first.distinct_exact) == (1800, True)
    assert (second.distinct, len(second.top), second.top[0]) == (900, 50, ("0", 2))


def test_an_error_in_a_later_piece_of_json_names_its_line(bench, small_pieces) -> None:
    small_pieces(10, 100)
    path = bench.write({"a": list(range(200))}, "jsonl")
    lines = path.read_text().splitlines()
    lines[150] = "{"
    path.write_text("\n\n".join(lines))
    with pytest.raises(InputError) as error:
        bench.run(path, columns={"a": {"type": "integer"}})
    assert error.value.where == "data.jsonl, line 301"


def test_a_value_that_can_not_be_read_is_not_missing(bench) -> None:
    path = bench.folder / "data.csv"
    path.write_text("a,b\n1,x\nx,x\n,x\n")
    columns = {"a": {"type": "integer", "nullable": True}, "b": {"type": "text"}}
    found = bench.one(path, {"check": "missing", "column": "a"}, columns=columns)
    assert (found.rows, found.failing) == (3, 1)
    only_there = {"check": "missing", "column": "b", "when": {"column": "a", "missing": True}}
    assert bench.one(path, only_there, columns=columns).rows == 1


def test_no_thread_outlives_a_look_that_ends_early(bench, small_pieces) -> None:
    small_pieces(1)
    assert bench.one({"k": [1] * 200}, {"check": "unique", "columns": ["k"]}, samples=1, failed_rows=1).failing == 200
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("modelway")]


def test_keys_are_spread_over_the_files_on_disk(bench, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("modelway.data.suite.keys._IN_MEMORY", 0)
    kinds = {"k": Kind(Column(type=ColumnType.INTEGER), declared=True, stored="int64")}
    counter = KeyCounter(Key(("k",)), kinds, tmp_path)

    counter.add(SimpleNamespace(frame=pl.DataFrame({"k": range(64_000)})))
    sizes = [path.stat().st_size // 8 for path in tmp_path.glob("part-*")]
    assert len(sizes) == 64
    assert max(sizes) < 2 * 1000
