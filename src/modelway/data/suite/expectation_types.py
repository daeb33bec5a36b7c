"""Names of types, as pandas, Spark and SQL have them, in suites of Great Expectations."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from modelway.records.data import ColumnType

if TYPE_CHECKING:
    from collections.abc import Sequence

_TEXTS = (ColumnType.TEXT, ColumnType.CATEGORY)
_GENERAL: dict[tuple[ColumnType, ...], str] = {
    (ColumnType.INTEGER,): "int int64 integer bigint long longtype int_",
    (ColumnType.NUMBER,): "float float64 double doubletype float_ double_precision",
    (ColumnType.BOOLEAN,): "bool boolean booleantype bool_",
    _TEXTS: "str string stringtype varchar text char nvarchar",
    (ColumnType.DATE,): "datetime64 datetime date timestamp timestamptype datetype",
}
_NARROW: dict[tuple[ColumnType, ...], str] = {
    (ColumnType.INTEGER,): (
        "int8 int16 int32 uint8 uint16 uint32 uint64 tinyint smallint bytetype shorttype integertype"
    ),
    (ColumnType.NUMBER,): "float16 float32 real floattype numeric decimal decimaltype",
}
_BY_NAME = {name: types for types, names in _GENERAL.items() for name in names.split()}
_BY_NARROW_NAME = {name: types for types, names in _NARROW.items() for name in names.split()}


def column_types(names: Sequence[object]) -> tuple[ColumnType, ...]:
    """The types of columns that are meant.

    How wide a number is stored is not told apart here, so a narrow type counts only beside a general one of its kind.

    Raises:
        ValueError: where a name says something that no type of a column says; its text says what.
    """
    found: dict[ColumnType, None] = {}
    narrow = []
    for name in names:
        plain = re.sub(r"\[.*\]|\(.*\)", "", str(name)).strip().lower()
        if plain in _BY_NAME:
            found |= dict.fromkeys(_BY_NAME[plain])
        elif plain in _BY_NARROW_NAME:
            narrow.append((name, _BY_NARROW_NAME[plain]))
        else:
            raise ValueError(f"the type {name!r} is not known")
    for name, types in narrow:
        if not found.keys() >= set(types):
            raise ValueError(f"how wide a number is stored, as {name!r} says, is not checked")
    return tuple(found)
