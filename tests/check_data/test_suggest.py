"""Suites that are proposed from a data set: they hold for it, and not for one that differs."""

from __future__ import annotations

import datetime as dt
import json
import tempfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from modelway.data.suite.suggest import keep_passing, suggest_suite, write_suite
from modelway.data.suite.suite import check_data_set
from modelway.records.check_data import CheckDataOptions
from modelway.records.data import ColumnType, DataOptions
from modelway.records.data_docs import DataChecks
from modelway.records.suite import UniqueCheck
from modelway.records.verdict import Verdict

ROWS = 400
NOW = dt.datetime(2026, 11, 24, tzinfo=dt.UTC)


def check(path: Path, options: CheckDataOptions) -> DataChecks:
    return check_data_set(options, DataOptions(uri=str(path)), [(path.name, path)], {}, None, NOW).result


def check_frame(folder: Path, frame: pl.DataFrame, options: CheckDataOptions, ending: str = "parquet") -> DataChecks:
    path = folder / f"data.{ending}"
    if ending == "parquet":
        frame.write_parquet(path)
    elif ending == "csv":
        frame.write_csv(path)
    else:
        frame.write_ndjson(path)
    return check(path, options)


def suggest(folder: Path, frame: pl.DataFrame, ending: str = "parquet") -> CheckDataOptions:
    return suggest_suite(check_frame(folder, frame, CheckDataOptions(), ending))


@pytest.fixture
def orders() -> pl.DataFrame:
    n = range(ROWS)
    return pl.DataFrame(
        {
            "id": [5000 + 3 * i for i in n],
            "code": [f"AB{i:05}" for i in n],
            "amount": [100 + (i * 37 % 400) / 4 for i in n],
            "grade": ["ABC"[i % 3] for i in n],
            "note": [None if i % 10 == 0 else "n" * (i % 23) + str(i) for i in n],
            "seen": [dt.datetime(2026, 1, 1) + dt.timedelta(hours=i) for i in n],  # noqa: DTZ001 - Parquet without zone
            "flag": [i % 2 == 0 for i in n],
            "tags": [[i, i + 1] for i in n],
        }
    )


def test_says_of_each_column_what_it_holds(tmp_path, orders):
    found = suggest(tmp_path, orders)
    assert {name: column.type for name, column in found.columns.items()} == {
        "id": ColumnType.INTEGER,
        "code": ColumnType.TEXT,
        "amount": ColumnType.NUMBER,
        "grade": ColumnType.CATEGORY,
        "note": ColumnType.TEXT,
        "seen": ColumnType.DATE,
        "flag": ColumnType.BOOLEAN,
    }
    assert found.ignore == ("tags",)
    assert [name for name, column in found.columns.items() if column.nullable] == ["note"]
    assert found.columns["grade"].values == ("A", "B", "C")
    assert (found.columns["amount"].min, found.columns["amount"].max) == (90, 210)
    kinds = [(one.check, getattr(one, "column", None)) for one in found.checks]
    assert kinds == [
        ("row_count", None),
        ("unique", None),
        ("mean", "id"),
        ("unique", None),
        ("length", "code"),
        ("mean", "amount"),
        ("missing", "note"),
        ("range", "seen"),
    ]
    assert [one.columns for one in found.checks if isinstance(one, UniqueCheck)] == [("id",), ("code",)]


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl"])
def test_holds_for_its_own_data(tmp_path, orders, ending):
    frame = orders.drop("tags") if ending == "csv" else orders
    options = suggest(tmp_path, frame, ending)
    result = check_frame(tmp_path, frame, options, ending)
    assert [one.name for one in result.checks if one.verdict is not Verdict.PASS] == []
    assert keep_passing(options, result) == options


def test_as_yaml_it_is_what_the_settings_take(tmp_path, orders):
    options = suggest(tmp_path, orders)
    text = write_suite(options, ROWS)
    read = yaml.safe_load(text)["check_data"]
    again = CheckDataOptions.model_validate_json(json.dumps(read))
    assert again == options
    assert text.startswith("# Proposed by `modelway check-data --suggest` from 400 rows.")
    assert "{check: row_count, min: 200, max: 800}" in text
    assert "id: {type: integer, min: 4800, max: 6400}" in text


CHANGES = {
    "a column is gone": lambda frame: frame.drop("flag"),
    "a column is new": lambda frame: frame.with_columns(extra=1),
    "a type changed": lambda frame: frame.with_columns(pl.col("id").cast(pl.String) + "x"),
    "a value is missing": lambda frame: frame.with_columns(
        amount=pl.when(pl.int_range(pl.len()) == 7).then(None).otherwise("amount")
    ),
    "many values are missing": lambda frame: frame.with_columns(
        note=pl.when(pl.int_range(pl.len()) % 3 == 0).then(None).otherwise("note")
    ),
    "a number is far off": lambda frame: frame.with_columns(
        amount=pl.when(pl.int_range(pl.len()) == 7).then(5000.0).otherwise("amount")
    ),
    "a category is new": lambda frame: frame.with_columns(
        grade=pl.when(pl.int_range(pl.len()) == 7).then(pl.lit("Z")).otherwise("grade")
    ),
    "a key is there twice": lambda frame: frame.with_columns(
        id=pl.when(pl.int_range(pl.len()) == 7).then(5000).otherwise("id")
    ),
    "a code is longer": lambda frame: frame.with_columns(
        code=pl.when(pl.int_range(pl.len()) == 7).then(pl.lit("AB123456")).otherwise("code")
    ),
    "a date is too old": lambda frame: frame.with_columns(pl.col("seen") - pl.duration(days=30)),
    "most rows are gone": lambda frame: frame.head(40),
    "rows are there many times": lambda frame: pl.concat([frame.drop("id", "code")] * 3).with_columns(
        id=pl.int_range(pl.len()) + 5000, code=pl.format("AB{}", pl.int_range(pl.len()) + 10000)
    ),
}


