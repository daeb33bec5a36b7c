"""What the settings' columns ask for: names, types, missing values, order, ranges, values, forms of dates."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from modelway.errors import InputError
from modelway.records.verdict import Verdict

DECLARED = {
    "id": {"type": "integer"},
    "x": {"type": "number", "nullable": True, "min": 0, "max": 10},
    "kind": {"type": "category", "values": ["red", "blue"]},
    "day": {"type": "date"},
    "flag": {"type": "boolean"},
}
GOOD = {
    "id": [1, 2, 3],
    "x": [0.5, None, 10.0],
    "kind": ["red", "blue", "red"],
    "day": [datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2, 3)],
    "flag": [True, False, True],
}
FORMATS = ["parquet", "csv", "jsonl"]


@pytest.mark.parametrize("ending", FORMATS)
def test_a_suite_without_checks_still_checks_the_columns(bench, ending) -> None:
    found = bench.columns(GOOD, columns=DECLARED, ending=ending)
    assert list(found) == [
        "columns", "schema.id", "schema.x", "range.x", "schema.kind", "allowed.kind", "schema.day", "schema.flag",
    ]  # fmt: skip
    assert {one.verdict for one in found.values()} == {Verdict.PASS}


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize(
    ("name", "values", "check", "rows"),
    [
        ("id", [1, None, 3], "schema.id", [2]),
        ("x", [-1.0, None, 10.5], "range.x", [1, 3]),
        ("kind", ["red", "green", "red"], "allowed.kind", [2]),
        ("kind", [None, "blue", "red"], "schema.kind", [1]),
        ("flag", [None, True, None], "schema.flag", [1, 3]),
    ],
)
def test_what_a_column_says_is_checked_row_by_row(bench, ending, name, values, check, rows) -> None:
    found = bench.columns({**GOOD, name: values}, columns=DECLARED, ending=ending)
    assert {key for key, one in found.items() if one.verdict is not Verdict.PASS} == {check}
    assert [row.row for row in found[check].examples] == rows


@pytest.mark.parametrize(
    ("kind", "texts", "rows"),
    [
        ("integer", ["1", " 2 ", "x", "4.0", "99999999999999999999", "", "-7"], [3, 4, 5]),
        ("number", ["1", "2.5", "1e3", "x", "1,5", "", "-.5"], [4, 5]),
        ("number", ["1", "nan", "inf", "NaN", "2", "", "3"], [2, 3]),
        ("boolean", ["true", "False", "1", "0", "yes", "", "TRUE"], [5]),
        ("date", ["2026-01-01", "2026-01-01T10:00Z", "2026-02-30", "1.1.26", "2026-13-1", "", "2026-01-09"], [3, 4, 5]),
        ("text", ["a", "1", "", "b", "c", "d", "e"], []),
    ],
)  # fmt: skip
def test_text_that_is_not_of_its_type_is_counted_and_shown(bench, kind, texts, rows) -> None:
    columns = {"a": {"type": kind, "nullable": True}, "n": {"type": "integer"}}
    data = {"a": [f'"{text}"' if "," in text else text for text in texts], "n": list(range(len(texts)))}
    path = bench.folder / "data.csv"
    path.write_text("a,n\n" + "".join(f"{a},{n}\n" for a, n in zip(*data.values(), strict=True)))
    result = bench.run(path, columns=columns).result
    found = {one.name: one for one in result.checks}["schema.a"]
    assert [row.row for row in found.examples] == rows
    assert found.verdict is (Verdict.FAIL if rows else Verdict.PASS)
    assert result.profile.columns[0].missing == (2 if "NaN" in texts else 1)


def test_a_form_of_dates_is_kept(bench) -> None:
    columns = {"d": {"type": "date", "format": "%d.%m.%Y"}}
    data = {"d": ["01.02.2026", "31.02.2026", "2026-02-01"]}
    for ending in FORMATS:
        found = bench.columns(data, columns=columns, ending=ending)["schema.d"]
        assert [row.row for row in found.examples] == [2, 3]


@pytest.mark.parametrize(
    ("kind", "values", "rows"),
    [
        ("integer", [1.0, 2.5, math.nan, 4.0], [2, 3]),
        ("integer", ["1", "2", "3", "4"], [1, 2, 3, 4]),
        ("number", [1, 2, 3, 2**53 + 1], [4]),
        ("number", [1.0, math.nan, math.inf, 2.0], [2, 3]),
        ("boolean", [0, 1, 0, 1], [1, 2, 3, 4]),
        ("category", [1, 2, 3, 4], []),
        ("date", ["2026-01-01", "x", "2026-01-03", "2026-02-31"], [2, 4]),
    ],
)
def test_stored_values_that_are_not_of_their_type_are_counted(bench, kind, values, rows) -> None:
    found = bench.columns({"a": values}, columns={"a": {"type": kind}})["schema.a"]
    assert [row.row for row in found.examples] == rows


def test_json_of_another_type_is_counted_and_the_rest_of_its_piece_is_read(bench) -> None:
    path = bench.folder / "data.jsonl"
    path.write_text(
        '{"a": 1, "s": "x"}\n{"a": "2", "s": 5}\n\n{"a": 3.5}\n{"a": true, "s": null}\n{"a": 9, "s": "é"}\n'
    )
    columns = {"a": {"type": "integer"}, "s": {"type": "text", "nullable": True}}
    found = bench.columns(path, columns=columns)
    assert [(row.row, row.values) for row in found["schema.a"].examples] == [
        (2, {"a": "2"}),
        (3, {"a": "3.5"}),
        (4, {"a": "true"}),
    ]
    assert [row.row for row in found["schema.s"].examples] == [2]


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_the_names_of_the_columns_are_checked(bench, ending) -> None:
    data = {"a": [1], "c": [2], "junk": [3]}
    columns = {"a": {"type": "integer"}, "b": {"type": "integer"}}
    found = bench.columns(data, columns=columns, ignore=["junk"], ending=ending)
    assert found["columns"].verdict is Verdict.FAIL
    assert found["columns"].reason == f"data.{ending} lacks 'b'; 'c' should not be there"
    assert "schema.b" not in found


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_the_order_of_the_columns_is_checked_where_it_is_asked_for(bench, ending) -> None:
    data = {"b": [1], "a": [2]}
    columns = {"a": {"type": "integer"}, "b": {"type": "integer"}}
    assert bench.columns(data, columns=columns, ending=ending)["columns"].verdict is Verdict.PASS
    found = bench.columns(data, columns=columns, order=True, ending=ending)["columns"]
    assert found.verdict is Verdict.FAIL
    assert "'b', 'a'" in found.reason


def test_a_file_that_lacks_a_column_is_named(bench) -> None:
    files = [bench.write({"a": [1], "b": [2]}, name="one"), bench.write({"a": [1]}, name="two")]
    columns = {"a": {"type": "integer"}, "b": {"type": "integer"}}
    found = bench.columns(files, columns=columns)
    assert found["columns"].reason == "two.parquet lacks 'b'"
    assert (found["schema.b"].failing, found["schema.b"].examples[0].file) == (1, "two.parquet")


def test_json_may_leave_out_what_may_be_missing(bench) -> None:
    path = bench.folder / "data.jsonl"
    path.write_text('{"a": 1}\n')
    columns = {"a": {"type": "integer"}, "b": {"type": "integer", "nullable": True}}
    assert bench.columns(path, columns=columns)["columns"].verdict is Verdict.PASS
    columns["b"] = {"type": "integer"}
    assert bench.columns(path, columns=columns)["columns"].verdict is Verdict.FAIL


def test_the_columns_check(bench) -> None:
    data = {"a": [1], "b": [2], "c": [3]}
    check = {"check": "columns"}
    for names, more, verdict in [
        (["c", "a", "b"], {}, Verdict.PASS),
        (["c", "a", "b"], {"order": True}, Verdict.FAIL),
        (["a", "b"], {}, Verdict.FAIL),
        (["a", "b"], {"exact": False}, Verdict.PASS),
        (["a", "c"], {"exact": False, "order": True}, Verdict.PASS),
        (["a", "d"], {"exact": False}, Verdict.FAIL),
    ]:
        assert bench.one(data, {**check, "names": names, **more}).verdict is verdict, (names, more)


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize(
    ("column", "types", "verdict"),
    [
        ("i", ["integer"], Verdict.PASS),
        ("i", ["number"], Verdict.PASS),
        ("i", ["text", "date"], Verdict.FAIL),
        ("n", ["integer"], Verdict.FAIL),
        ("n", ["integer", "number"], Verdict.PASS),
        ("t", ["category"], Verdict.PASS),
        ("t", ["date"], Verdict.FAIL),
        ("b", ["boolean"], Verdict.PASS),
        ("d", ["date"], Verdict.PASS),
    ],
)
def test_the_type_of_a_column_that_nobody_declares_is_found(bench, ending, column, types, verdict) -> None:
    data = {"i": [1, 2], "n": [1.5, 2], "t": ["a", "1"], "b": [True, False], "d": ["2026-01-01", "2026-01-02"]}
    data["d"] = [datetime.fromisoformat(day).replace(tzinfo=UTC) for day in data["d"]]
    assert bench.one(data, {"check": "type", "column": column, "types": types}, ending=ending).verdict is verdict


def test_as_stored_a_file_with_types_of_its_own_decides(bench) -> None:
    data = {"whole": [1, 2], "real": [1.0, 2.0]}
    columns = {name: {"type": "number"} for name in data}
    for name, kind, verdict in [
        ("whole", "integer", Verdict.PASS),
        ("whole", "number", Verdict.FAIL),
        ("real", "integer", Verdict.FAIL),
        ("real", "number", Verdict.PASS),
    ]:
        check = {"check": "type", "column": name, "types": [kind], "as_stored": True}
        assert bench.one(data, check).verdict is verdict, (name, kind)
        assert bench.one(data, check, columns=columns).verdict is verdict, (name, kind, "declared")
    whole = {"check": "type", "column": "whole", "types": ["number"], "as_stored": True}
    assert bench.one(data, whole, ending="csv").verdict is Verdict.PASS


def test_digits_with_a_leading_zero_are_text(bench) -> None:
    data = {"zip": ["01234", "98765"], "n": [1, 2]}
    columns = {one.name: one.type for one in bench.run(data, ending="csv").result.profile.columns}
    assert columns == {"zip": "text", "n": "integer"}


def test_a_later_value_that_is_not_what_the_first_ones_were_does_not_pass(bench, small_pieces) -> None:
    small_pieces(10, 400)
    path = bench.folder / "data.csv"
    path.write_text("n\n" + "7\n" * 500 + "seven\n")
    result = bench.run(path).result
    assert [(one.name, one.verdict, one.failing) for one in result.checks] == [("schema.n", Verdict.FAIL, 1)]
    assert result.checks[0].examples[0].row == 501


def test_files_that_store_a_column_in_several_types_are_read_together(bench) -> None:
    pq.write_table(pa.table({"a": pa.array([1, 2], pa.int8())}), bench.folder / "a.parquet")
    pq.write_table(pa.table({"a": pa.array([3, None], pa.int64())}), bench.folder / "b.parquet")
    pq.write_table(pa.table({"a": pa.array(["x"])}), bench.folder / "c.parquet")
    files = [bench.folder / f"{name}.parquet" for name in "abc"]
    checked = bench.run(files, {"check": "sum", "column": "a", "min": 6, "max": 6})
    verdicts = {one.name: (one.verdict, one.failing) for one in checked.result.checks}
    assert verdicts == {"schema.a": (Verdict.FAIL, 1), "sum.a": (Verdict.PASS, None)}


def test_every_storage_type_of_parquet_can_be_read(bench) -> None:
    table = pa.table(
        {
            "decimal": pa.array([1, 2], pa.decimal128(10, 2)),
            "ns": pa.array([1, 2], pa.timestamp("ns")),
            "date32": pa.array([1, 2], pa.date32()),
            "time": pa.array([1, 2], pa.time64("us")),
            "list": pa.array([[1], None]),
            "struct": pa.array([{"a": 1}, None]),
            "map": pa.array([[("a", 1)], None], pa.map_(pa.string(), pa.int64())),
            "binary": pa.array([b"\xff", None]),
            "dictionary": pa.array(["a", None]).dictionary_encode(),
            "large": pa.array(["a", None], pa.large_string()),
            "half": pa.array([1.0, 2.0], pa.float16()),
            "nothing": pa.nulls(2),
            "unsigned": pa.array([1, 2**64 - 1], pa.uint64()),
        }
    )
    pq.write_table(table, bench.folder / "data.parquet")
    checked = bench.run(
        bench.folder / "data.parquet",
        *({"check": "missing", "column": name} for name in ("list", "struct", "map", "binary", "dictionary", "large")),
    )
    found = {one.name: one for one in checked.result.checks}
    assert {one.failing for name, one in found.items() if name.startswith("missing")} == {1}
    assert found["schema.unsigned"].failing == 1
    assert {one.name for one in checked.result.profile.columns} == set(table.column_names)
    assert len(bench.failed_rows(checked)) == 7


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_two_columns_of_one_name_are_refused(bench, ending) -> None:
    path = bench.folder / f"data.{ending}"
    if ending == "csv":
        path.write_text("a,a\n1,2\n")
    else:
        pq.write_table(pa.table([pa.array([1]), pa.array([2])], names=["a", "a"]), path)
    with pytest.raises(InputError, match="'a' stands there 2 times"):
        bench.run(path)


def test_csv_is_read_as_the_settings_say(bench) -> None:
    path = bench.folder / "data.csv"
    path.write_bytes('name;n\nMüller;1\n"a;\nb";-\n'.encode("latin-1"))
    source = {"delimiter": ";", "encoding": "latin-1", "null_values": ["-"]}
    columns = {"name": {"type": "text"}, "n": {"type": "integer"}}
    found = bench.columns(path, source=source, columns=columns)
    assert (found["schema.name"].verdict, found["schema.n"].failing) == (Verdict.PASS, 1)
    with pytest.raises(InputError, match="there is one column only"):
        bench.run(path, source={"encoding": "latin-1"})


def test_text_that_is_not_utf8_is_refused(bench) -> None:
    (bench.folder / "data.csv").write_bytes(b"a,b\nx,1\n\xff\xfe,2\n")
    with pytest.raises(InputError, match="not utf-8"):
        bench.run(bench.folder / "data.csv")
    (bench.folder / "data.jsonl").write_bytes(b'{"a": "x"}\n{"a": "\xff"}\n')
    with pytest.raises(InputError, match="not UTF-8"):
        bench.run(bench.folder / "data.jsonl")
    values = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\2\0\0\0"), pa.py_buffer(b"\xff\xfe")])
    pq.write_table(pa.table({"a": values}), bench.folder / "data.parquet")
    with pytest.raises(InputError, match="not UTF-8"):
        bench.run(bench.folder / "data.parquet")


@pytest.mark.parametrize("ending", FORMATS)
def test_odd_names_of_columns_are_names(bench, ending) -> None:
    data = {name: [1, 2, 2] for name in ("", " x", "a.b", "len", "literal", "0", "ü", 'q"', "rows", "broken", "^", "$")}
    checks = [{"check": "range", "column": name, "max": 1} for name in data]
    checks += [{"check": "unique", "columns": [name, "a.b"]} for name in data if name != "a.b"]
    found = [one for one in bench.run(data, *checks, ending=ending).result.checks if one.source == "checks"]
    assert {one.failing for one in found} == {2}


@pytest.mark.parametrize("name", ["*", "^.*$"])
@pytest.mark.parametrize("ending", FORMATS)
def test_patterns_of_names_are_no_names(bench, ending, name) -> None:
    with pytest.raises(InputError, match="a column can't be named"):
        bench.run({"a": [1], name: [2]}, ending=ending)


def test_documents_that_break_a_check_are_not_all_kept(bench, monkeypatch) -> None:
    monkeypatch.setattr("modelway.data.suite.failures._MOST_BYTES", 100_000)
    data = {"n": list(range(100)), "text": ["x" * 50_000] * 100}
    checked = bench.run(data, *({"check": "range", "column": "n", "max": -1, "name": str(at)} for at in range(9)))
    assert 0 < len(bench.failed_rows(checked)) <= 100
    assert checked.result.failed_rows_found == 900
