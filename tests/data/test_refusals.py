"""Whatever people get wrong in a file is refused with file, place, value and remedy."""

from __future__ import annotations

import io
import json
import math
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from modelway.data import read_table
from modelway.errors import InputError, UsageError

HEADER = b"id,x,flag,kind,note,day,y\n"
GOOD = b"1,0.5,true,red,hello,2026-01-01,yes\n"
CSV = HEADER + GOOD


def with_cell(column: str, value: str) -> bytes:
    """A good file whose row 3, on line 4, has this value."""
    cells = GOOD.decode().strip().split(",")
    cells[HEADER.decode().strip().split(",").index(column)] = value
    return CSV + GOOD + ",".join(cells).encode() + b"\n" + GOOD


class Case(NamedTuple):
    content: bytes
    what: str
    where: str
    remedy: str
    source: dict[str, Any] | None = None


AT = "row 3 (line 4)"
CSV_CASES = {
    "empty file": Case(b"", "is empty", "data.csv", "Remove it"),
    "only blank lines": Case(b"\n\n", "is empty", "data.csv", "Remove it"),
    "header only": Case(HEADER, "no row", "data.csv", "Check"),
    "header only without a line end": Case(HEADER.strip(), "no row", "data.csv", "Check"),
    "missing target": Case(
        b"id,x,flag,kind,note,day\n1,1,1,red,a,2026-01-01\n", "'y' is missing", "data.csv", "columns"
    ),
    "missing column": Case(CSV.replace(b"note", b"junk"), "'note' is missing", "data.csv", "'id', 'x', 'flag'"),
    "misspelt column": Case(CSV.replace(b"note", b"Notes"), "'note' is missing", "data.csv", "'Notes' meant?"),
    "unlisted column": Case(
        b"zebra," + HEADER + b"1," + GOOD, "'zebra' is not declared", "data.csv", "prepare.ignore to leave it out"
    ),
    "unlisted column like another": Case(
        b"kinds," + HEADER + b"1," + GOOD, "'kinds' is not declared", "data.csv", "Is 'kind' meant?"
    ),
    "doubled column": Case(b"x," + HEADER + b"1," + GOOD, "'x' stands there 2 times", "data.csv", "name of its own"),
    "doubled ignored column": Case(b"junk,junk," + HEADER + b"1,1," + GOOD, "'junk' stands", "data.csv", "of its own"),
    "wrong delimiter": Case(CSV.replace(b",", b";"), "contains ';'", "data.csv", "Set data.delimiter to ';'"),
    "wrong delimiter tab": Case(CSV.replace(b",", b"\t"), "contains '\\t'", "data.csv", "to '\\t'"),
    "wrong delimiter set": Case(CSV, "contains ','", "data.csv", "to ','", {"delimiter": ";"}),
    "too many values": Case(CSV + b"1," + GOOD, "8 values, the header 7", "data.csv, row 2 (line 3)", "in quotes"),
    "too few values": Case(CSV + b"1,2\n", "2 values, the header 7", "data.csv, row 2 (line 3)", "in quotes"),
    "torn last line": Case(CSV + GOOD[:-20], "values, the header 7", "data.csv, row 2 (line 3)", "Correct the row"),
    "open quote": Case(CSV + b'1,"' + GOOD * 3, "values, the header 7", "data.csv, row 2 (line 3)", "quotes"),
    "latin-1 bytes": Case(
        CSV + GOOD.replace(b"hello", b"gr\xfcn"), "not utf-8", "data.csv, line 3, column 'note'", "latin-1"
    ),
    "latin-1 bytes in the header": Case(CSV.replace(b"note", b"n\xf6te"), "not utf-8", "data.csv, line 1", "latin-1"),
    "unlike bytes for ascii": Case(
        CSV + GOOD.replace(b"hello", "grün".encode()),
        "not ascii",
        "data.csv, line 3, column 'note'",
        "encoding",
        {"encoding": "ascii"},
    ),
    "text in an integer": Case(with_cell("id", "abc"), "'abc' is no integer", f"{AT}, column 'id'", "columns.id.type"),
    "fraction in an integer": Case(with_cell("id", "1.5"), "'1.5' is no integer", f"{AT}, column 'id'", "to number"),
    "too large an integer": Case(with_cell("id", "9" * 20), "is no integer", f"{AT}, column 'id'", "to number"),
    "text in a number": Case(with_cell("x", "n/a"), "'n/a' is no number", f"{AT}, column 'x'", "data.null_values"),
    "decimal comma": Case(with_cell("x", '"1,5"'), "'1,5' is no number", f"{AT}, column 'x'", "Correct it"),
    "text in a boolean": Case(with_cell("flag", "yes"), "'yes' is no boolean", f"{AT}, column 'flag'", "columns.flag"),
    "NaN": Case(with_cell("x", "nan"), "'nan' is no finite", f"{AT}, column 'x'", "columns.x.nullable"),
    "infinity": Case(with_cell("x", "inf"), "'inf' is no finite", f"{AT}, column 'x'", "columns.x.nullable"),
    "minus infinity": Case(with_cell("x", "-Infinity"), "'-Infinity' is no finite", f"{AT}, column 'x'", "nullable"),
    "too large a number": Case(with_cell("x", "1e999"), "'1e999' is no finite", f"{AT}, column 'x'", "nullable"),
    "below min": Case(with_cell("x", "-11"), "'-11' is less than -10", f"{AT}, column 'x'", "columns.x.min"),
    "above max": Case(with_cell("x", "10.01"), "'10.01' is more than 10", f"{AT}, column 'x'", "columns.x.max"),
    "value not allowed": Case(
        with_cell("kind", "green"),
        "'green' is none of the values allowed: 'red', 'blue'",
        f"{AT}, column 'kind'",
        "columns.kind.values",
    ),
    "no date": Case(with_cell("day", "soon"), "'soon' is no date as ISO", f"{AT}, column 'day'", "columns.day.format"),
    "date of another form": Case(
        with_cell("day", "1/2/2026"), "is no date", f"{AT}, column 'day'", "columns.day.format"
    ),
    "date that can't be": Case(with_cell("day", "2026-02-31"), "is no date", f"{AT}, column 'day'", "Correct it"),
    "missing value": Case(with_cell("x", ""), "is missing", f"{AT}, column 'x'", "columns.x.nullable"),
    "missing value by a word": Case(with_cell("x", "NA"), "is missing", f"{AT}, column 'x'", "columns.x.nullable"),
    "null target": Case(with_cell("y", ""), "is missing", f"{AT}, column 'y'", "Every row needs a target"),
}


