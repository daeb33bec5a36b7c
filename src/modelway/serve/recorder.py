"""Answers into records of the prediction log and its statistics."""

from __future__ import annotations

import asyncio
import hashlib
import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import msgspec

from modelway.records.data import ColumnType
from modelway.records.serve import HUNG_UP
from modelway.serve.batching import MANY_ROWS
from modelway.serve.events import describe_error, say

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelway.records.serve import LogOptions
    from modelway.serve.answers import Answer
    from modelway.serve.log import Journal
    from modelway.serve.metrics import Kept
    from modelway.serve.release import ServedModel
    from modelway.serve.validation import Question

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_PATIENCE_SECONDS = 2.0
"""How long a large request's records wait for memory; more than `flush_seconds`, after which there is some."""
_MOST_WAITING = 20_000
"""Rows that wait for their records to be written before further large requests are answered."""
_WAIT = 0.02
_ENCODER = msgspec.json.Encoder()


@dataclass(slots=True)
class Served:
    """A request that was answered or refused, or whose caller hung up.

    Attributes:
        id: the prediction's id.
        request: the request's id.
        moment: when it came, in seconds since 1970.
        key: its routing key, if it had one.
        variant: the arm that it was routed to.
        version: the version that it was routed to.
        epoch: the shares by which it was routed.
        status: the response's status.
        latency_ms: from its last byte to the response's.
        model: what answered.
        question: what was asked; None where the request was refused.
        answer: what was answered; None where there was none.
        smoke: whether a smoke test asked and proved it: awkward rows, and no traffic.
        hung_up: during what its caller hung up: body, scoring or response; None where it did not, and `status` says
            what it ended with.
        weight: how many rows its records cost as much as: a few can hold megabytes of text.
    """

    id: str
    request: str
    moment: float
    key: str | None
    variant: str
    version: str
    epoch: str
    status: int
    latency_ms: float
    model: ServedModel
    question: Question | None = None
    answer: Answer | None = None
    smoke: bool = False
    hung_up: str | None = None
    weight: int = 0

    @property
    def whole(self) -> bool:
        """Whether it came to its last byte, from which latency is counted, or was refused before."""
        return self.hung_up != "body"


