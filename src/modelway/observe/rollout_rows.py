"""The requests of a prediction log as a rollout looks at them: a few numbers each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from modelway.observe.answer_numbers import Answers
from modelway.observe.log_tables import LogReader, field_of, keys_of
from modelway.records.data import ColumnType, Task
from modelway.records.rollout_seen import LATENCY_EDGES_MS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from numpy.typing import NDArray

    from modelway.observe.log_hours import LogPlace
    from modelway.observe.score_buckets import ScoreBuckets

PINNED = "pinned"
"""The epoch of requests that named their version themselves; see `serve.endpoint`."""
SLICE = "slice "
"""What stands before the name of a column by which pairs are told apart."""
_EDGES = np.array(LATENCY_EDGES_MS)
_ABOUT = {
    "row": pa.int64(),
    "rows": pa.int64(),
    "time": pa.timestamp("us", tz="UTC"),
    "key": pa.string(),
    "variant": pa.string(),
    "epoch": pa.string(),
    "status": pa.int64(),
    "latency_ms": pa.float64(),
}
_TYPES = {ColumnType.INTEGER: pa.float64(), ColumnType.NUMBER: pa.float64(), ColumnType.BOOLEAN: pa.bool_()}
"""How a column's values are written; all others as texts."""


@dataclass
class RolloutRows:
    """Reads files into tables of one line a request.

    They have `at` (microseconds since 1970), `key` (null where there was none), `challenger`, `mine` (routed by the
    shares that are looked at), `failed`, `latency` and `score` (buckets, -1 where there is none); and, for pairs in
    shadow, `paired`, `flip`, `shift` and a column for each slice.

    Attributes:
        epoch: the shares that are looked at; None for all.
        buckets: how answers are read.
        shadow: whether pairs are wanted.
        slices: by which columns they are told apart.
        unreadable: files that could not be read, with the reason; grows while files are read.
    """

    epoch: str | None
    buckets: ScoreBuckets
    shadow: bool = False
    slices: tuple[str, ...] = ()
    unreadable: list[str] = field(default_factory=list)

    def tables(
        self, place: LogPlace, hour: datetime, since: int, until: int, written_since: float
    ) -> Iterator[pa.Table]:
        """An hour's requests of [since, until), microseconds since 1970, some files at a time.

        What the storage got before `written_since`, seconds since 1970, is passed over.
        """
        reader = LogReader(place, "predictions", hashed_keys=True, unreadable=self.unreadable)
        for table in reader.tables([hour], self._schemas(), written_since):
            yield self._numbers(table, since, until)

    def nothing(self) -> pa.Table:
        """A table without a line."""
        return self._numbers(self._schemas()[0].empty_table(), 0, 0)

    def _schemas(self) -> tuple[pa.Schema, ...]:
        """How the lines are read; where pairs are told apart, a second time with texts, as hashed columns have them."""
        fields = dict(_ABOUT)
        prediction = pa.float64() if self.buckets.task is Task.REGRESSION else pa.string()
        probabilities = pa.struct([(name, pa.float64()) for name in self.buckets.classes])
        for prefix in ("", "shadow_") if self.shadow else ("",):
            if self.buckets.task is not None:
                fields[f"{prefix}prediction"] = prediction
            if self.buckets.task is not None and self.buckets.classes:
                fields[f"{prefix}probabilities"] = probabilities
        if not self.shadow:
            return (pa.schema(list(fields.items())),)
        fields["shadow_version"] = pa.string()
        if not self.slices:
            return (pa.schema(list(fields.items())),)
        kinds = {
            name: _TYPES.get(self.buckets.columns.get(name, ColumnType.CATEGORY), pa.string()) for name in self.slices
        }
        ways = [kinds] if set(kinds.values()) == {pa.string()} else [kinds, dict.fromkeys(kinds, pa.string())]
        return tuple(pa.schema([*fields.items(), ("features", pa.struct(list(way.items())))]) for way in ways)

    def _numbers(self, table: pa.Table, since: int, until: int) -> pa.Table:
        at = table["time"].cast(pa.int64())
        first = pc.and_(pc.equal(table["row"], 0), pc.not_equal(table["epoch"], PINNED))
        inside = pc.and_(pc.greater_equal(at, since), pc.less(at, until))
        table = table.filter(pc.and_(first, inside)).combine_chunks()
        answers = Answers(table, self.buckets)
        latency = np.searchsorted(_EDGES, table["latency_ms"].to_numpy(), side="left").astype(np.int16)
        answered = answers.answered
        columns = {
            "at": table["time"].cast(pa.int64()),
            "key": keys_of(table["key"]),
            "challenger": pc.equal(table["variant"], "challenger"),
            "mine": pc.is_valid(table["epoch"]) if self.epoch is None else pc.equal(table["epoch"], self.epoch),
            # A row that is refused is a failure, too: both arms get the same callers, so what differs is the model.
            "failed": pc.or_(pc.greater_equal(table["status"], 500), pc.equal(table["status"], 422)),
            "latency": pa.array(np.where(answered, latency, -1).astype(np.int16)),
            "score": pa.array(np.where(answered, answers.codes(), -1).astype(np.int8)),
        }
        if self.shadow:
            paired = answered & ~_array(columns["challenger"]) & _array(pc.is_valid(table["shadow_version"]))
            columns |= {"paired": pa.array(paired), "flip": pa.array(answers.flips()), "shift": answers.shifts()}
            columns |= {SLICE + name: _texts(field_of(table["features"], name)) for name in self.slices}
        return pa.table({name: _one(values) for name, values in columns.items()})


def micros(seconds: float) -> int:
    """Seconds in microseconds."""
    return round(seconds * 1_000_000)


def _texts(values: pa.ChunkedArray) -> pa.Array:
    """Values as texts; null where there is none."""
    coded = _one(values).dictionary_encode()
    return pa.array([_text(value) for value in coded.dictionary.to_pylist()], pa.string()).take(coded.indices)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _array(values: pa.ChunkedArray | pa.Array) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = _one(values).to_numpy(zero_copy_only=False)
    return found


def _one(values: pa.ChunkedArray | pa.Array) -> pa.Array:
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
