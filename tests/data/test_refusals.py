"""Whatever people get wrong in a file is refused with file, place, value and remedy."""

from __future__ import annotations

import errno
import os

import pytest

from modelway.data import read_table
from modelway.errors import InputError, OutsideError, UsageError

HEADER = b"id,x,flag,kind,note,day,y\n"
GOOD = b"1,0.5,true,red,hello,2026-01-01,yes\n"
CSV = HEADER + GOOD


def with_cell(column: str, value: str) -> bytes:
    """A good file whose row 3, on line 4, has this value."""
    cells = GOOD.decode().strip().split(",")
    cells[HEADER.decode().strip().split(",").index(column)] = value
    return CSV + GOOD + ",".join(cells).encode() + b"\n" + GOOD


AT = "row 3 (line 4)"
CSV_CASES = {
    "empty file": (b"", "is empty", "data.csv", "Remove it"),
    "only blank lines": (b"\n\n", "is empty", "data.csv", "Remove it"),
    "header only": (HEADER, "no row", "data.csv", "Check"),
    "header only without a line end": (HEADER.strip(), "no row", "data.csv", "Check"),
    "missing target": (b"id,x,flag,kind,note,day\n1,1,1,red,a,2026-01-01\n", "'y' is missing", "data.csv", "columns"),
    "missing column": (CSV.replace(b"note", b"junk"), "'note' is missing", "data.csv", "'id', 'x', 'flag'"),
    "misspelt column": (CSV.replace(b"note", b"Notes"), "'note' is missing", "data.csv", "'Notes' meant?"),
    "unlisted column": (
        b"zebra," + HEADER + b"1," + GOOD,
        "'zebra' is not declared",
        "data.csv",
        "prepare.ignore to leave it out",
    ),
    "unlisted column like another": (
        b"kinds," + HEADER + b"1," + GOOD,
        "'kinds' is not declared",
        "data.csv",
        "Is 'kind' meant?",
    ),
    "doubled column": (b"x," + HEADER + b"1," + GOOD, "'x' stands there 2 times", "data.csv", "name of its own"),
    "doubled ignored column": (b"junk,junk," + HEADER + b"1,1," + GOOD, "'junk' stands", "data.csv", "of its own"),
    "wrong delimiter": (CSV.replace(b",", b";"), "contains ';'", "data.csv", "Set data.delimiter to ';'"),
    "wrong delimiter tab": (CSV.replace(b",", b"\t"), "contains '\\t'", "data.csv", "to '\\t'"),
    "wrong delimiter set": (CSV, "contains ','", "data.csv", "to ','", {"delimiter": ";"}),
    "too many values": (CSV + b"1," + GOOD, "8 values, the header 7", "data.csv, row 2 (line 3)", "in quotes"),
    "too few values": (CSV + b"1,2\n", "2 values, the header 7", "data.csv, row 2 (line 3)", "in quotes"),
    "torn last line": (CSV + GOOD[:-20], "values, the header 7", "data.csv, row 2 (line 3)", "Correct the row"),
    "open quote": (CSV + b'1,"' + GOOD * 3, "values, the header 7", "data.csv, row 2 (line 3)", "quotes"),
    "latin-1 bytes": (
        CSV + GOOD.replace(b"hello", b"gr\xfcn"),
        "not utf-8",
        "data.csv, line 3, column 'note'",
        "latin-1",
    ),
    "latin-1 bytes in the header": (CSV.replace(b"note", b"n\xf6te"), "not utf-8", "data.csv, line 1", "latin-1"),
    "unlike bytes for ascii": (
        CSV + GOOD.replace(b"hello", "grün".encode()),
        "not ascii",
        "data.csv, line 3, column 'note'",
        "encoding",
        {"encoding": "ascii"},
    ),
    "text in an integer": (with_cell("id", "abc"), "'abc' is no integer", f"{AT}, column 'id'", "columns.id.type"),
    "fraction in an integer": (with_cell("id", "1.5"), "'1.5' is no integer", f"{AT}, column 'id'", "to number"),
    "too large an integer": (with_cell("id", "9" * 20), "is no integer", f"{AT}, column 'id'", "to number"),
    "text in a number": (with_cell("x", "n/a"), "'n/a' is no number", f"{AT}, column 'x'", "data.null_values"),
    "decimal comma": (with_cell("x", '"1,5"'), "'1,5' is no number", f"{AT}, column 'x'", "Correct it"),
    "text in a boolean": (with_cell("flag", "yes"), "'yes' is no boolean", f"{AT}, column 'flag'", "columns.flag"),
    "NaN": (with_cell("x", "nan"), "'nan' is no finite", f"{AT}, column 'x'", "columns.x.nullable"),
    "infinity": (with_cell("x", "inf"), "'inf' is no finite", f"{AT}, column 'x'", "columns.x.nullable"),
    "minus infinity": (with_cell("x", "-Infinity"), "'-Infinity' is no finite", f"{AT}, column 'x'", "nullable"),
    "too large a number": (with_cell("x", "1e999"), "'1e999' is no finite", f"{AT}, column 'x'", "nullable"),
    "below min": (with_cell("x", "-11"), "'-11' is less than -10", f"{AT}, column 'x'", "columns.x.min"),
    "above max": (with_cell("x", "10.01"), "'10.01' is more than 10", f"{AT}, column 'x'", "columns.x.max"),
    "value not allowed": (
        with_cell("kind", "green"),
        "'green' is none of the values allowed: 'red', 'blue'",
        f"{AT}, column 'kind'",
        "columns.kind.values",
    ),
    "no date": (with_cell("day", "soon"), "'soon' is no date as ISO", f"{AT}, column 'day'", "columns.day.format"),
    "date of another form": (with_cell("day", "1/2/2026"), "is no date", f"{AT}, column 'day'", "columns.day.format"),
    "date that can't be": (with_cell("day", "2026-02-31"), "is no date", f"{AT}, column 'day'", "Correct it"),
    "missing value": (with_cell("x", ""), "is missing", f"{AT}, column 'x'", "columns.x.nullable"),
    "missing value by a word": (with_cell("x", "NA"), "is missing", f"{AT}, column 'x'", "columns.x.nullable"),
    "null target": (with_cell("y", ""), "is missing", f"{AT}, column 'y'", "Every row needs a target"),
}


