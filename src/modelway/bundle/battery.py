"""Awkward rows: what no held-out row may hold, and a request may."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from modelway.records.data import ColumnType
from modelway.records.tables import ARROW_TYPES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from modelway.records.bundle import Signature, SignatureColumn

_TEXTS = {
    "empty": "",
    "blank": " \t\n",
    "of one letter": "x",
    "of 5,000 words": "word " * 5000,
    "of other scripts": "Größe 価格 مرحبا 🙂 e\u0301",
}
_DATES = {
    "before 1970": datetime(1900, 1, 1, tzinfo=UTC),
    "at 1970": datetime(1970, 1, 1, tzinfo=UTC),
    "on a leap day": datetime(2024, 2, 29, 23, 59, 59, 999999, tzinfo=UTC),
    "far ahead": datetime(9999, 12, 31, tzinfo=UTC),
}
_MOST_CATEGORIES = 200
_FAR = 1e6
"""How far beyond the held-out numbers, in their spread, an extreme one lies."""


@dataclass(frozen=True)
class Battery:
    """Awkward rows.

    Attributes:
        names: of each row, which column is awkward and how.
        columns: of each row, the awkward columns.
        table: the rows.
    """

    names: tuple[str, ...]
    columns: tuple[tuple[str, ...], ...]
    table: pa.Table


def make_battery(signature: Signature, held_out: pa.Table) -> Battery:
    """Rows that are like the first held-out one but for one column, or for all of them.

    Args:
        signature: the model's columns.
        held_out: rows that are not awkward; at least one.
    """
    types = pa.schema([(column.name, ARROW_TYPES[column.type]) for column in signature.columns])
    held_out = held_out.select(types.names)
    usual = held_out.slice(0, 1).to_pylist()[0]
    rows: list[dict[str, Any]] = []
    names: list[str] = []
    columns: list[tuple[str, ...]] = []
    together: dict[str, dict[str, Any]] = {}
    for column in signature.columns:
        for name, value in _awkward(column, held_out.column(column.name)):
            rows.append({**usual, column.name: value})
            names.append(f"{column.name} {name}")
            columns.append((column.name,))
            together.setdefault(name, {})[column.name] = value
    for name, values in together.items():
        if len(values) > 1:
            rows.append({**usual, **values})
            names.append(f"{', '.join(values)} {name}")
            columns.append(tuple(values))
    return Battery(tuple(names), tuple(columns), pa.Table.from_pylist(rows, schema=types))


def _awkward(column: SignatureColumn, values: pa.ChunkedArray) -> Iterator[tuple[str, Any]]:
    yield "missing", None
    match column.type:
        case ColumnType.INTEGER | ColumnType.NUMBER:
            yield from _numbers(column.type, [value for value in values.to_pylist() if value is not None])
        case ColumnType.BOOLEAN:
            yield from (("true", True), ("false", False))
        case ColumnType.CATEGORY:
            yield from (("unseen", "no such category"), ("empty", ""))
            yield from ((f"= {value!r}", value) for value in (column.values or ())[:_MOST_CATEGORIES])
        case ColumnType.DATE:
            yield from _DATES.items()
        case ColumnType.TEXT:
            yield from _TEXTS.items()


def _numbers(kind: ColumnType, known: Sequence[float]) -> Iterator[tuple[str, float]]:
    low, high = (min(known), max(known)) if known else (0, 0)
    far = _FAR * ((high - low) or 1)
    found = {"0": 0, "least": low, "greatest": high, "far below": low - far, "far above": high + far}
    for name, value in found.items():
        yield name, max(-(2**62), min(2**62, round(value))) if kind is ColumnType.INTEGER else float(value)
    if kind is ColumnType.NUMBER:
        yield "minus 0", -0.0
        yield "tiny", 5e-324
