"""How a value that does not fit is told to a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from modelway.data.convert import describe
from modelway.errors import InputError
from modelway.records.data import ColumnType

if TYPE_CHECKING:
    from modelway.records.data import Column


class Complaint(NamedTuple):
    """What is wrong with a value, and the remedy."""

    what: str
    remedy: str


def place_in(file: str, place: str | None = None, column: str | None = None) -> str:
    """File, place in it and column, as an error names them."""
    named = f"column {column!r}" if column is not None else None
    return ", ".join(part for part in (file, place, named) if part)


def value_refused(complaint: Complaint, file: str, place: str | None, column: str) -> InputError:
    """The refusal of one value."""
    return InputError(complaint.what, where=place_in(file, place, column), remedy=complaint.remedy)


def wrong_type(name: str, column: Column, value: object) -> Complaint:
    """The complaint about a value that is not of its column's type."""
    remedy = f"Correct it, or set columns.{name}.type"
    if column.type is ColumnType.DATE:
        remedy = f"Correct it, or set columns.{name}.format"
    elif column.type is ColumnType.INTEGER:
        remedy += " to number"
    missing = f"if it stands for a missing value, add it to data.null_values and set columns.{name}.nullable"
    return Complaint(f"{shown(value)} is no {describe(column)}", f"{remedy}; {missing}.")


def shown(value: object) -> str:
    """A value for a message, cut where it is long."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