def check(error: InputError, case: Case) -> None:
    assert case.what in error.what
    assert case.where in error.where
    assert case.remedy in error.remedy
    assert error.exit_code == 3


@pytest.mark.parametrize("name", CSV_CASES)
def test_csv_files(read, name):
    case = CSV_CASES[name]
    with pytest.raises(InputError) as error:
        read("data.csv", case.content, case.source)
    check(error.value, case)


def test_a_good_file_passes(read):
    assert read("data.csv", CSV + GOOD).num_rows == 2


FORMATTED = {
    "wrong form": ("2026-01-02", "%d/%m/%Y"),
    "31 February": ("31/02/2026", "%d/%m/%Y"),
    "something behind": ("01/02/2026 x", "%d/%m/%Y"),
}


@pytest.mark.parametrize("name", FORMATTED)
def test_dates_of_a_form(read, name):
    text, form = FORMATTED[name]
    content = f"day,y\n01/02/2026,a\n{text},b\n".encode()
    columns = {"day": {"type": "date", "format": form}, "y": {"type": "category"}}
    with pytest.raises(InputError, match="is no date of the form '%d/%m/%Y'") as error:
        read("data.csv", content, columns=columns)
    assert error.value.where == "data.csv, row 2 (line 3), column 'day'"


def test_a_target_may_not_be_missing_even_where_it_is_nullable(read):
    columns = {"x": {"type": "number"}, "y": {"type": "category", "nullable": True}}
    with pytest.raises(InputError, match="is missing") as error:
        read("data.csv", b"x,y\n1,a\n2,\n", columns=columns)
    assert "Every row needs a target" in error.value.remedy


def test_lines_are_counted_as_an_editor_does(read):
    content = HEADER + b'1,1,,,"two\nlines",,a\n\n\n' + b"2,2,,,,,b\n" + b"3,bad,,,,,b\n"
    with pytest.raises(InputError, match="'bad'") as error:
        read("data.csv", content)
    assert error.value.where == "data.csv, row 3 (line 7), column 'x'"


def test_the_first_bad_value_is_found_far_below(read):
    content = HEADER + GOOD * 50_000 + GOOD.replace(b"0.5", b"oops") + GOOD
    with pytest.raises(InputError, match="'oops'") as error:
        read("data.csv", content)
    assert error.value.where == "data.csv, row 50001 (line 50002), column 'x'"


def test_of_several_files_the_right_one_is_named(tmp_path, make_options):
    options = make_options()
    files = []
    for name, content in (("a.csv", CSV + GOOD), ("b.csv", HEADER), ("c.csv", with_cell("x", "99"))):
        (tmp_path / name).write_bytes(content)
        files.append((name, tmp_path / name))
    with pytest.raises(InputError, match="'99' is more than 10") as error:
        read_table(options, options.data, files)
    assert error.value.where == "c.csv, row 3 (line 4), column 'x'"


