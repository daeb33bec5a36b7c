"""Which rows the model's signature refuses, and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from modelway.batch.blocks import no_such
from modelway.data.refusals import shown
from modelway.records.data import ColumnType
from modelway.records.tables import text_array

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelway.batch.blocks import Block, Wanted
    from modelway.records.bundle import Signature, SignatureColumn


@dataclass
class Refusals:
    """Rows of a block that are refused.

    Attributes:
        reasons: what is wrong with each, by its place in the table.
        kinds: what is wrong in short, with how many rows it concerns.
    """

    reasons: dict[int, list[str]] = field(default_factory=dict)
    kinds: dict[str, int] = field(default_factory=dict)

    def add(self, rows: pa.BooleanArray, kind: str, reason: Callable[[int], str]) -> None:
        """Refuse the rows where `rows` is true."""
        for at in pc.indices_nonzero(rows).to_pylist():
            self.reasons.setdefault(at, []).append(reason(at))
            self.kinds[kind] = self.kinds.get(kind, 0) + 1


def judge(block: Block, signature: Signature, wanted: Wanted) -> Refusals:
    """Look at each value of the signature's columns, and at keys that are of another type."""
    refusals = Refusals()
    unreadable = {one.column: one.rows for one in block.unreadable}
    for name, rows in unreadable.items():
        column = wanted.columns[name]

        def reason(at: int, name: str = name, column: object = column) -> str:
            return f"{name}: {no_such(_given(block, at, name), column)}"  # type: ignore[arg-type]

        refusals.add(rows, f"{name}: no {column.type}", reason)
    for told in signature.columns:
        _judge_column(told, block, unreadable.get(told.name), refusals)
    return refusals


def _judge_column(told: SignatureColumn, block: Block, unreadable: pa.BooleanArray | None, refusals: Refusals) -> None:
    name, values = told.name, block.table.column(told.name)
    if values.null_count and not told.nullable:
        missing = values.is_null()
        if unreadable is not None:
            missing = pc.and_not(missing, unreadable)
        refusals.add(_flat(missing), f"{name}: missing", lambda _: f"{name}: the value is missing")
    if told.type is ColumnType.NUMBER:
        _judge_finite(name, values, block, refusals)
    if told.min is not None or told.max is not None:
        _judge_range(told, values, block, refusals)
    if told.refuse_unseen and told.values is not None:
        unknown = _unknown(values, text_array(told.values))
        if unknown is not None:
            listed = ", ".join(repr(value) for value in told.values[:10]) + (" …" if len(told.values) > 10 else "")
            refusals.add(
                _flat(unknown),
                f"{name}: unknown value",
                lambda at: f"{name}: {shown(_given(block, at, name))} is none of {listed}",
            )


def _judge_finite(name: str, values: pa.ChunkedArray, block: Block, refusals: Refusals) -> None:
    # A sum shows whether all values are finite; only where it does not, they are looked at one by one.
    total = pc.sum(values).as_py()
    if total is None or abs(total) < float("inf"):
        return
    wrong = pc.fill_null(pc.invert(pc.is_finite(values)), False)
    refusals.add(
        _flat(wrong), f"{name}: not finite", lambda at: f"{name}: {shown(_given(block, at, name))} is no finite number"
    )


def _judge_range(told: SignatureColumn, values: pa.ChunkedArray, block: Block, refusals: Refusals) -> None:
    ends = pc.min_max(values)
    least, greatest = ends["min"].as_py(), ends["max"].as_py()
    name = told.name
    if told.min is not None and least is not None and least < told.min:
        below = pc.fill_null(pc.less(values.cast(pa.float64(), safe=False), told.min), False)
        refusals.add(
            _flat(below),
            f"{name}: less than {told.min:g}",
            lambda at: f"{name}: {shown(_given(block, at, name))} is less than {told.min:g}",
        )
    if told.max is not None and greatest is not None and greatest > told.max:
        above = pc.fill_null(pc.greater(values.cast(pa.float64(), safe=False), told.max), False)
        refusals.add(
            _flat(above),
            f"{name}: more than {told.max:g}",
            lambda at: f"{name}: {shown(_given(block, at, name))} is more than {told.max:g}",
        )


def _unknown(values: pa.ChunkedArray, known: pa.Array) -> pa.ChunkedArray | None:
    """True where a value is there that is none of those known; None where there is no such row."""
    if pa.types.is_dictionary(values.type):
        # Most often all of a dictionary is known, and no row has to be looked at.
        if all(pc.all(pc.is_in(chunk.dictionary, known), min_count=0).as_py() for chunk in values.chunks):
            return None
        values = values.cast(pa.string())
    unknown = pc.and_not(values.is_valid(), pc.is_in(values, known))
    return unknown if pc.any(unknown).as_py() else None


def _given(block: Block, at: int, name: str) -> object:
    """The value as the file has it."""
    table = block.raw if block.raw is not None and name in block.raw.column_names else block.table
    return table.column(name)[at].as_py()


def _flat(mask: pa.ChunkedArray | pa.BooleanArray) -> pa.BooleanArray:
    return mask.combine_chunks() if isinstance(mask, pa.ChunkedArray) else mask