class Recorder:
    """Writes records, and counts what became of each request.

    Args:
        options: the log's.
        journal: takes the lines; None where nothing is logged.
        kept: counts requests and records.
        salt: goes into every hash, so that nobody finds keys by trying them all.
    """

    def __init__(self, options: LogOptions, journal: Journal | None, kept: Kept, salt: bytes = b"") -> None:
        self._journal = journal
        self._kept = kept
        self._sample = options.sample
        self._columns = options.columns
        self._hashed = frozenset(options.hashed)
        self._salt = salt[:64]
        self._writers: WeakKeyDictionary[ServedModel, list[tuple[str, Callable[[Any], Any]]]] = WeakKeyDictionary()
        self._heavy = ThreadPoolExecutor(1, thread_name_prefix="records")
        self._waits = True
        self._rows = 0
        self._written = 0

    @property
    def lost(self) -> int:
        """Records that are not in the log: there was no room, or they could not be written."""
        return self._kept.failed_records + (self._journal.dropped if self._journal is not None else 0)

    def wants(self, served: Served) -> bool:
        """Whether a request is logged: a part of the traffic, all that failed, and smoke tests."""
        if self._journal is None:
            return False
        always = served.status >= 500 or served.smoke
        return always or self._sample >= 1 or random.random() < self._sample  # noqa: S311 - no secret

    def record(self, served: Served, shadow: tuple[ServedModel, Answer | None] | None = None) -> None:
        """Write a request's records; called after the response was sent. Never raises."""
        if served.weight > MANY_ROWS:
            self._rows += served.weight
            self._heavy.submit(self._record_many, served, shadow, served.weight)
        else:
            self._record(served, shadow, self._append)

    async def keep_up(self) -> None:
        """Wait until few rows wait for their records: large requests are answered faster than they are recorded."""
        while self._rows - self._written > _MOST_WAITING:
            await asyncio.sleep(_WAIT)

    def skip(self, served: Served) -> None:
        """Count a request that is not logged."""
        self._kept.count(_kind(served) or "sampled_out")

    def close(self) -> None:
        """Wait for records that are being written."""
        self._heavy.shutdown(wait=True)

    def _record_many(self, served: Served, shadow: tuple[ServedModel, Answer | None] | None, rows: int) -> None:
        try:
            self._record(served, shadow, self._append_bulk)
        finally:
            self._written += rows  # by this thread alone, as `_rows` is by the event loop's

    def _record(
        self,
        served: Served,
        shadow: tuple[ServedModel, Answer | None] | None,
        append: Callable[[bytes, float], bool],
    ) -> None:
        """Row by row: what can't be written of one is no reason to lose the others, and never goes unsaid."""
        rows = served.question.rows if served.question is not None and served.answer is not None else 1
        taken = failed = 0
        for row in range(rows):
            try:
                line = _ENCODER.encode(self._line(served, shadow, row))
                taken += append(line, served.moment)
            except Exception as error:  # noqa: BLE001 - whatever it is, the request was answered and has to be counted
                if not failed:
                    say("record_failed", "error", request=served.request, row=row, **describe_error(error))
                failed += 1
        outcome = "failed" if failed else "logged" if taken == rows else "dropped"
        self._kept.count(_kind(served) or outcome, failed=failed)

    def _append(self, line: bytes, moment: float) -> bool:
        return self._journal is not None and self._journal.append("predictions", line, moment)

    def _append_bulk(self, line: bytes, moment: float) -> bool:
        """Wait for memory, so that large requests do not take it from others; not again until some is there."""
        if self._journal is None:
            return False
        if self._waits:
            self._waits = self._journal.wait_for_room(len(line), _PATIENCE_SECONDS)
        taken = self._journal.append("predictions", line, moment, bulk=True)
        self._waits |= taken
        return taken

    def _line(self, served: Served, shadow: tuple[ServedModel, Answer | None] | None, row: int) -> dict[str, Any]:
        """One record, field by field as `records.serve.PredictionRecord` has them."""
        question, answer = served.question, served.answer
        rows = question.rows if question is not None else 0
        shadow_model, shadow_answer = shadow or (None, None)
        return {
            "id": served.id if rows <= 1 else f"{served.id}-{row}",
            "request": served.request,
            "row": row,
            "rows": rows,
            "time": iso_time(served.moment),
            "key": None if served.key is None else self._hash(served.key),
            "variant": served.variant,
            "version": served.version,
            "epoch": served.epoch,
            "status": served.status,
            "latency_ms": served.latency_ms,
            "probability": 1.0 if served.status >= 500 or served.smoke else self._sample,
            "features": None if question is None else self._features(served.model, question, row),
            "prediction": None if answer is None else answer.predictions[row],
            "probabilities": _probabilities(served.model, answer, row),
            "shadow_version": None if shadow_model is None else shadow_model.version,
            "shadow_prediction": None if shadow_answer is None else shadow_answer.predictions[row],
            "shadow_probabilities": None if shadow_model is None else _probabilities(shadow_model, shadow_answer, row),
            "smoke": served.smoke,
        }

    def _features(self, model: ServedModel, question: Question, row: int) -> dict[str, Any]:
        writers = self._writers.get(model)
        if writers is None:
            writers = self._writers[model] = self._compile(model)
        columns = question.columns
        return {name: write(columns[name][row]) for name, write in writers}

    def _compile(self, model: ServedModel) -> list[tuple[str, Callable[[Any], Any]]]:
        """How each logged column's values are written."""
        writers: list[tuple[str, Callable[[Any], Any]]] = []
        for column in model.signature.columns:
            if self._columns is None or column.name in self._columns:
                write = _iso_date if column.type is ColumnType.DATE else _as_it_is
                if column.name in self._hashed:
                    write = self._hashed_value
                writers.append((column.name, write))
        return writers

    def _hashed_value(self, value: Any) -> str | None:
        return None if value is None else self._hash(str(value))

    def _hash(self, text: str) -> str:
        content = text.encode("utf-8", "surrogatepass")
        return hashlib.blake2b(content, digest_size=8, key=self._salt).hexdigest()


def iso_time(moment: float) -> str:
    """Seconds since 1970 as ISO 8601 in UTC, to the microsecond."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def microseconds(moment: float) -> int:
    """Seconds since 1970 in microseconds, rounded as `iso_time` does: who counts by either counts the same."""
    return (datetime.fromtimestamp(moment, UTC) - _EPOCH) // _MICROSECOND


def _kind(served: Served) -> str | None:
    """What a request counts as whatever becomes of its records."""
    if served.smoke:
        return "smoke"
    return "hung_up" if served.status == HUNG_UP else None


def _probabilities(model: ServedModel, answer: Answer | None, row: int) -> dict[str, float] | None:
    if answer is None or answer.probabilities is None:
        return None
    return dict(zip(model.classes, answer.probabilities[row], strict=True))


def _as_it_is(value: Any) -> Any:
    return value


def _iso_date(value: int | None) -> str | None:
    if value is None:
        return None
    return (_EPOCH + timedelta(microseconds=value)).isoformat().replace("+00:00", "Z")
