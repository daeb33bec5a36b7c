"""What became of a rollout's predictions: outcomes that came in later, joined to the log, one value a routing key."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from modelway.errors import InputError
from modelway.observe.answered_hours import AnsweredHours
from modelway.observe.labels import join_labels, read_labels
from modelway.observe.log_hours import LogPlace, hours_between
from modelway.observe.log_tables import keys_of
from modelway.observe.tallies import bounded_of
from modelway.records.data import Task
from modelway.records.monitor import PerformanceOptions
from modelway.records.rollout_seen import Outcome, Outcomes

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet
    from pathlib import Path

    from numpy.typing import NDArray

    from modelway.records.data import S3Options
    from modelway.records.observe import Baseline
    from modelway.records.progress import Progress
    from modelway.records.rollout import OutcomeGuard

_NOTHING = {"there is no data file", "there is no row"}


def read_outcomes(
    log: str,
    uri: str,
    guard: OutcomeGuard,
    epochs: AbstractSet[str],
    baseline: Baseline,
    since: float,
    until: float,
    s3: S3Options,
    cache: Path,
    progress: Progress,
) -> Outcomes | None:
    """Join the outcomes that are known by now, by the predictions' ids or by the log's keys.

    A key's value is the mean over its predictions: whether each was right; for numbers that are predicted, how far it
    was off, with a minus, so that more is better; or the number that the outcome is. A request without a key is a key
    of its own. A label that is no class of the model says nothing, as for the monitor.

    Args:
        log: the prediction log's address.
        uri: where the outcomes lie.
        guard: which of them, and what they are.
        epochs: the shares whose predictions count.
        baseline: the champion's; says what is predicted.
        since: from when on there are predictions of them, in seconds since 1970.
        until: until when.
        s3: where `s3://` leads.
        cache: where objects are kept from one look to the next.
        progress: told of downloads and of files.

    Returns:
        None where there is no outcome at all yet.

    Raises:
        InputError: the outcomes can't be read, or are no numbers where numbers are wanted.
        OutsideError: S3 or the file system fails.
    """
    found = _outcomes(uri, guard, baseline, s3, cache, progress)
    if found is None:
        return None
    labels, by = found
    judge = _Judge(guard.kind == "number", baseline, uri)
    answered = AnsweredHours(LogPlace(log, s3, cache, progress), None if judge.number else judge.kind)
    wanted = pa.array(sorted(epochs), pa.string())
    values: list[_Values] = []
    hours = list(hours_between(since, until))
    for done, hour in enumerate(hours, start=1):
        for table in answered.tables(hour):
            mine = table.filter(pc.is_in(table["epoch"], value_set=wanted))
            values.append(judge.values(mine, join_labels(mine[by], labels)))
        progress("outcomes", done, len(hours), f"{hour:%H}:00")
    answered.forget(hours)
    all_values = _Values.of(values)
    return Outcomes(champion=all_values.outcome(challenger=False), challenger=all_values.outcome(challenger=True))


def _outcomes(
    uri: str, guard: OutcomeGuard, baseline: Baseline, s3: S3Options, cache: Path, progress: Progress
) -> tuple[pa.Table, str] | None:
    """What `read_labels` finds; None where there is nothing yet."""
    options = PerformanceOptions(label_column=guard.column)
    try:
        labels, by = read_labels(uri, options, baseline.target, s3, cache, progress)
    except InputError as error:
        if error.what in _NOTHING:
            return None
        if error.what.startswith("no column"):
            remedy = (
                "Call one id, prediction_id, key or routing_key, and name the other: rollout.guards.outcome.column."
            )
            raise InputError(error.what, where=error.where, remedy=remedy) from error
        raise
    return (labels, by) if labels.num_rows else None


@dataclass(frozen=True)
class _Values:
    """The sums of keys' values in one part of the log, shape (keys,) each."""

    key: NDArray[np.uint64]
    challenger: NDArray[np.bool_]
    total: NDArray[np.float64]
    count: NDArray[np.float64]

    @classmethod
    def of(cls, parts: list[_Values]) -> _Values:
        """All parts together."""
        names = ("key", "challenger", "total", "count")
        nothing = cls(np.empty(0, np.uint64), np.empty(0, bool), np.empty(0), np.empty(0))
        key, challenger, total, count = (
            np.concatenate([getattr(part, name) for part in (nothing, *parts)]) for name in names
        )
        order = np.lexsort((key, challenger))
        key, challenger, total, count = key[order], challenger[order], total[order], count[order]
        if not len(key):
            return nothing
        begins = np.concatenate([[True], (key[1:] != key[:-1]) | (challenger[1:] != challenger[:-1])])
        (at,) = np.nonzero(begins)
        return cls(key[at], challenger[at], np.add.reduceat(total, at), np.add.reduceat(count, at))

    def outcome(self, *, challenger: bool) -> Outcome:
        """One arm's."""
        inside = self.challenger == challenger
        means = self.total[inside] / self.count[inside]
        return Outcome(keys=len(means), total=float(np.sum(means)), squares=float(np.sum(means * means)))


