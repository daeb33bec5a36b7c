"""What is wrong in a Parquet file is refused with row, column, value and remedy."""

from __future__ import annotations

import io
import math

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

ROW = {"id": 1, "x": 0.5, "flag": True, "kind": "red", "note": "hello", "day": "2026-01-01", "y": "yes"}


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
    "empty file": (b"", "is empty", "data.parquet", "Remove it"),
    "torn": (parquet()[:-20], "torn", "data.parquet", "Write the file again"),
    "torn at the beginning": (parquet()[20:], "torn", "data.parquet", "Write the file again"),
    "damaged pages": (damaged(parquet()), "torn", "data.parquet", "Write the file again"),
    "another format": (b"x,y\n1,2\n", "torn or no Parquet", "data.parquet", "Write the file again"),
    "no row": (
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
    "unlisted column": (parquet(zebra=pa.array([1, 2, 3])), "'zebra' is not declared", "data.parquet", "ignore"),
    "text for numbers": (
        parquet(x=pa.array(["1", "2", "3"])),
        "holds string, which is no number",
        "data.parquet, column 'x'",
        "columns.x.type",
    ),
    "numbers for booleans": (
        parquet(flag=pa.array([1, 0, 1])),
        "holds int64",
        "data.parquet, column 'flag'",
        "columns.flag.type",
    ),
    "nested": (parquet(note=pa.array([[1], [2], [3]])), "holds list", "data.parquet, column 'note'", "columns.note"),
    "fraction": (parquet(id=pa.array([1.0, 2.0, 2.5])), "2.5 is no integer", f"{AT_ROW}, column 'id'", "to number"),
    "NaN in an integer": (
        parquet(id=pa.array([1.0, 2.0, math.nan])),
        "nan is no integer",
        f"{AT_ROW}, column 'id'",
        "Correct it",
    ),
    "too large": (
        parquet(id=pa.array([1, 2, 2**63], pa.uint64())),
        "is no integer",
        f"{AT_ROW}, column 'id'",
        "Correct it",
    ),
    "inexact": (parquet(x=pa.array([1, 2, 2**53 + 1])), "is no number", f"{AT_ROW}, column 'x'", "Correct it"),
    "NaN": (parquet(x=pa.array([1.0, 2.0, math.nan])), "nan is no finite", f"{AT_ROW}, column 'x'", "null in Parquet"),
    "no date": (
        parquet(day=pa.array(["2026-01-01", None, "soon"])),
        "'soon' is no date",
        f"{AT_ROW}, column 'day'",
        "format",
    ),
    "null": (parquet(x=pa.array([1.0, 2.0, None])), "is missing", f"{AT_ROW}, column 'x'", "nullable"),
    "not allowed": (
        parquet(kind=pa.array(["red", None, "green"])),
        "none of the values",
        f"{AT_ROW}, column 'kind'",
        "values",
    ),
    "latin-1 bytes": (
        parquet(note=pa.array(["a", None, "hello"])).replace(b"hello", b"gr\xfcn."),
        "not UTF-8",
        f"{AT_ROW}, column 'note'",
        "UTF-8",
    ),
    "below min": (parquet(x=pa.array([1, 2, -11])), "-11.0 is less", f"{AT_ROW}, column 'x'", "columns.x.min"),
}


@pytest.mark.parametrize("name", PARQUET_CASES)
def test_parquet_files(check_refused, name):
    check_refused("data.parquet", *PARQUET_CASES[name])
