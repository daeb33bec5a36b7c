"""Vectorised checks of a column that already has its type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from modelway.data.refusals import Complaint, shown
from modelway.records.data import ColumnType

if TYPE_CHECKING:
    from modelway.records.data import Column


@dataclass(frozen=True)
class Offence:
    """The first value of a column that the settings do not allow."""

    index: int
    """Of the row, from 0."""
    value: Any
    """None where it is missing."""
    fault: str
    """What is wrong with it."""
    remedy: str

    def complain(self, raw: str | None) -> Complaint:
        """The complaint, with the value as it stands in the file where that is known."""
        subject = "the value" if self.value is None else shown(self.value if raw is None else raw)
        return Complaint(f"{subject} {self.fault}", self.remedy)


def first_offence(name: str, column: Column, values: pa.ChunkedArray, *, is_target: bool) -> Offence | None:
    """The first value that is missing, not finite, out of range or not among the allowed ones."""
    return (
        _missing(name, column, values, is_target=is_target)
        or _not_finite(name, column, values)
        or (_out_of_range(name, column, values) or _not_allowed(name, column, values))
    )


def _missing(name: str, column: Column, values: pa.ChunkedArray, *, is_target: bool) -> Offence | None:
    if values.null_count == 0 or (column.nullable and not is_target):
        return None
    if is_target:
        remedy = "Every row needs a target; remove the rows without one."
    else:
        remedy = f"Set columns.{name}.nullable to true if values may be missing, or fill them in."
    index = pc.index(pc.is_null(values), True).as_py()
    return Offence(index, None, "is missing", remedy)


def _not_finite(name: str, column: Column, values: pa.ChunkedArray) -> Offence | None:
    if column.type is not ColumnType.NUMBER:
        return None
    return _first(
        values,
        pc.is_finite(values),
        "is no finite number",
        f"Remove the row; or leave the value empty (null in Parquet) and set columns.{name}.nullable to true.",
    )


def _out_of_range(name: str, column: Column, values: pa.ChunkedArray) -> Offence | None:
    if column.min is None and column.max is None:
        return None
    least, most = (end.cast(pa.float64(), safe=False) for end in pc.min_max(values).values())
    if column.min is not None and least.is_valid and least.as_py() < column.min:
        allowed = pc.greater_equal(values.cast(pa.float64(), safe=False), column.min)
        return _first(values, allowed, f"is less than {column.min:g}", f"Correct it, or change columns.{name}.min.")
    if column.max is not None and most.is_valid and most.as_py() > column.max:
        allowed = pc.less_equal(values.cast(pa.float64(), safe=False), column.max)
        return _first(values, allowed, f"is more than {column.max:g}", f"Correct it, or change columns.{name}.max.")
    return None


def _not_allowed(name: str, column: Column, values: pa.ChunkedArray) -> Offence | None:
    if column.values is None:
        return None
    allowed = pc.or_(pc.is_in(values, pa.array(column.values, pa.string())), pc.is_null(values))
    listed = ", ".join(repr(value) for value in column.values[:10]) + (" …" if len(column.values) > 10 else "")
    fault = f"is none of the values allowed: {listed}"
    return _first(values, allowed, fault, f"Correct it, or add it to columns.{name}.values.")


def _first(values: pa.ChunkedArray, allowed: pa.ChunkedArray, fault: str, remedy: str) -> Offence | None:
    """The first value whose `allowed` is false; a missing one is no offence here."""
    if pc.all(allowed).as_py() is not False:
        return None
    index = pc.index(allowed, False).as_py()
    return Offence(index, values[index].as_py(), fault, remedy)