def test_a_file_that_is_not_there(tmp_path, make_options):
    options = make_options()
    with pytest.raises(InputError, match="no such file") as error:
        read_table(options, options.data, [("gone.csv", tmp_path / "gone.csv")])
    assert "gone.csv" in error.value.where


def test_a_kind_of_file_that_is_unknown(read):
    with pytest.raises(InputError, match=r"\.xlsx") as error:
        read("data.xlsx", b"x")
    assert "*.parquet" in error.value.remedy


def test_an_encoding_that_is_unknown_is_wrong_usage(read):
    with pytest.raises(UsageError, match="utf-9") as error:
        read("data.csv", CSV, {"encoding": "utf-9"})
    assert error.value.where == "data.encoding"


def test_bytes_that_can_not_be_decoded_in_an_ignored_column_do_no_harm(read):
    assert read("data.csv", b"junk," + HEADER + b"gr\xfcn," + GOOD).num_rows == 1


ROW = {"id": 1, "x": 0.5, "flag": True, "kind": "red", "note": "hello", "day": "2026-01-01", "y": "yes"}


def line(**changes: Any) -> bytes:
    return json.dumps(ROW | changes).encode() + b"\n"


LINES = line() * 2
AT_LINE = "data.jsonl, line 3"
JSON_CASES = {
    "empty file": Case(b"", "is empty", "data.jsonl", "Remove it"),
    "blank file": Case(b"\n\n", "is empty", "data.jsonl", "Remove it"),
    "torn line": Case(LINES + line()[:30], "torn", AT_LINE, "Write it again"),
    "no object": Case(LINES + b"[1]\n", "no JSON object", AT_LINE, "a line"),
    "no object first": Case(b"[1]\n", "no JSON object", "data.jsonl, line 1", "a line"),
    "latin-1 bytes": Case(LINES + line().replace(b"hello", b"gr\xfcn"), "not UTF-8", AT_LINE, "UTF-8"),
    "doubled key": Case(LINES + line()[:-2] + b', "x": 1}\n', "'x' stands there twice", AT_LINE, "again"),
    "missing column": Case(b'{"x": 1, "y": "a"}\n', "'id' is missing", "data.jsonl", "columns"),
    "missing target": Case(b'{"x": 1, "id": 1}\n', "'y' is missing", "data.jsonl", "columns"),
    "unlisted key": Case(LINES + line(zebra=1), "'zebra' is not declared", "data.jsonl", "prepare.ignore"),
    "unlisted nested key": Case(
        LINES + line(zebra={"a": 1}), "'zebra' is not declared", "data.jsonl", "prepare.ignore"
    ),
    "mixed types": Case(LINES + line(x="1.5"), "'1.5' is no number", f"{AT_LINE}, column 'x'", "Correct it"),
    "fraction": Case(LINES + line(id=1.5), "1.5 is no integer", f"{AT_LINE}, column 'id'", "Correct it"),
    "boolean as a number": Case(
        LINES + line(id=True), "True is no integer", f"{AT_LINE}, column 'id'", "columns.id.type"
    ),
    "too large": Case(LINES + line(id=2**63), "is no integer", f"{AT_LINE}, column 'id'", "to number"),
    "number as text": Case(LINES + line(kind=5), "5 is no text", f"{AT_LINE}, column 'kind'", "columns.kind.type"),
    "text as boolean": Case(
        LINES + line(flag="true"), "is no boolean", f"{AT_LINE}, column 'flag'", "columns.flag.type"
    ),
    "list": Case(LINES + line(x=[1]), "[1] is no number", f"{AT_LINE}, column 'x'", "columns.x.type"),
    "NaN": Case(LINES + line(x=math.nan), "nan is no finite", f"{AT_LINE}, column 'x'", "nullable"),
    "infinity": Case(LINES + line(x=-math.inf), "-inf is no finite", f"{AT_LINE}, column 'x'", "nullable"),
    "no date": Case(LINES + line(day="soon"), "'soon' is no date", f"{AT_LINE}, column 'day'", "format"),
    "null": Case(LINES + line(x=None), "is missing", f"{AT_LINE}, column 'x'", "nullable"),
    "null target": Case(LINES + line(y=None), "is missing", f"{AT_LINE}, column 'y'", "target"),
    "not allowed": Case(
        b"\n" + line() + line(kind="green"), "none of the values", f"{AT_LINE}, column 'kind'", "values"
    ),
}


