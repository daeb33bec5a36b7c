"""Requests that are there at the same moment, scored together; nobody waits for others to come.

A model costs about the same for one row as for ten, as does making features of them, and under load several requests
are read in one turn of the event loop anyway.
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from modelway.errors import InputError
from modelway.serve.answers import Answer, answer_of
from modelway.serve.validation import Question

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from modelway.serve.metrics import Metrics
    from modelway.serve.release import ServedModel

    _Item = tuple[Question, asyncio.Future[Answer]]

Found = TypeVar("Found")

MANY_ROWS = 64
"""Rows beyond which a request is scored, and its records are written, on another thread, so that small ones go on."""
_LONG_SECONDS = 0.05
"""How long a model may take for a small request, or several together, to be scored by the event loop."""
_TOGETHER = 256
"""Rows that are scored together at the most."""


class Batcher:
    """Scores questions for the requests of one event loop.

    A model that takes long is scored on another thread: the event loop has others to answer, and to show that it lives.

    Args:
        metrics: counts the rows that are scored together.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._heavy = ThreadPoolExecutor(1, thread_name_prefix="predict")
        self._slow = ThreadPoolExecutor(1, thread_name_prefix="predict-slow")
        self._waiting: dict[ServedModel, list[_Item]] = {}
        self._busy: set[ServedModel] = set()
        self._flushes = False

    async def score(self, model: ServedModel, question: Question, *, alone: bool, many: bool = False) -> Answer:
        """The answer to a question; raises `InputError` where a row can't be scored, anything where the model fails.

        Args:
            model: what answers.
            question: the rows.
            alone: whether no other request is there, so that this one is best scored at once.
            many: whether it costs as much as many rows do.
        """
        if many or question.rows > MANY_ROWS:
            self._metrics.batch(question.rows)
            return await self.aside(partial(_score, model, question))
        if alone and model.seconds <= _LONG_SECONDS:
            self._metrics.batch(question.rows)
            started = time.perf_counter()
            answer = _score(model, question)
            model.seconds = time.perf_counter() - started
            return answer
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = loop.create_future()
        self._waiting.setdefault(model, []).append((question, future))
        if not self._flushes:
            self._flushes = True
            loop.call_soon(self._flush)
        try:
            return await future
        finally:
            del future  # its exception has this frame: a cycle would keep the rows until a full collection

    async def aside(self, work: Callable[[], Found]) -> Found:
        """Do the work of a large request on the thread for these."""
        return await asyncio.get_running_loop().run_in_executor(self._heavy, work)

    def close(self) -> None:
        """End the threads."""
        self._heavy.shutdown()
        self._slow.shutdown()

    def _flush(self) -> None:
        self._flushes = False
        for model in [model for model in self._waiting if model not in self._busy]:
            first, *others = _parts(self._waiting.pop(model))
            if model.seconds <= _LONG_SECONDS:
                for part in (first, *others):
                    self._settle(part, self._score(model, part))
                continue
            if others:
                self._waiting[model] = [item for part in others for item in part]
            self._busy.add(model)
            job = asyncio.get_running_loop().run_in_executor(self._slow, self._score, model, first)
            job.add_done_callback(partial(self._go_on, model, first))

    def _go_on(self, model: ServedModel, part: list[_Item], job: asyncio.Future[list[Answer | Exception]]) -> None:
        """A part of a slow model's questions is answered: the next."""
        self._busy.discard(model)
        self._settle(part, job.result())
        self._flush()

    def _score(self, model: ServedModel, part: list[_Item]) -> list[Answer | Exception]:
        questions = [question for question, _ in part]
        self._metrics.batch(sum(question.rows for question in questions))
        started = time.perf_counter()
        answers = score_together(model, questions)
        model.seconds = time.perf_counter() - started
        return answers

    @staticmethod
    def _settle(part: list[_Item], answers: list[Answer | Exception]) -> None:
        for (_, future), answer in zip(part, answers, strict=True):
            if future.cancelled():
                continue
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)
        part.clear()  # a traceback has the frames that hold these lists: see `score`
        answers.clear()


def score_together(model: ServedModel, questions: Sequence[Question]) -> list[Answer | Exception]:
    """Each question's answer, or why it has none: one that can't be scored costs the others nothing but time."""
    if len(questions) == 1:
        try:
            return [_score(model, join(questions, model))]
        except Exception as error:  # noqa: BLE001 - the model is the user's, and may fail in any way
            return [error]
    try:
        scores = model.score(join(questions, model))
    except Exception:  # noqa: BLE001 - the same; each is told its own error
        return [answer for question in questions for answer in score_together(model, [question])]
    answers: list[Answer | Exception] = []
    start = 0
    for question in questions:
        answers.append(answer_of(model, scores, start, start + question.rows))
        start += question.rows
    return answers


def join(questions: Sequence[Question], model: ServedModel) -> Question:
    """The rows of several questions as one, with the columns of a model.

    Raises:
        InputError: a question lacks a column of the model.
    """
    validator = model.validator
    columns: dict[str, list[Any]] = {}
    for name in validator.names:
        values: list[Any] = []
        for question in questions:
            found = question.columns.get(name)
            if found is None:
                if name not in validator.nullable:
                    raise InputError(f"version {model.version} wants the column {name!r}", where=name)
                found = [None] * question.rows
            values += found
        columns[name] = values
    return Question(columns, sum(question.rows for question in questions))


def _score(model: ServedModel, question: Question) -> Answer:
    return answer_of(model, model.score(question))


def _parts(items: list[_Item]) -> list[list[_Item]]:
    parts: list[list[_Item]] = [[]]
    rows = 0
    for item in items:
        if rows + item[0].rows > _TOGETHER and parts[-1]:
            parts.append([])
            rows = 0
        parts[-1].append(item)
        rows += item[0].rows
    return parts
