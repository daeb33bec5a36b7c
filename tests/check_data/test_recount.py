"""Counts equal a naive recount in Python, on random tables, whatever the ending and the pieces they are read in."""

from __future__ import annotations

import math
import re
import tempfile
from collections import Counter
from pathlib import Path
from unittest import mock

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from modelway.records.verdict import Verdict
from tests.check_data.conftest import Bench

TEXTS = ["a", "b", "ab", "ABC", "Ümläut", "x1", "7", "with, comma", "two words"]
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "i": st.none() | st.integers(-5, 5),
            "n": st.none() | st.integers(-40, 40).map(lambda value: value / 8),
            "t": st.none() | st.sampled_from(TEXTS),
            "b": st.none() | st.booleans(),
        }
    ),
    min_size=1,
    max_size=60,
)
COLUMNS = {
    "i": {"type": "integer", "nullable": True},
    "n": {"type": "number", "nullable": True},
    "t": {"type": "text", "nullable": True},
    "b": {"type": "boolean", "nullable": True},
    "row": {"type": "integer"},
}
CHECKS = [
    {"check": "range", "column": "i", "min": -2, "max": 3},
    {"check": "range", "column": "n", "min": -1.5, "strict_min": True},
    {"check": "allowed", "column": "t", "values": TEXTS[:4]},
    {"check": "forbidden", "column": "b", "values": [True]},
    {"check": "regex", "column": "t", "pattern": "^[a-z]"},
    {"check": "length", "column": "t", "min": 2, "max": 4},
    {"check": "compare", "column": "i", "operator": "<=", "other": "n"},
    {"check": "increasing", "column": "i"},
    {"check": "missing", "column": "n"},
    {"check": "range", "column": "i", "max": 0, "when": {"column": "b", "is": True}, "name": "when"},
    {"check": "missing", "column": "i", "when": {"column": "n", "min": 0}, "name": "when missing"},
]


def _order(rows: list[dict]) -> list[bool | None]:
    broken, last = [], None
    for row in rows:
        value = row["i"]
        broken.append(None if value is None else last is not None and value < last)
        last = last if value is None else value
    return broken


def _naive(rows: list[dict]) -> list[list[bool | None]]:
    def each(column, broken):
        return [None if row[column] is None else broken(row[column]) for row in rows]

    return [
        each("i", lambda value: not -2 <= value <= 3),
        each("n", lambda value: not value > -1.5),
        each("t", lambda value: value not in TEXTS[:4]),
        each("b", lambda value: value),
        each("t", lambda value: re.search("^[a-z]", value) is None),
        each("t", lambda value: not 2 <= len(value) <= 4),
        [None if row["i"] is None or row["n"] is None else not row["i"] <= row["n"] for row in rows],
        _order(rows),
        [row["n"] is None for row in rows],
        [row["i"] > 0 if row["b"] and row["i"] is not None else None for row in rows],
        [row["i"] is None if row["n"] is not None and row["n"] >= 0 else None for row in rows],
    ]


@pytest.mark.slow
@given(rows=ROWS, ending=st.sampled_from(["parquet", "csv", "jsonl"]), piece=st.integers(1, 70))
@settings(max_examples=150)
def test_rows_are_counted_as_one_by_one(rows, ending, piece) -> None:
    data = {name: [row[name] for row in rows] for name in "intb"} | {"row": list(range(len(rows)))}
    module = f"modelway.data.suite.{ending.replace('jsonl', 'json')}_batches.ROWS"
    with tempfile.TemporaryDirectory() as folder, mock.patch(module, piece):
        result = Bench(Path(folder)).run(data, *CHECKS, ending=ending, columns=COLUMNS, samples=100).result
    found = [one for one in result.checks if one.source == "checks"]
    for check, broken in zip(found, _naive(rows), strict=True):
        looked_at = [one for one in broken if one is not None]
        assert (check.rows, check.failing) == (len(looked_at), sum(looked_at)), check.name
        assert [row.row for row in check.examples] == [at for at, one in enumerate(broken, start=1) if one], check.name
        verdict = Verdict.INCONCLUSIVE if not looked_at else Verdict.FAIL if any(looked_at) else Verdict.PASS
        assert check.verdict is verdict, check.name


@pytest.mark.slow
@given(rows=ROWS, piece=st.integers(1, 70), held=st.integers(1, 40))
@settings(max_examples=80)
def test_keys_and_profiles_are_those_of_all_rows_at_once(rows, piece, held) -> None:
    data = {name: [row[name] for row in rows] for name in "intb"} | {"row": list(range(len(rows)))}
    checks = [
        {"check": "unique", "columns": ["i"]},
        {"check": "unique", "columns": ["t", "b"]},
        {"check": "duplicates", "columns": ["i", "n", "t", "b"]},
    ]
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch("modelway.data.suite.parquet_batches.ROWS", piece),
        mock.patch("modelway.data.suite.keys._IN_MEMORY", held),
    ):
        result = Bench(Path(folder)).run(data, *checks, columns=COLUMNS).result
    found = {one.name: one for one in result.checks}
    for name, columns in (("unique.i", "i"), ("unique.t.b", "tb")):
        keys = [tuple(row[column] for column in columns) for row in rows]
        counts = Counter(key for key in keys if None not in key)
        shared = sum(count for count in counts.values() if count > 1)
        assert (found[name].rows, found[name].failing or 0) == (sum(counts.values()) or None, shared)
    different = {tuple(row[name] for name in "intb") for row in rows}
    assert found["duplicates.i.n.t"].failing == len(rows) - len(different)
    for summary in result.profile.columns[:4]:
        values = [row[summary.name] for row in rows if row[summary.name] is not None]
        assert summary.missing == len(rows) - len(values)
        if not values:
            continue
        assert (summary.distinct, summary.distinct_exact) == (len(set(values)), True)
        if summary.name in "in":
            assert (summary.min, summary.max) == (min(values), max(values))
            assert summary.mean == pytest.approx(math.fsum(values) / len(values), abs=1e-12)
        else:
            assert dict(summary.top) == Counter(
                str(value).lower() if value in {True, False} else value for value in values
            )