@pytest.mark.parametrize("name", JSON_CASES)
def test_json_lines_files(read, name):
    case = JSON_CASES[name]
    with pytest.raises(InputError) as error:
        read("data.jsonl", case.content)
    check(error.value, case)


@pytest.mark.parametrize("values", [(1, "a"), ({"a": 1}, [1])])
def test_an_ignored_json_key_may_hold_anything(read, values):
    assert read("data.jsonl", b"".join(line(junk=value) for value in values)).num_rows == 2


def parquet(rows: int = 3, **columns: pa.Array) -> bytes:
    """A Parquet file of good rows, some columns replaced."""
    arrays = {name: pa.array([value] * rows) for name, value in ROW.items()} | columns
    buffer = io.BytesIO()
    pq.write_table(pa.table(arrays), buffer, compression="none", use_dictionary=False)
    return buffer.getvalue()


def damaged(content: bytes) -> bytes:
    """The first page's header overwritten."""
    return content[:4] + b"\xff" * 40 + content[44:]


AT_ROW = "data.parquet, row 3"
PARQUET_CASES = {
    "empty file": Case(b"", "is empty", "data.parquet", "Remove it"),
    "torn": Case(parquet()[:-20], "torn", "data.parquet", "Write the file again"),
    "torn at the beginning": Case(parquet()[20:], "torn", "data.parquet", "Write the file again"),
    "damaged pages": Case(damaged(parquet()), "torn", "data.parquet", "Write the file again"),
    "another format": Case(CSV, "torn or no Parquet", "data.parquet", "Write the file again"),
    "no row": Case(
        parquet(
            0,
            **{n: pa.array([], pa.string()) for n in ("kind", "note", "day", "y")},
            id=pa.array([], pa.int64()),
            x=pa.array([], pa.float64()),
            flag=pa.array([], pa.bool_()),
        ),
        "no row",
        "data.parquet",
        "Check",
    ),
    "unlisted column": Case(parquet(zebra=pa.array([1, 2, 3])), "'zebra' is not declared", "data.parquet", "ignore"),
    "text for numbers": Case(
        parquet(x=pa.array(["1", "2", "3"])),
        "holds string, which is no number",
        "data.parquet, column 'x'",
        "columns.x.type",
    ),
    "numbers for booleans": Case(
        parquet(flag=pa.array([1, 0, 1])), "holds int64", "data.parquet, column 'flag'", "columns.flag.type"
    ),
    "nested": Case(
        parquet(note=pa.array([[1], [2], [3]])), "holds list", "data.parquet, column 'note'", "columns.note"
    ),
    "fraction": Case(parquet(id=pa.array([1.0, 2.0, 2.5])), "2.5 is no integer", f"{AT_ROW}, column 'id'", "to number"),
    "NaN in an integer": Case(
        parquet(id=pa.array([1.0, 2.0, math.nan])), "nan is no integer", f"{AT_ROW}, column 'id'", "Correct it"
    ),
    "too large": Case(
        parquet(id=pa.array([1, 2, 2**63], pa.uint64())), "is no integer", f"{AT_ROW}, column 'id'", "Correct it"
    ),
    "inexact": Case(parquet(x=pa.array([1, 2, 2**53 + 1])), "is no number", f"{AT_ROW}, column 'x'", "Correct it"),
    "NaN": Case(
        parquet(x=pa.array([1.0, 2.0, math.nan])), "nan is no finite", f"{AT_ROW}, column 'x'", "null in Parquet"
    ),
    "no date": Case(
        parquet(day=pa.array(["2026-01-01", None, "soon"])), "'soon' is no date", f"{AT_ROW}, column 'day'", "format"
    ),
    "null": Case(parquet(x=pa.array([1.0, 2.0, None])), "is missing", f"{AT_ROW}, column 'x'", "nullable"),
    "not allowed": Case(
        parquet(kind=pa.array(["red", None, "green"])), "none of the values", f"{AT_ROW}, column 'kind'", "values"
    ),
    "latin-1 bytes": Case(
        parquet(note=pa.array(["a", None, "hello"])).replace(b"hello", b"gr\xfcn."),
        "not UTF-8",
        f"{AT_ROW}, column 'note'",
        "UTF-8",
    ),
    "below min": Case(parquet(x=pa.array([1, 2, -11])), "-11.0 is less", f"{AT_ROW}, column 'x'", "columns.x.min"),
}


@pytest.mark.parametrize("name", PARQUET_CASES)
def test_parquet_files(read, name):
    case = PARQUET_CASES[name]
    with pytest.raises(InputError) as error:
        read("data.parquet", case.content)
    check(error.value, case)
