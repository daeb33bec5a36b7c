"""Rows that the signature refuses: told with file, row and reason; too many of them, and nothing is published."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from modelway.errors import InputError

GOOD = {
    "applied_on": "2026-11-23", "age": 40, "income": 30000.0, "amount": 9000.0, "term_months": 24,
    "employment": "employed", "purpose": "car", "home": "rent", "credit_history_years": 3.5, "late_payments": 0,
    "note": "for the family",
}  # fmt: skip


def write(folder: Path, form: str, rows: list[dict]) -> Path:
    path = folder / f"rows.{form}"
    if form == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path
    names = list(GOOD)
    lines = [",".join("" if row.get(name) is None else str(row[name]) for name in names) for row in rows]
    path.write_text("\n".join([",".join(names), *lines]) + "\n")
    return path


FAULTS = {
    "age": ("old", "'old' is no integer", "'old' is no integer"),
    "income": (-5.0, "is less than 0", "is less than 0"),
    "home": ("boat", "'boat' is none of 'rent', 'mortgage', 'own'", "'boat' is none of"),
    "purpose": (None, "the value is missing", "the value is missing"),
    "applied_on": ("soon", "'soon' is no date", "'soon' is no date"),
}


@pytest.mark.parametrize("form", ["csv", "jsonl"])
@pytest.mark.parametrize("column", FAULTS)
def test_a_row_is_refused_with_file_row_and_reason(runs, tmp_path, form, column) -> None:
    value, csv_says, json_says = FAULTS[column]
    path = write(tmp_path, form, [GOOD, {**GOOD, column: value}, GOOD])
    summary = runs.done(path, max_rejects=1).result.summary
    assert (summary.rows, summary.predicted, summary.rejects) == (3, 2, 1)
    (told,) = runs.rejects()
    assert (told["file"], told["row"]) == (path.name, 2)
    assert told["reason"].startswith(f"{column}: ")
    assert (csv_says if form == "csv" else json_says) in told["reason"]
    assert str(told["values"][column]) == str(value)
    assert runs.table()["row"].to_pylist() == [1, 3]


def test_a_row_with_two_faults_tells_both(runs, tmp_path) -> None:
    path = write(tmp_path, "csv", [{**GOOD, "age": "old", "home": "boat"}, GOOD])
    summary = runs.done(path, max_rejects=1).result.summary
    (told,) = runs.rejects()
    assert "age: " in told["reason"]
    assert "home: " in told["reason"]
    assert summary.rejects == 1
    assert summary.reasons == {"age: no integer": 1, "home: unknown value": 1}


def test_rows_of_another_length_and_bytes_that_are_no_text(runs, tmp_path) -> None:
    path = write(tmp_path, "csv", [GOOD] * 6)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[2] = b"1,2,3\n"
    lines[5] = lines[5].replace(b"for the family", b"for \xff the family")
    path.write_bytes(b"".join(lines))
    runs.done(path, max_rejects=2)
    assert [(one["row"], one["reason"]) for one in runs.rejects()] == [
        (2, "the row has 3 values, the header 11 names"),
        (5, "bytes that are not utf-8"),
    ]
    assert runs.table()["row"].to_pylist() == [1, 3, 4, 6]


def test_lines_that_are_no_objects(runs, tmp_path) -> None:
    path = write(tmp_path, "jsonl", [GOOD] * 4)
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], "{torn", lines[1], "", "[1, 2]", lines[2]]) + "\n")
    runs.done(path, max_rejects=2)
    told = runs.rejects()
    assert [one["row"] for one in told] == [2, 4]
    assert "torn or no JSON" in told[0]["reason"]
    assert "no JSON object" in told[1]["reason"]
    assert runs.table()["row"].to_pylist() == [1, 3, 5]


def test_values_of_parquet_are_refused_too(runs, tmp_path) -> None:
    rows = [GOOD, {**GOOD, "age": 17}, {**GOOD, "income": float("nan")}, {**GOOD, "home": "boat"}, GOOD]
    table = pa.Table.from_pylist([{**row, "age": float(row["age"])} for row in rows])
    table = table.append_column("half", pa.array([40.0, 40.0, 40.0, 40.0, 40.5])).drop_columns("age")
    table = table.rename_columns([name if name != "half" else "age" for name in table.column_names])
    pq.write_table(table, tmp_path / "rows.parquet")
    runs.done(tmp_path / "rows.parquet", max_rejects=3)
    told = {one["row"]: one["reason"] for one in runs.rejects()}
    assert told == {
        3: "income: nan is no finite number",
        4: "home: 'boat' is none of 'rent', 'mortgage', 'own'",
        5: "age: 40.5 is no integer",
    }


def test_too_many_refused_rows_publish_nothing(runs, tmp_path) -> None:
    path = write(tmp_path, "csv", [GOOD, {**GOOD, "age": "old"}, {**GOOD, "age": "older"}])
    outcome = runs(path, max_rejects=1)
    assert isinstance(outcome.error, InputError)
    assert "2 of 3 rows were refused; 1 may be" in str(outcome.error)
    names = {item.relative_to(runs.folder()).as_posix() for item in runs.folder().rglob("*") if item.is_file()}
    assert not [name for name in names if name.startswith("predictions/") or name in {"_SUCCESS", "manifest.json"}]
    assert not (Path(runs.output) / "_latest.json").exists()
    assert len(runs.rejects()) == 2
    # With more allowed, the same run goes on and is published.
    assert runs.done(path, max_rejects=2).result.summary.predicted == 1


@pytest.mark.parametrize(("most", "passes"), [(0.5, True), (0.3, False), (0, False)])
def test_a_share_may_be_refused(runs, tmp_path, most, passes) -> None:
    path = write(tmp_path, "csv", [GOOD, {**GOOD, "age": "old"}])
    assert (runs(path, max_rejects=most).error is None) is passes


def test_a_row_that_the_model_cannot_score_is_refused_alone(runs, tmp_path) -> None:
    path = write(tmp_path, "csv", [GOOD, GOOD, {**GOOD, "income": 1e300}, GOOD])
    runs.done(path, max_rejects=1)
    assert runs.table()["row"].to_pylist() == [1, 2, 4]
    (told,) = runs.rejects()
    assert told["row"] == 3
    assert "infinite" in told["reason"]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.csv", b"", "the file is empty"),
        ("a.csv", b"x,y\n1,2\n", "the column 'applied_on' is missing"),
        ("a.parquet", b"PAR1 torn", "torn or no Parquet file"),
        ("a.jsonl", b"", "the file is empty"),
        ("a.txt", b"x", "can't be read"),
    ],
)
def test_a_file_that_cannot_be_read_fails_the_run(runs, tmp_path, name, content, says) -> None:
    (tmp_path / name).write_bytes(content)
    outcome = runs(tmp_path / name)
    assert isinstance(outcome.error, InputError)
    assert says in str(outcome.error)
    assert not (runs.folder() / "_SUCCESS").exists()


def test_no_row_is_no_success(runs, tmp_path) -> None:
    path = write(tmp_path, "csv", [])
    assert "there is no row to score" in str(runs(path).error)
