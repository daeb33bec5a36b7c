"""Extreme values for every type of column, as bodies of requests may hold them: for tests and benchmarks alike.

One generator, so that what validation lets in is also what the recorder, its readers and `bench/serve_reliability.py`
are tried with::

    rows = extreme_rows(signature.columns, seed=7, count=200)
    body = to_json({"dataframe_records": [rows[0]]})

A server refuses some of these rows (status 422, or 400 where the body is no Unicode) and answers the others. What it
answers has to be in its log, and `same_value` says whether a logged value is the one that was sent.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Protocol

NAMES = (
    "plain", "", " ", "a b", "a.b", ".a", "[0]", ".", "/", 'q"uote', "b\\slash", "ap'os", "new\nline", "tab\t", "\x00",
    "\x7f", "ünï", "😀", "\u202e", "id", "time", "features", "smoke", "__class__", "$ref", "a" * 500,
)  # fmt: skip
"""Names of columns, each legal in a data set's header."""
INTEGERS = (
    0,
    -1,
    1,
    2**31,
    -(2**31) - 1,
    2**53,
    2**53 + 1,
    2**63 - 1,
    -(2**63),
    2**63,
    -(2**63) - 1,
    2**64,
    10**25,
    10**308,
)
NUMBERS = (
    0.0, -0.0, 0.1, 5e-324, -5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, -1.7976931348623157e308, 1e22,
    float(2**53), float(2**63), -float(2**63), 9007199254740993.0, math.nan, math.inf, -math.inf,
)  # fmt: skip
TEXTS = (
    "", " ", "\x00", "a\x00b", "\x01\x1b\x1f\x7f\x85", "\r\n\t", '"', "\\", "\\u0000", "'", "null", "NaN", "true", "{}",
    "[", "\u2028\u2029", "\ufeff", "\ufffe\uffff", "\ud7ff\ue000", "\U00010000", "\U0010ffff", "e\u0301", "\u202eabc",
    "😀" * 40,
    "\ud800", "a\udfff", "x" * 70_000, "\x00" * 20_000, "é" * 700_000,
)  # fmt: skip
"""Control characters, every boundary of planes and encodings, halves of surrogate pairs, and texts of up to 1.4 MB."""
_OFFSETS = ("", "Z", "+00:00", "+14:00", "-12:00", "+23:59", "-23:59", "+00:00:01", "-23:59:59.999999", "+24:00")
_MOMENTS = (
    "0001-01-01", "0001-01-01T00:00:00", "0001-01-01T13:59:59.999999", "9999-12-31", "9999-12-31T10:00:01",
    "9999-12-31T23:59:59.999999", "1969-12-31T23:59:59.999999", "1970-01-01T00:00:00.000001", "2016-12-31T23:59:60",
    "2024-02-29T24:00:00", "1900-02-29", "1582-10-10", "0000-12-31", "10000-01-01", "-0001-01-01",
    "1677-09-21T00:12:43", "2262-04-11T23:47:17",
)  # fmt: skip
DATES = (
    *(moment + offset for moment in _MOMENTS for offset in _OFFSETS if "T" in moment or not offset),
    "0001-W01-1", "9999-W52-5", "9999-W52-7", "2020-W53-7", "2021-W53-1", "20240501", "20240501T000000Z",
    "2024-05-01 00:00", "2024-05-01T00:00:00,5", "2024-05-01T00", "", " ", "now", "2024-05-01T00:00\x00",
    "\u0662\u0660\u0662\u0664-05-01", "2024-05-01T00:00:00Z ",
)  # fmt: skip
"""Both ends of the calendar with every kind of offset, leap seconds, week dates, and what is no date."""
ODD = (None, True, False, [], {}, [1], {"a": 1}, "1", 1, 1.5)
"""Values of any other type."""
_SHORT = 1000
"""Characters of a value in a mixture; the long texts come once each."""
KEYS = ("k", "0", "a" * 1024, "a" * 1025, "\xff\xfe", "-", "%00", "ü", "'; drop table", "x" * 8000)
"""Routing keys in a header, Latin-1, at and beyond their length limit."""
REQUEST_IDS = ("a", "A0._:/+=-", "x" * 128, "x" * 129, "", " ", "\x7f", 'q"', "a,b", "ünï")