@dataclass(frozen=True)
class _Judge:
    """What an outcome is worth."""

    number: bool
    baseline: Baseline
    where: str

    @property
    def kind(self) -> pa.DataType:
        """The type of a prediction."""
        return pa.float64() if self.baseline.task is Task.REGRESSION else pa.string()

    def values(self, table: pa.Table, labels: pa.Array) -> _Values:
        """The values of a table's rows that have an outcome, by key."""
        worth = self._worth(table, labels)
        known = np.isfinite(worth)
        table, worth = table.filter(pa.array(known)), bounded_of(worth[known])
        challenger = pc.equal(table["variant"], "challenger").to_numpy()
        return _Values.of([_Values(_keys(table), challenger, worth, np.ones(len(worth)))])

    def _worth(self, table: pa.Table, labels: pa.Array) -> NDArray[np.float64]:
        """Of each row, NaN where nothing is known."""
        if self.number:
            return self._numbers(labels)
        prediction = table["prediction"]
        if self.baseline.task is Task.REGRESSION:
            off: NDArray[np.float64] = np.abs(prediction.to_numpy() - self._numbers(labels))
            return -off
        known = pc.is_in(labels, value_set=pa.array(self.baseline.classes, pa.string()))
        right = pc.equal(prediction.combine_chunks(), labels)
        nothing = pa.scalar(None, pa.float64())
        worth = pc.if_else(pc.and_(known, right.is_valid()), right.cast(pa.float64()), nothing)
        found: NDArray[np.float64] = worth.to_numpy(zero_copy_only=False)
        return found

    def _numbers(self, labels: pa.Array) -> NDArray[np.float64]:
        try:
            found: NDArray[np.float64] = labels.cast(pa.float64()).to_numpy(zero_copy_only=False)
        except pa.ArrowInvalid as error:
            raise InputError(
                f"the outcomes are no numbers: {str(error).splitlines()[0]}",
                where=self.where,
                remedy="See rollout.guards.outcome.column and kind.",
            ) from error
        return found


def _keys(table: pa.Table) -> NDArray[np.uint64]:
    """The routing keys; of a request without one a hash of its id, that all of its rows have."""
    keys = keys_of(table["key"])
    found: NDArray[np.uint64] = pc.fill_null(keys, 0).to_numpy().copy()
    alone = np.flatnonzero(keys.is_null().to_numpy(zero_copy_only=False))
    chosen = table.select(["id", "row", "rows"]).take(pa.array(alone))
    for at, told in zip(alone, chosen.to_pylist(), strict=True):
        own = told["id"].removesuffix(f"-{told['row']}") if told["rows"] > 1 else told["id"]
        found[at] = int.from_bytes(hashlib.blake2b(own.encode(), digest_size=8).digest())
    return found
