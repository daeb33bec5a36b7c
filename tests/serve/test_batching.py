"""Requests of one moment are scored together, and each gets its own answer."""

from __future__ import annotations

import asyncio
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

from modelway.errors import InputError
from modelway.records.evaluate import Scores
from modelway.serve.batching import Batcher
from modelway.serve.metrics import ROW_BOUNDS, Metrics
from modelway.serve.validation import Question


class Model:
    """Says of each row its own number; a negative one can't be scored."""

    version = "3"
    validator = SimpleNamespace(names=("number",), nullable=frozenset())

    def __init__(self, seconds: float = 0.0) -> None:
        self.calls: list[int] = []
        self.threads: list[str] = []
        self.seconds, self._wait = seconds, seconds

    def score(self, question: Question) -> Scores:
        self.calls.append(question.rows)
        self.threads.append(threading.current_thread().name)
        time.sleep(self._wait)
        values = question.columns["number"]
        if min(values) < 0:
            raise InputError("a negative number", where="number")
        return Scores(prediction=np.array(values, dtype=float))


def _questions(*rows: list[float]) -> list[Question]:
    return [Question({"number": values}, len(values)) for values in rows]


@pytest.fixture
def ask():
    """Asks a model several questions at one moment; gives the answers, or what was raised, and what was counted."""

    def asking(model: Model, questions: list[Question], *, alone: bool = False):
        metrics = Metrics()

        async def all_at_once():
            batcher = Batcher(metrics)
            answers = [batcher.score(model, question, alone=alone) for question in questions]
            found = await asyncio.gather(*answers, return_exceptions=True)
            batcher.close()
            return found

        found = asyncio.run(all_at_once())
        return [one if isinstance(one, Exception) else one.predictions for one in found], metrics

    return asking


def test_those_of_one_moment_are_one_call_and_each_gets_its_rows(ask) -> None:
    model = Model()
    found, metrics = ask(model, _questions([1], [2, 3], [4]))
    assert found == [[1], [2, 3], [4]]
    assert model.calls == [4]
    assert metrics.batch_sum == 4
    assert metrics.batch_rows[ROW_BOUNDS.index(4)] == 1


def test_few_rows_that_cost_as_much_as_many_leave_the_event_loop_to_others() -> None:
    model = Model()

    async def ask_both() -> None:
        batcher = Batcher(Metrics())
        for many in (True, False):
            await batcher.score(model, Question({"number": [1]}, 1), alone=True, many=many)
        batcher.close()

    asyncio.run(ask_both())
    here = threading.current_thread().name
    assert [name == here for name in model.threads] == [False, True]


def test_one_that_can_not_be_scored_costs_the_others_nothing(ask) -> None:
    found, _ = ask(Model(), _questions([1], [-2], [3]))
    assert (found[0], found[2]) == ([1], [3])
    assert isinstance(found[1], InputError)


def test_more_than_is_scored_together_is_parted(ask) -> None:
    model = Model()
    found, _ = ask(model, _questions(*([float(number)] * 60 for number in range(6))))
    assert found == [[float(number)] * 60 for number in range(6)]
    assert model.calls == [240, 120]


def test_one_with_many_rows_is_scored_by_itself(ask) -> None:
    model = Model()
    found, _ = ask(model, _questions([1.0] * 65, [2.0], [3.0]))
    assert found == [[1.0] * 65, [2.0], [3.0]]
    assert sorted(model.calls) == [2, 65]


def test_one_that_is_alone_does_not_wait(ask) -> None:
    model = Model()
    ask(model, _questions([1], [2]), alone=True)
    assert model.calls == [1, 1]


def test_a_slow_model_answers_on_another_thread_and_together(ask) -> None:
    model = Model(seconds=0.1)
    found, _ = ask(model, _questions([1], [2], [-3], [4]))
    assert [found[0], found[1], found[3]] == [[1], [2], [4]]
    assert isinstance(found[2], InputError)
    assert threading.main_thread().name not in model.threads
    assert model.calls[0] == 4
    alone, _ = ask(model, _questions([1]), alone=True)
    assert alone == [[1]]
    assert threading.main_thread().name not in model.threads


def test_a_slow_model_holds_up_no_other(ask) -> None:
    """Its questions wait for each other; the event loop, and another model's, do not."""
    slow, fast = Model(seconds=0.3), Model()
    order: list[str] = []

    async def run() -> None:
        batcher = Batcher(Metrics())

        async def one(name: str, model: Model, value: float) -> None:
            answer = await batcher.score(model, Question({"number": [value]}, 1), alone=False)
            assert answer.predictions == [value]
            order.append(name)

        first = asyncio.create_task(one("slow", slow, 1))
        await asyncio.sleep(0.01)
        second = [asyncio.create_task(one("slow", slow, value)) for value in range(200)]
        await asyncio.gather(*(one("fast", fast, value) for value in range(5)))
        await asyncio.gather(first, *second)
        batcher.close()

    asyncio.run(run())
    assert order == ["fast"] * 5 + ["slow"] * 201
    assert slow.calls == [1, 200]


def test_a_model_that_is_slow_no_more_is_scored_at_once_again(ask) -> None:
    model = Model()
    model.seconds = 1.0
    ask(model, _questions([1]), alone=True)
    ask(model, _questions([2]), alone=True)
    assert model.threads[0] != threading.main_thread().name == model.threads[1]