class Column(Protocol):
    """What is read of a column: `modelway.records.bundle.SignatureColumn` is one."""

    name: str
    type: str
    nullable: bool
    values: tuple[str, ...] | None
    min: float | None
    max: float | None
    format: str | None


def extreme_rows(columns: Iterable[Column], seed: int, count: int) -> list[dict[str, Any]]:
    """Rows for a signature: first each extreme value alone among plain ones, then mixtures of several.

    Args:
        columns: the signature's.
        seed: the same one gives the same rows.
        count: how many; for eight columns some 300 hold every value once.
    """
    source = random.Random(seed)
    columns = list(columns)
    plain = {column.name: _plain(column) for column in columns}
    extreme = {column.name: [*_values(column), *ODD] for column in columns}
    rows = [{**plain, name: value} for name, values in extreme.items() for value in values]
    source.shuffle(rows)
    short = {name: [value for value in values if len(str(value)) <= _SHORT] for name, values in extreme.items()}
    while len(rows) < count:
        some = {name: source.choice(values) for name, values in short.items() if source.random() < 0.3}
        rows.append({**plain, **some})
    return rows[:count]


def to_json(body: Any) -> bytes:
    """A body as Python's own encoder writes it: with NaN and Infinity, and half surrogate pairs as escapes."""
    return json.dumps(body).encode()


def same_value(sent: Any, logged: Any, column: Column) -> bool:
    """Whether the log's value is the one that was sent; NaN stands for a missing one.

    A float of a column of integers is that integer, an integer of more than 64 bits of a column of numbers the float
    next to it, and a date the same instant, in UTC where it named no offset.
    """
    if sent is None or (type(sent) is float and math.isnan(sent)):
        return logged is None
    if column.type == "date":
        told = _read(sent, column.format)
        # Not `==` of two aware dates: near the ends of the calendar Python can't bring all of them into UTC.
        since = told.replace(tzinfo=None) - _ORIGIN - (told.utcoffset() or timedelta(0))
        return since == datetime.fromisoformat(logged).replace(tzinfo=None) - _ORIGIN
    if column.type == "number":
        return float(sent) == float(logged) and math.copysign(1, sent) == math.copysign(1, logged)
    return type(logged) is not float and sent == logged


def _plain(column: Column) -> Any:
    if column.type in {"integer", "number"}:
        return max(1, math.ceil(column.min)) if column.min is not None else min(1, math.floor(column.max or 1))
    if column.type == "date":
        return "2024-05-01" if column.format is None else _written(_FORMATTED[3], column.format)
    return True if column.type == "boolean" else (column.values or ("plain",))[0]


def _values(column: Column) -> list[Any]:
    """All that is tried in one column."""
    if column.type in {"integer", "number"}:
        return [*INTEGERS, *NUMBERS, *(bound for bound in (column.min, column.max) if bound is not None)]
    if column.type == "boolean":
        return [True, False, 0, 1]
    if column.type == "date":
        return [*DATES, *(_written(moment, column.format) for moment in _FORMATTED if column.format is not None)]
    return [*TEXTS, *(column.values or ())]


_FORMATTED = (
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(2024, 2, 29, tzinfo=UTC),
    datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))),
    datetime(9999, 12, 31, 23, tzinfo=timezone(-timedelta(hours=12))),
)
_ORIGIN = datetime.fromisoformat("0001-01-01")


def _read(text: str, form: str | None) -> datetime:
    return datetime.fromisoformat(text) if form is None else datetime.strptime(text, form)  # noqa: DTZ007


def _written(moment: datetime, form: str) -> str:
    """As strptime reads it back: Python writes the year 1 as `1` on Linux, and wants four digits."""
    return moment.strftime(form.replace("%Y", f"{moment.year:04}"))
