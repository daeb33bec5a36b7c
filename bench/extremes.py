"""Values at the edges of what a column may hold, by the column's type as the documents describe it.

`extreme_rows` is all that a benchmark needs of this: another generator that gives rows of JSON texts can replace it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

_NUMBERS = (
    "0", "-0", "-0.0", "1.0", "1.5", "1e3", "-1", "true", '"5"', '""', "[]", "{}", "[1]", "null", "NaN", "Infinity",
    "-Infinity", "2147483648", "9007199254740993", "9223372036854775807", "9223372036854775808",
    "-9223372036854775809", "18446744073709551616", "1" + "0" * 30, "1" + "0" * 400, "1e18", "1e19", "1e308",
    "1.7976931348623157e308", "1e309", "1e400", "-1e400", "5e-324", "1e-400", "0." + "3" * 400, '"NaN"', '"1e400"',
    "1E+2", "120", "121", "17.999999999999999999",
)  # fmt: skip
_TEXTS = (
    '""', '" "', '"\\u0000"', '"a\\u0000b"', '"\\ud800"', '"\\udc00\\ud800"', '"\\u2028\\u2029"', '"\\ufeffemployed"',
    '"\\u001b[2J\\u001b]0;x\\u0007"', '"\\r\\n\\r\\n"', '"\\"\\\\\\/"', '"=1+1"', '"null"', '"nan"', '"EMPLOYED"',
    '" employed"', '"\\ud83d\\ude00"', '"e\\u0301\\u200d\\u202e"', '"\\uffff\\ufffe"', json.dumps("x" * 200_000),
    json.dumps("\u00e9" * 70_000), json.dumps("\\" * 5000), "0", "1.5", "true", "null", "NaN", "[]", "{}", '["a"]',
    "1e400",
)  # fmt: skip
_DATES = (
    '"0001-01-01"', '"0001-01-01T00:00:00+14:00"', '"9999-12-31T23:59:59.999999Z"', '"9999-12-31T23:59:59-14:00"',
    '"0000-01-01"', '"10000-01-01"', '"+010000-01-01"', '"-0001-01-01"', '"1677-09-21T00:12:43.145224192"',
    '"1677-09-20"', '"2262-04-11T23:47:16.854775807"', '"2262-04-12"', '"1970-01-01T00:00:00Z"',
    '"1969-12-31T23:59:59.999999999Z"', '"2024-02-29"', '"2023-02-29"', '"2024-02-30"', '"2024-13-01"',
    '"2024-06-30T23:59:60Z"', '"2024-01-01T24:00:00"', '"2024-01-01T00:00:00+23:59"', '"2024-01-01T00:00:00+24:00"',
    '"2024-01-01T00:00:00.1234567890123456789"', '"20240101"', '"2024-W01-1"', '"2024-001"', '"2024-01-01 00:00:00"',
    '"01/02/2024"', '"now"', '"NaT"', '""', '"\\u0000"', '"2024-01-01\\u0000"',
    '"\\u0662\\u0660\\u0662\\u0664-01-01"', "0", "1e18", "-1", "1" + "0" * 30, "NaN", "true", "null", "[]", "{}",
)  # fmt: skip
_BOOLEANS = ("true", "false", "0", "1", "2", '"true"', '"yes"', "null", "NaN", '""', "[]", "1.0")
_BY_TYPE = {
    "integer": _NUMBERS, "number": _NUMBERS, "boolean": _BOOLEANS, "category": _TEXTS, "text": _TEXTS, "date": _DATES,
}  # fmt: skip


def extreme_rows(
    columns: list[dict[str, Any]], example: dict[str, Any], source: random.Random
) -> Iterator[dict[str, str]]:
    """Rows without end: an example's values, with some that are replaced by extreme ones.

    Args:
        columns: `columns` of the bundle's `signature.json`.
        example: a row that the server takes.
        source: the randomness.

    Yields:
        a JSON text by column's name. First each value of each column by itself, then several at once.
    """
    plain = {column["name"]: json.dumps(example[column["name"]]) for column in columns}
    single = [(column["name"], text) for column in columns for text in _BY_TYPE[column["type"]]]
    source.shuffle(single)
    for name, text in single:
        yield {**plain, name: text}
    while True:
        some = source.sample(columns, source.randint(2, len(columns)))
        yield {**plain, **{column["name"]: source.choice(_BY_TYPE[column["type"]]) for column in some}}


def as_request(row: dict[str, str], form: int) -> tuple[str, str, str]:
    """A row as a request: path, content type and body, in one of three forms."""
    names = ", ".join(map(json.dumps, row))
    if form % 3 == 0:
        pairs = ", ".join(f"{json.dumps(name)}: {text}" for name, text in row.items())
        return "/predict", "application/json", f'{{"dataframe_records": [{{{pairs}}}]}}'
    if form % 3 == 1:
        data = ", ".join(row.values())
        return (
            "/invocations",
            "application/json",
            f'{{"dataframe_split": {{"columns": [{names}], "data": [[{data}]]}}}}',
        )
    cells = []
    for text in row.values():
        value = json.loads(text, parse_int=str, parse_float=str, parse_constant=str) if text != "null" else ""
        plain = value if isinstance(value, str) else text
        cells.append('"' + plain.replace('"', '""') + '"')
    return "/invocations", "text/csv", ",".join(row) + "\r\n" + ",".join(cells) + "\r\n"
