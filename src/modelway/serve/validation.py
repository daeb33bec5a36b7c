"""A request's columns against the model's signature; compiled once, when the bundle is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modelway.serve.refusals import ABSENT, Fault, Faults, too_large, unfit
from modelway.serve.values import UnfitValueError, compile_convert, compile_parse, describe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modelway.records.bundle import Signature
    from modelway.records.serve import InputOptions
    from modelway.serve.values import Convert


@dataclass(slots=True)
class Question:
    """What a request asks, checked.

    Attributes:
        columns: every column of the signature, in its order: a list of `rows` values, None where missing; dates in
            microseconds since 1970-01-01 UTC.
        rows: how many rows.
    """

    columns: dict[str, list[Any]]
    rows: int


class Validator:
    """Checks requests against one signature.

    Args:
        signature: the bundle's.
        options: what a request may hold.
    """

    def __init__(self, signature: Signature, options: InputOptions) -> None:
        self.names = tuple(column.name for column in signature.columns)
        self.types = {column.name: column.type for column in signature.columns}
        self.nullable = frozenset(column.name for column in signature.columns if column.nullable)
        self._known = frozenset(self.names)
        missing = options.nan == "missing"
        self._columns: tuple[tuple[str, Convert], ...] = tuple(
            (column.name, compile_convert(column, nan_is_missing=missing)) for column in signature.columns
        )
        self.parsers = {column.name: compile_parse(column) for column in signature.columns}
        self._expected = {column.name: describe(column) for column in signature.columns}
        self._refuses_extra = options.extra == "refuse"
        self.most_rows = options.max_rows
        self.most_values = options.max_values
        self._most_faults = options.max_faults

    def check_records(self, records: Sequence[Mapping[str, Any]]) -> Question:
        """Rows as objects; raises `RefusedError` (413, 422)."""
        rows = self.check_rows(len(records))
        if rows == 1 and (record := records[0]).keys() == self._known:
            try:
                return Question({name: [convert(record[name])] for name, convert in self._columns}, 1)
            except UnfitValueError:
                pass  # told below, with all that is wrong
        faults = Faults(self._most_faults)
        if self._refuses_extra:
            for row, record in enumerate(records):
                if faults.full:
                    break
                if not self._known.issuperset(record):
                    self._add_unknown(record, faults, row)
        columns = {}
        for name, convert in self._columns:
            absent = None if name in self.nullable else ABSENT
            values = [record.get(name, absent) for record in records]
            columns[name] = self._convert(name, convert, values, faults)
        faults.refuse()
        return Question(columns, rows)

    def check_columns(self, given: Mapping[str, Sequence[Any]], rows: int) -> Question:
        """Columns of `rows` values each; raises `RefusedError` (413, 422)."""
        self.check_rows(rows)
        faults = Faults(self._most_faults)
        if self._refuses_extra and not self._known.issuperset(given):
            self._add_unknown(given, faults)
        columns: dict[str, list[Any]] = {}
        for name, convert in self._columns:
            if name in given:
                columns[name] = self._convert(name, convert, given[name], faults)
            elif name in self.nullable:
                columns[name] = [None] * rows
            else:
                faults.add(name, self._expected[name], ABSENT)
        faults.refuse()
        return Question(columns, rows)

    def check_rows(self, rows: int) -> int:
        """How many rows a request has, if it may have so many; raises `RefusedError` (413, 422)."""
        if not rows:
            raise unfit(Fault("rows", "at least one row", "none"))
        if rows > self.most_rows:
            raise too_large(f"the request has {rows} rows; {self.most_rows} are allowed")
        return rows

    def _add_unknown(self, given: Mapping[str, Any], faults: Faults, row: int | None = None) -> None:
        for name, value in given.items():
            if name not in self._known and not faults.full:
                faults.add(name, "no column of this name", value, row)

    def _convert(self, name: str, convert: Convert, values: Sequence[Any], faults: Faults) -> list[Any]:
        """One column's values; where some don't fit, all of those are faults."""
        try:
            return list(map(convert, values))
        except UnfitValueError:
            for row, value in enumerate(values):
                if faults.full:
                    break
                try:
                    convert(value)
                except UnfitValueError as error:
                    faults.add(name, str(error) or self._expected[name], value, row)
            return []