@pytest.mark.parametrize("change", list(CHANGES))
def test_does_not_hold_for_other_data(tmp_path, orders, change):
    options = suggest(tmp_path, orders)
    result = check_frame(tmp_path, CHANGES[change](orders), options)
    assert result.verdict is Verdict.FAIL


def test_a_moved_mean_warns(tmp_path, orders):
    options = suggest(tmp_path, orders)
    moved = orders.with_columns(amount=(pl.col("amount") / 10).round() * 5 + 98 + 60)
    result = check_frame(tmp_path, moved.with_columns(pl.col("amount").clip(91, 209)), options)
    assert result.verdict is Verdict.PASS
    assert [one.name for one in result.checks if one.verdict is not Verdict.PASS] == ["mean.amount"]


def test_a_mean_may_not_move_where_no_value_may_be(tmp_path):
    rare = pl.DataFrame({"gain": [0] * (ROWS - 1) + [100_000], "loss": [-100_000] + [0] * (ROWS - 1)})
    bounds = {one.column: (one.min, one.max) for one in suggest(tmp_path, rare).checks if one.check == "mean"}
    assert bounds["gain"][0] == 0
    assert bounds["loss"][1] == 0


def test_what_its_own_data_break_is_left_out(tmp_path):
    frame = pl.DataFrame({"id": list(range(ROWS)), "odd": [float("nan"), *[1.5] * (ROWS - 1)]})
    options = suggest(tmp_path, frame)
    kept = keep_passing(options, check_frame(tmp_path, frame, options))
    assert "odd" in kept.ignore
    assert list(kept.columns) == ["id"]
    assert not [one for one in kept.checks if getattr(one, "column", None) == "odd"]
    again = check_frame(tmp_path, frame, kept)
    assert {one.verdict for one in again.checks} == {Verdict.PASS}


def test_a_declared_form_of_dates_is_kept(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("day\n" + "\n".join(f"{1 + i % 28:02}.03.2026" for i in range(120)) + "\n")
    declared = CheckDataOptions.model_validate({"columns": {"day": {"type": ColumnType.DATE, "format": "%d.%m.%Y"}}})
    options = suggest_suite(check(path, declared), declared.columns)
    assert options.columns["day"].format == "%d.%m.%Y"
    assert check(path, options).verdict is Verdict.PASS


@pytest.mark.parametrize("ends", [(5e-324, 1e-310), (-1.79e308, 1.79e308), (0.0, 0.0), (7.0, 7.0), (-3.0, -3.0)])
def test_numbers_of_any_size_get_a_range(tmp_path, ends):
    frame = pl.DataFrame({"x": [*ends] * 100})
    options = suggest(tmp_path, frame)
    column = options.columns["x"]
    assert column.min <= ends[0]
    assert column.max >= ends[1]
    assert check_frame(tmp_path, frame, options).verdict is Verdict.PASS


def values_of(kind: str, rows: int) -> st.SearchStrategy[list[Any]]:
    one: st.SearchStrategy[Any] = {
        "integer": st.integers(-(2**62), 2**62) | st.integers(-5, 5),
        "number": st.floats(width=64) | st.floats(-1, 1),
        "boolean": st.booleans(),
        "text": st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
        | st.sampled_from(["no", "1", "", "null"]),
        "date": st.datetimes(dt.datetime(1700, 1, 1), dt.datetime(2200, 1, 1)),  # noqa: DTZ001 - as above
    }[kind]
    return st.lists(st.none() | one, min_size=rows, max_size=rows)


TYPES = {"integer": pl.Int64, "number": pl.Float64, "boolean": pl.Boolean, "text": pl.String, "date": pl.Datetime("us")}


@st.composite
def frames(draw: st.DrawFn) -> pl.DataFrame:
    few = draw(st.integers(1, 12))
    times = draw(st.sampled_from([1, 1, 30]))
    kinds = draw(st.lists(st.sampled_from(sorted(TYPES)), min_size=1, max_size=4))
    columns = {
        f"c{place}": pl.Series(draw(values_of(kind, few)), dtype=TYPES[kind]) for place, kind in enumerate(kinds)
    }
    return pl.concat([pl.DataFrame(columns)] * times).with_row_index("row")


@settings(max_examples=60)
@given(frame=frames(), ending=st.sampled_from(["parquet", "csv", "jsonl"]))
def test_whatever_the_data_the_suite_holds_for_them(frame, ending):
    with tempfile.TemporaryDirectory() as folder:
        options = suggest(Path(folder), frame, ending)
        kept = keep_passing(options, check_frame(Path(folder), frame, options, ending))
        result = check_frame(Path(folder), frame, kept, ending)
    assert [(one.name, one.reason) for one in result.checks if one.verdict is not Verdict.PASS] == []
