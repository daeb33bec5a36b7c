"""Which columns are read and profiled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modelway.records.verdict import Verdict

if TYPE_CHECKING:
    from conftest import Bench


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl"])
def test_only_what_is_checked_is_read_where_asked(bench: Bench, ending: str) -> None:
    data = {"a": [1, 2, 2, 40], "b": ["x", "y", None, "z"], "c": [0.5, None, 1.5, 2.5]}
    checks = [
        {"check": "columns", "names": ["a", "b", "c"], "order": True},
        {"check": "row_count", "min": 4, "max": 4},
        {"check": "unique", "columns": ["a"]},
        {"check": "range", "column": "a", "max": 30},
        {"check": "missing", "column": "c", "max": 0.3},
    ]
    whole, narrow = (bench.run(data, *checks, ending=ending, profile=profile) for profile in ("all", "checked"))
    assert [(check.name, check.verdict, check.failing) for check in narrow.result.checks] == [
        (check.name, check.verdict, check.failing) for check in whole.result.checks
    ]
    assert [column.name for column in narrow.result.profile.columns] == ["a", "c"]
    assert narrow.result.profile.columns[0] == whole.result.profile.columns[0]
    kept = {"b"} if ending == "jsonl" else set()  # a line is read as a whole
    assert set(bench.failed_rows(narrow).columns) == {"a", "c", "_check", "_file", "_row"} | kept


def test_duplicates_of_whole_rows_need_all_columns(bench: Bench) -> None:
    found = bench.run({"a": [1, 1], "b": [1, 2]}, {"check": "duplicates"}, profile="checked").result
    assert found.verdict is Verdict.PASS
    assert len(found.profile.columns) == 2


def test_rows_are_counted_where_no_column_is_checked(bench: Bench) -> None:
    found = bench.run({"a": [1, 2], "b": [1, 2]}, {"check": "row_count", "min": 3}, profile="checked").result
    assert (found.verdict, found.profile.rows, len(found.profile.columns)) == (Verdict.FAIL, 2, 1)