@pytest.mark.parametrize("name", CSV_CASES)
def test_csv_files(check_refused, name):
    check_refused("data.csv", *CSV_CASES[name])


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


@pytest.mark.parametrize("name", ["data.csv", "data.jsonl", "data.parquet"])
def test_a_file_that_may_not_be_opened_is_an_outside_failure(tmp_path, make_options, name):
    if os.geteuid() == 0:
        pytest.skip("the superuser may open every file")
    (tmp_path / name).write_bytes(CSV)
    (tmp_path / name).chmod(0)
    options = make_options()
    with pytest.raises(OutsideError, match="Permission denied") as error:
        read_table(options, options.data, [(name, tmp_path / name)])
    assert error.value.where == str(tmp_path / name)


@pytest.mark.parametrize("name", ["data.csv", "data.jsonl", "data.parquet"])
def test_a_disk_that_fails_is_an_outside_failure(tmp_path, make_options, monkeypatch, name):
    def fail(*_arguments, **_options):
        raise OSError(errno.EIO, "Input/output error")

    for reader in ("read_csv", "read_json_lines", "read_parquet"):
        monkeypatch.setattr(f"modelway.data.table.{reader}", fail)
    (tmp_path / name).write_bytes(CSV)
    options = make_options()
    with pytest.raises(OutsideError, match="Input/output error") as error:
        read_table(options, options.data, [(name, tmp_path / name)])
    assert error.value.where == str(tmp_path / name)


def test_a_kind_of_file_that_is_unknown(read):
    with pytest.raises(InputError, match=r"\.xlsx") as error:
        read("data.xlsx", b"x")
    assert "*.parquet" in error.value.remedy


def test_an_encoding_that_is_unknown_is_wrong_usage(read):
    with pytest.raises(UsageError, match="utf-9") as error:
        read("data.csv", CSV, {"encoding": "utf-9"})
    assert error.value.where == "data.encoding"


def test_text_as_long_as_a_book_is_read(read):
    long = b"w" * 200_000
    assert read("data.csv", HEADER + GOOD.replace(b"hello", long)).num_rows == 1
    with pytest.raises(InputError, match="'bad' is no number"):
        read("data.csv", HEADER + GOOD.replace(b"hello", long).replace(b"0.5", b"bad"))


def test_bytes_that_can_not_be_decoded_in_an_ignored_column_do_no_harm(read):
    assert read("data.csv", b"junk," + HEADER + b"gr\xfcn," + GOOD).num_rows == 1
