"""Each kind of check that looks at rows: it passes good data, and counts and shows the planted rows."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from modelway.errors import SettingsError
from modelway.records.verdict import Verdict

FORMATS = ("parquet", "csv", "jsonl")
DAY = [datetime(2026, 11, day, tzinfo=UTC) for day in (1, 2, 3, 4)]
# check, a column that holds it, one that breaks it, the rows (from 1) that do
CASES = [
    ({"check": "range", "min": 1, "max": 3}, [1, 2, None, 3], [0, 2, None, 4], [1, 4]),
    ({"check": "range", "min": 1, "max": 3, "strict_min": True}, [2, 3, 3, 3], [1, 2, 3, 3], [1]),
    ({"check": "range", "min": 1, "max": 3, "strict_max": True}, [1, 2, 2, 2], [1, 2, 3, 3], [3, 4]),
    ({"check": "range", "max": 2.5}, [1.0, 2.5, None, -9.0], [1.0, 2.6, None, 2.0], [2]),
    ({"check": "range", "min": "2026-11-02"}, DAY[1:] + DAY[3:], DAY, [1]),
    ({"check": "range", "max": "2026-11-03T00:00:00+01:00"}, DAY[:2] * 2, DAY, [3, 4]),
    ({"check": "allowed", "values": ["a", "b"]}, ["a", "b", None, "a"], ["a", "c", None, "A"], [2, 4]),
    ({"check": "allowed", "values": [1, 2.0]}, [1, 2, 2, None], [1, 3, 2, None], [2]),
    ({"check": "allowed", "values": [True]}, [True, True, None, True], [True, False, None, True], [2]),
    ({"check": "allowed", "values": ["2026-11-01"]}, DAY[:1] * 4, DAY, [2, 3, 4]),
    ({"check": "forbidden", "values": ["x"]}, ["a", "b", None, "X"], ["x", "b", None, "x"], [1, 4]),
    ({"check": "regex", "pattern": "^[A-Z]{2}$"}, ["AB", "CD", None, "EF"], ["AB", "CDE", None, "e"], [2, 4]),
    ({"check": "regex", "pattern": "b"}, ["abc", "b", None, "xb"], ["abc", "c", None, "d"], [2, 4]),
    ({"check": "regex", "pattern": "b", "negate": True}, ["a", "c", None, "d"], ["a", "abc", None, "d"], [2]),
    ({"check": "length", "min": 2, "max": 3}, ["ab", "abc", None, "üöä"], ["a", "abc", None, "abcd"], [1, 4]),
    ({"check": "length", "min": 2}, ["ab", "abcdefgh", None, "xx"], ["a", "abc", None, "abcd"], [1]),
    ({"check": "date_format", "format": "%d.%m.%Y"}, ["01.02.2026", None, "28.02.2026", "01.01.1999"],
     ["31.02.2026", None, "2026-02-01", "01.01.1999"], [1, 3]),
    ({"check": "increasing"}, [1, None, 1, 2], [2, None, 1, 2], [3]),
    ({"check": "increasing", "strict": True}, [1, None, 2, 3], [1, None, 1, 3], [3]),
    ({"check": "decreasing"}, [3, 3, None, 1], [3, 4, None, 5], [2, 4]),
    ({"check": "missing"}, [1, 2, 3, 4], [1, None, 3, None], [2, 4]),
    ({"check": "missing", "max": 0.3}, [1, None, 3, 4], [1, None, 3, None], [2, 4]),
    ({"check": "missing", "min": 0.5, "max": 1}, [1, None, None, 4], [1, 2, 3, None], [1, 2, 3]),
]  # fmt: skip


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize(("check", "good", "bad", "rows"), CASES, ids=lambda value: str(value)[:40])
def test_a_check_counts_and_shows_the_rows_that_break_it(bench, ending, check, good, bad, rows) -> None:
    check = {**check, "column": "x"}
    beside = ["p", "q", "r", "s"]
    passed = bench.one({"x": good, "y": beside}, check, ending=ending)
    assert (passed.verdict, passed.examples if check["check"] != "missing" else ()) == (Verdict.PASS, ())
    failed = bench.one({"x": bad, "y": beside}, check, ending=ending)
    assert (failed.verdict, failed.failing) == (Verdict.FAIL, len(rows))
    assert [(row.file, row.row) for row in failed.examples] == [(f"data.{ending}", row) for row in rows]


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize(
    ("operator", "rows"), [("<", [2, 3]), ("<=", [3]), ("==", [1, 3]), ("!=", [2]), (">=", [1]), (">", [1, 2])]
)
def test_two_columns_are_compared_row_by_row(bench, ending, operator, rows) -> None:
    data = {"a": [1, 2, 3, None, 5], "b": [2, 2, 2, 2, None]}
    check = {"check": "compare", "column": "a", "operator": operator, "other": "b"}
    found = bench.one(data, check, ending=ending)
    assert (found.rows, found.failing) == (3, len(rows))
    assert [row.row for row in found.examples] == rows
    assert found.examples[0].values == {"a": str(data["a"][rows[0] - 1]), "b": "2"}


def test_dates_and_texts_are_compared_too(bench) -> None:
    data = {"from": DAY, "to": [*DAY[:3], DAY[0]], "s": ["a", "b", "c", "d"], "t": ["a", "c", "b", "d"]}
    assert bench.one(data, {"check": "compare", "column": "to", "operator": ">=", "other": "from"}).failing == 1
    assert bench.one(data, {"check": "compare", "column": "s", "operator": "<=", "other": "t"}).failing == 1


@pytest.mark.parametrize(
    ("when", "rows", "failing"),
    [
        ({"column": "job", "is": "none"}, 2, 1),
        ({"column": "job", "is": ["none", "any"]}, 3, 2),
        ({"column": "age", "min": 30}, 2, 1),
        ({"column": "age", "min": 20, "max": 25}, 2, 0),
        ({"column": "age", "missing": True}, 1, 1),
        ({"column": "age", "missing": False}, 4, 1),
        ({"column": "job", "missing": True, "is": "none"}, 0, 0),
    ],
)
def test_a_condition_chooses_the_rows(bench, when, rows, failing) -> None:
    data = {"job": ["none", "none", "any", None, "x"], "age": [20, 30, None, 25, 40], "pay": [0, 5, 7, 0, 0]}
    data["pay"][1] = 5
    found = bench.one(data, {"check": "range", "column": "pay", "max": 4, "when": when})
    assert (found.rows, found.failing) == (rows, failing)


def test_a_condition_applies_to_missing_values_as_well(bench) -> None:
    data = {"job": ["none", "none", "any", None], "pay": [None, 1, None, None]}
    when = {"column": "job", "is": "none"}
    found = bench.one(data, {"check": "missing", "column": "pay", "when": when})
    assert (found.verdict, found.rows, found.failing) == (Verdict.FAIL, 2, 1)


def test_a_condition_that_chooses_no_row_leaves_the_question_open(bench) -> None:
    when = {"column": "a", "is": 99}
    for check in ({"check": "range", "min": 0}, {"check": "missing"}):
        assert bench.one({"a": [1]}, {**check, "column": "a", "when": when}).verdict is Verdict.INCONCLUSIVE


def test_values_that_are_all_missing_leave_the_question_open(bench) -> None:
    data = {"a": [None, None], "b": [1, 2]}
    columns = {"a": {"type": "integer", "nullable": True, "min": 3}, "b": {"type": "integer"}}
    found = bench.columns(data, columns=columns)
    assert found["range.a"].verdict is Verdict.INCONCLUSIVE
    assert found["schema.a"].verdict is Verdict.PASS


@pytest.mark.parametrize(("mostly", "verdict"), [(0.8, Verdict.PASS), (0.81, Verdict.FAIL), (1.0, Verdict.FAIL)])
def test_mostly_is_the_share_of_the_rows_with_a_value_that_must_hold(bench, mostly, verdict) -> None:
    data = {"a": [1, 2, 3, 4, 99, None, None]}
    found = bench.one(data, {"check": "range", "column": "a", "max": 4, "mostly": mostly})
    assert (found.verdict, found.rows, found.failing, found.observed["share"]) == (verdict, 5, 1, 0.8)


@pytest.mark.parametrize("bounds", [{"min": 0}, {"max": 10}, {"min": 0, "max": 10}])
def test_a_number_that_is_none_is_in_no_range(bench, bounds) -> None:
    found = bench.one({"a": [1.0, float("nan"), 3.0]}, {"check": "range", "column": "a", **bounds})
    assert found.failing == 1


def test_a_share_of_values_is_judged(bench) -> None:
    data = {"a": ["x", "y", "x", None, "z"]}
    check = {"check": "category_share", "column": "a", "values": ["x", "y"]}
    assert bench.one(data, {**check, "min": 0.75, "max": 0.75}).verdict is Verdict.PASS
    found = bench.one(data, {**check, "max": 0.7})
    assert (found.verdict, found.observed) == (Verdict.FAIL, {"rows": 3, "share": 0.75})


def test_required_values_have_to_occur(bench) -> None:
    data = {"a": ["x", "y", None]}
    assert bench.one(data, {"check": "required", "column": "a", "values": ["y", "x"]}).verdict is Verdict.PASS
    found = bench.one(data, {"check": "required", "column": "a", "values": ["x", "w", "z"]})
    assert found.verdict is Verdict.FAIL
    assert "w, z never occur" in found.reason


@pytest.mark.parametrize(
    ("check", "said"),
    [
        ({"check": "range", "column": "s", "min": 1}, "range is for"),
        ({"check": "range", "column": "n", "min": "2026-01-01"}, "is no number"),
        ({"check": "range", "column": "d", "min": 5}, "is no ISO 8601 date"),
        ({"check": "regex", "column": "n", "pattern": "a"}, "regex is for"),
        ({"check": "length", "column": "n", "min": 1}, "length is for"),
        ({"check": "allowed", "column": "n", "values": ["a"]}, "it can't hold 'a'"),
        ({"check": "allowed", "column": "n", "values": [True]}, "it can't hold True"),
        ({"check": "forbidden", "column": "s", "values": [3]}, "it can't hold 3"),
        ({"check": "compare", "column": "s", "operator": "<", "other": "n"}, "can't be compared"),
        ({"check": "mean", "column": "s", "min": 1}, "mean is for"),
        ({"check": "freshness", "column": "n", "max_age": "1d"}, "freshness is for"),
        ({"check": "range", "column": "n", "min": 1, "when": {"column": "s", "min": 3}}, "min and max of when"),
    ],
)
def test_a_check_that_does_not_fit_is_refused_where_the_columns_are_declared(bench, check, said) -> None:
    data = {"n": [1], "s": ["a"], "d": DAY[:1]}
    columns = {"n": {"type": "integer"}, "s": {"type": "text"}, "d": {"type": "date"}}
    with pytest.raises(SettingsError, match=said):
        bench.run(data, check, columns=columns)
    found = bench.one(data, check)
    assert found.verdict is Verdict.ERROR
    assert said in found.reason


def test_a_warning_fails_nothing(bench) -> None:
    check = {"check": "range", "column": "a", "max": 1, "severity": "warn"}
    result = bench.run({"a": [2]}, check).result
    assert (result.checks[0].verdict, result.verdict) == (Verdict.FAIL, Verdict.PASS)
