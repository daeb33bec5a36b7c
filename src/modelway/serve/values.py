"""Checks of single values, compiled from a column of the signature: what comes in a request to what features read."""

from __future__ import annotations

import math
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from modelway.records.data import ColumnType

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelway.records.bundle import SignatureColumn

    Convert = Callable[[Any], Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - the other end of a difference of naive dates
_MICROSECOND = timedelta(microseconds=1)
_INT64 = 2**63
_FIRST_DATE = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
_LAST_DATE = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND


class UnfitValueError(Exception):
    """A value that does not fit the column; its message, if any, says what is expected."""


def compile_convert(column: SignatureColumn, *, nan_is_missing: bool) -> Convert:
    """A function of one value: the value as features read it, None where it is missing.

    Dates become microseconds since 1970-01-01 UTC and must lie in the years 1 to 9999 in UTC. Integers and numbers stay
    Python's, but an integer of more than 64 bits in a column of numbers becomes the nearest float, as features read it.
    So every accepted value can be written to the prediction log and read back. The function raises `UnfitValueError`.
    """
    if column.type in {ColumnType.INTEGER, ColumnType.NUMBER}:
        known = _number(column)
    elif column.type is ColumnType.BOOLEAN:
        known = _boolean
    elif column.type is ColumnType.DATE:
        known = _date(column.format)
    elif column.type is ColumnType.CATEGORY and column.refuse_unseen:
        known = _one_of(frozenset(column.values or ()))
    else:
        known = _text
    return _nullable(known, nan_is_missing=nan_is_missing) if column.nullable else known


def compile_parse(column: SignatureColumn) -> Callable[[str], Any]:
    """A function of a CSV file's text: the value it stands for, or the text itself where it stands for none."""
    if column.type is ColumnType.INTEGER:
        return _parser(int)
    if column.type is ColumnType.NUMBER:
        return _parser(float)
    if column.type is ColumnType.BOOLEAN:
        words = {"true": True, "false": False}
        return lambda text: words.get(text.lower(), text)
    return str


def describe(column: SignatureColumn) -> str:
    """What a column wants, in words."""
    kinds = {
        ColumnType.CATEGORY: "text",
        ColumnType.DATE: f"a date written {column.format}" if column.format else "a date (ISO 8601)",
        ColumnType.NUMBER: "a finite number",
        ColumnType.INTEGER: "an integer",
        ColumnType.BOOLEAN: "true or false",
    }
    text = kinds.get(column.type, column.type.value)
    if column.type is ColumnType.CATEGORY and column.refuse_unseen:
        known = ", ".join(map(repr, (column.values or ())[:20]))
        text = f"one of {known}" + (", …" if len(column.values or ()) > 20 else "")
    if column.min is not None and column.max is not None:
        text += f" from {column.min:g} to {column.max:g}"
    elif column.min is not None:
        text += f" not below {column.min:g}"
    elif column.max is not None:
        text += f" not above {column.max:g}"
    return f"{text}, or null" if column.nullable else text


def _parser(read: Callable[[str], Any]) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        # Python also takes `4_5` and the digits of every script for numbers.
        if not text.isascii() or "_" in text:
            return text
        try:
            return read(text)
        except ValueError:
            return text

    return parse


def _nullable(known: Convert, *, nan_is_missing: bool) -> Convert:
    def convert(value: Any) -> Any:
        if value is None:
            return None
        if nan_is_missing and type(value) is float and math.isnan(value):
            return None
        return known(value)

    return convert


def _number(column: SignatureColumn) -> Convert:
    """NaN is in no range, and so is infinity."""
    whole = column.type is ColumnType.INTEGER
    least = -_INT64 if whole else -sys.float_info.max
    greatest = _INT64 - 1 if whole else sys.float_info.max
    low = least if column.min is None else max(least, column.min)
    high = greatest if column.max is None else min(greatest, column.max)

    def convert(value: Any) -> Any:
        kind = type(value)
        if (kind is int or kind is float) and low <= value <= high:
            if kind is int:
                return value if -_INT64 <= value < _INT64 else float(value)
            if not whole:
                return value
            if value.is_integer():
                return int(value)
        raise UnfitValueError

    return convert


def _boolean(value: Any) -> Any:
    if value is True or value is False:
        return value
    raise UnfitValueError


def _text(value: Any) -> Any:
    if type(value) is str:
        return value
    raise UnfitValueError


def _one_of(known: frozenset[str]) -> Convert:
    def convert(value: Any) -> Any:
        if type(value) is str and value in known:
            return value
        raise UnfitValueError

    return convert


def _date(form: str | None) -> Convert:
    def convert(value: Any) -> Any:
        if type(value) is not str:
            raise UnfitValueError
        try:
            moment = datetime.fromisoformat(value) if form is None else datetime.strptime(value, form)  # noqa: DTZ007
        except (ValueError, OverflowError):
            raise UnfitValueError from None
        micros = (moment - (_NAIVE_EPOCH if moment.tzinfo is None else _EPOCH)) // _MICROSECOND
        if _FIRST_DATE <= micros <= _LAST_DATE:
            return micros
        raise UnfitValueError("a date in the years 1 to 9999 in UTC")

    return convert
