"""The same rows give the same table, whatever the format."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from modelway.data import read_table, split_rows

TYPES = {
    "id": pa.int64(),
    "x": pa.float64(),
    "flag": pa.bool_(),
    "kind": pa.string(),
    "note": pa.string(),
    "day": pa.timestamp("us", tz="UTC"),
    "y": pa.string(),
}


@pytest.fixture
def tables(tmp_path, make_options, make_rows, write_rows):
    """The same rows, read from each format."""
    options = make_options()
    found = {}
    for suffix in ("csv", "parquet", "jsonl"):
        path = write_rows(tmp_path / f"data.{suffix}", make_rows(400))
        found[suffix] = read_table(options, options.data, [(path.name, path)])
    return options, found


def test_three_formats_give_the_same_table(tables):
    _, found = tables
    assert dict(zip(found["csv"].column_names, found["csv"].schema.types, strict=True)) == TYPES
    assert found["csv"].equals(found["parquet"])
    assert found["csv"].equals(found["jsonl"])


def test_three_formats_give_the_same_split(tables):
    options, found = tables
    parts = [split_rows(options, table) for table in found.values()]
    assert parts[0] == parts[1] == parts[2]


def test_files_follow_one_another_whatever_their_formats(tmp_path, make_options, make_rows, write_rows):
    options, rows = make_options(), make_rows(30)
    files = [
        (path.name, path)
        for path in (
            write_rows(tmp_path / "a.csv", rows[:10]),
            write_rows(tmp_path / "b.parquet", rows[10:20]),
            write_rows(tmp_path / "c.jsonl", rows[20:]),
        )
    ]
    assert read_table(options, options.data, files)["id"].to_pylist() == list(range(30))


def test_columns_come_in_the_settings_order_without_the_ignored_ones(read):
    content = b"junk,y,day,note,kind,flag,x,id\nj,yes,2026-01-01,n,red,1,2,3\n"
    table = read("data.csv", content)
    assert table.column_names == list(TYPES)
    assert table["id"].to_pylist() == [3]


def test_keys_are_read_as_text_behind_the_others(tmp_path, make_options):
    options = make_options(columns={"y": {"type": "category"}}, ignore=["junk", "other"])
    for name, content in {
        "a.csv": b"y,junk\na,007\n",
        "b.jsonl": b'{"y": "a", "junk": 7}\n',
    }.items():
        (tmp_path / name).write_bytes(content)
    pq.write_table(pa.table({"y": ["a"], "junk": [7]}), tmp_path / "c.parquet")
    files = [(path.name, path) for path in sorted(tmp_path.iterdir())]
    table = read_table(options, options.data, files, ("junk",))
    assert table.schema == pa.schema({"y": pa.string(), "junk": pa.string()})
    assert table["junk"].to_pylist() == ["007", "7", "7"]


@pytest.mark.parametrize(
    ("source", "content"),
    [
        ({}, "x,y\n1.5,ü\n,b\n".encode()),
        ({}, "\ufeffx,y\r\n1.5,ü\r\n,b\r\n".encode()),
        ({"delimiter": ";"}, "x;y\n1.5;ü\n;b\n".encode()),
        ({"delimiter": "\t"}, "x\ty\n 1.5 \tü\nNA\tb".encode()),
        ({"encoding": "latin-1"}, "x,y\n1.5,ü\n,b\n".encode("latin-1")),
        ({"encoding": "utf-16"}, "x,y\n1.5,ü\n,b\n".encode("utf-16")),
        ({"null_values": ["?"]}, "x,y\n1.5,ü\n?,b\n".encode()),
        ({}, '"x","y"\n"1.5","ü"\n"","b"\n'.encode()),
    ],
    ids=["plain", "byte order mark", "semicolon", "tab", "latin-1", "utf-16", "question mark", "quoted"],
)
def test_csv_as_people_write_it(read, source, content):
    columns = {"x": {"type": "number", "nullable": True}, "y": {"type": "category"}}
    assert read("data.csv", content, source, columns=columns).to_pydict() == {"x": [1.5, None], "y": ["ü", "b"]}


def test_text_over_several_lines_survives_block_borders(read):
    cell = "one\ntwo, " * 40
    content = "note,y\n" + f'"{cell}",a\n' * 10_000
    table = read("data.csv", content.encode(), columns={"note": {"type": "text"}, "y": {"type": "category"}})
    assert table.num_rows == 10_000
    assert table["note"].unique().to_pylist() == [cell]


DATES = {
    "day": ("2026-02-03", datetime(2026, 2, 3, tzinfo=UTC)),
    "time": ("2026-02-03 04:05:06.789", datetime(2026, 2, 3, 4, 5, 6, 789000, tzinfo=UTC)),
    "zulu": ("2026-02-03T04:05:06Z", datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)),
    "offset": ("2026-02-03T04:05:06+01:30", datetime(2026, 2, 3, 2, 35, 6, tzinfo=UTC)),
    "short offset": ("2026-02-03T04:05-03", datetime(2026, 2, 3, 7, 5, tzinfo=UTC)),
}


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("names", [[name] for name in DATES] + [list(DATES)], ids=[*DATES, "mixed"])
def test_iso_dates(tmp_path, make_options, write_rows, suffix, names):
    rows = [{"day": DATES[name][0], "y": "a"} for name in names]
    path = write_rows(tmp_path / f"data.{suffix}", rows)
    options = make_options(columns={"day": {"type": "date"}, "y": {"type": "category"}})
    table = read_table(options, options.data, [(path.name, path)])
    assert table["day"].to_pylist() == [DATES[name][1] for name in names]


@pytest.mark.parametrize(
    ("form", "text", "expected"),
    [
        ("%d/%m/%Y", "1/2/2026", datetime(2026, 2, 1, tzinfo=UTC)),
        ("%Y-%m-%d %H:%M:%S.%f", "2026-02-01 03:04:05.25", datetime(2026, 2, 1, 3, 4, 5, 250000, tzinfo=UTC)),
        ("%Y-%m-%d %H:%M %z", "2026-02-01 03:00 +0100", datetime(2026, 2, 1, 2, tzinfo=UTC)),
    ],
)
@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_dates_of_a_form(tmp_path, make_options, write_rows, suffix, form, text, expected):
    rows = [{"day": text, "y": "a"}, {"day": None, "y": "a"}, {"day": text, "y": "a"}]
    path = write_rows(tmp_path / f"data.{suffix}", rows)
    columns = {"day": {"type": "date", "format": form, "nullable": True}, "y": {"type": "category"}}
    options = make_options(columns=columns)
    table = read_table(options, options.data, [(path.name, path)])
    assert table["day"].to_pylist() == [expected, None, expected]


MOMENT = datetime(2026, 2, 3, 4, 5, 6)  # noqa: DTZ001 - as a file may hold it
PARQUET_DATES = {
    "date": (pa.array([date(2026, 2, 3)]), datetime(2026, 2, 3, tzinfo=UTC)),
    "seconds": (pa.array([MOMENT], pa.timestamp("s")), MOMENT.replace(tzinfo=UTC)),
    "nanoseconds": (pa.array([1001], pa.timestamp("ns")), datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=1)),
    "zone": (pa.array([MOMENT], pa.timestamp("us", tz="Europe/Berlin")), MOMENT.replace(tzinfo=UTC)),
    "dictionary": (pa.array(["2026-02-03"]).dictionary_encode(), datetime(2026, 2, 3, tzinfo=UTC)),
}


@pytest.mark.parametrize("name", PARQUET_DATES)
def test_parquet_dates(read, name):
    values, expected = PARQUET_DATES[name]
    buffer = io.BytesIO()
    pq.write_table(pa.table({"day": values, "y": ["a"]}), buffer)
    columns = {"day": {"type": "date"}, "y": {"type": "category"}}
    assert read("data.parquet", buffer.getvalue(), columns=columns)["day"].to_pylist() == [expected]


PARQUET_VALUES = {
    "float as integer": (pa.array([1.0, None]), "integer", [1, None]),
    "small integer": (pa.array([1, None], pa.int8()), "integer", [1, None]),
    "integer as number": (pa.array([1, None]), "number", [1.0, None]),
    "half as number": (pa.array([0.5, None], pa.float32()), "number", [0.5, None]),
    "integer as category": (pa.array([1, None]), "category", ["1", None]),
    "large text": (pa.array(["a", None], pa.large_string()), "text", ["a", None]),
    "dictionary": (pa.array(["a", None]).dictionary_encode(), "category", ["a", None]),
    "nothing at all": (pa.nulls(2), "boolean", [None, None]),
}


@pytest.mark.parametrize("name", PARQUET_VALUES)
def test_parquet_types(read, name):
    values, kind, expected = PARQUET_VALUES[name]
    buffer = io.BytesIO()
    pq.write_table(pa.table({"x": values, "y": ["a", "b"]}), buffer)
    columns = {"x": {"type": kind, "nullable": True}, "y": {"type": "category"}}
    table = read("data.parquet", buffer.getvalue(), columns=columns)
    assert table["x"].to_pylist() == expected


def test_a_folder_named_like_a_partition_adds_no_column(tmp_path, make_options):
    folder = tmp_path / "year=2026"
    folder.mkdir()
    pq.write_table(pa.table({"y": ["a"]}), folder / "data.parquet")
    options = make_options(columns={"y": {"type": "category"}})
    assert read_table(options, options.data, [("d", folder / "data.parquet")]).column_names == ["y"]


def test_json_keys_may_be_left_out_where_values_may_be_missing(read):
    table = read("data.jsonl", b'{"id": 1, "x": 1, "y": "a"}\n\n{"y": "b", "x": 2.5, "id": 2, "kind": "red"}\n')
    assert table["x"].to_pylist() == [1.0, 2.5]
    assert table["kind"].to_pylist() == [None, "red"]
