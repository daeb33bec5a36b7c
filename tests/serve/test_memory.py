"""What a server holds when the requests that needed it are over."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import json
import threading
import weakref
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from modelway.records.serve import LogOptions
from modelway.serve.batching import Batcher
from modelway.serve.metrics import Kept, Metrics
from modelway.serve.recorder import _MOST_WAITING, Recorder
from modelway.serve.validation import Question

MIB = 2**20
_REFUSED = {
    "commas": ("/predict", "text/csv", b"age,income\n" + b"," * 9 * MIB),
    "not JSON": ("/predict", "application/json", b'{"dataframe_split": [' + b"1," * 400_000 + b"1" * 8 * MIB),
    "too many inputs": (
        "/v2/models/loans/infer",
        "application/json",
        json.dumps(
            {"inputs": [{"name": f"x{n}", "shape": [1], "datatype": "INT64", "data": [1]} for n in range(120_000)]}
        ).encode(),
    ),
}


def _held(server) -> float:
    """MiB that the server's processes have for themselves."""
    processes = psutil.Process(server.process.pid).children(recursive=True)
    return sum(process.memory_full_info().uss for process in processes) / MIB


@pytest.mark.slow
@pytest.mark.parametrize("kind", _REFUSED)
def test_server_after_large_refused_bodies_holds_none_without_a_collection(start, tmp_path, kind, row) -> None:
    (tmp_path / "site").mkdir()
    stand_in = (Path(__file__).parent / "stand_in" / "sitecustomize.py").read_text()
    (tmp_path / "site" / "sitecustomize.py").write_text(f"{stand_in}\nimport gc\ngc.disable()\n")
    server = start(env={"PYTHONPATH": str(tmp_path / "site")})
    path, media, body = _REFUSED[kind]
    assert server.ask("POST", path, body, content_type=media).status in {400, 413}
    assert server.predict(row).status == 200
    before = _held(server)
    for _ in range(12):
        assert server.ask("POST", path, body, content_type=media).status in {400, 413}
    assert _held(server) - before < 4 * len(body) / MIB


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="this C library is not glibc")
def test_server_after_large_accepted_bodies_gives_memory_back(start, row, until) -> None:
    server = start(input__max_bytes=10_000_000)
    for _ in range(20):
        assert server.predict(row).status == 200
    before = _held(server)
    for number in range(8):
        assert server.predict({**row, "note": f"{number} " * 3_000_000}).status == 200
        assert server.predict(*[{**row, "note": f"{number} " * 900}] * 3_000).status == 200
    until(lambda: _held(server) < before * 1.2 + 8, 30)


def test_question_that_a_model_fails_on_is_freed_without_a_collection() -> None:
    class Rows(list):
        pass

    class Model:
        seconds = 0.0
        version = "3"
        validator = SimpleNamespace(names=("number",), nullable=frozenset())

        def score(self, question: Question) -> None:
            failed.append(question.rows)
            raise RuntimeError

    failed: list[int] = []

    async def fail() -> weakref.ref:
        values = Rows([1.0])
        batcher = Batcher(Metrics())
        with suppress(RuntimeError):
            await batcher.score(Model(), Question({"number": values}, 1), alone=False)
        batcher.close()
        return weakref.ref(values)

    gc.disable()
    try:
        assert asyncio.run(fail())() is None
        assert failed
    finally:
        gc.enable()


def test_large_requests_wait_until_earlier_records_are_written() -> None:
    room = threading.Event()

    class Lines:
        dropped = 0

        def append(self, *_: object, **__: object) -> bool:
            return room.wait(60)

        def wait_for_room(self, *_: object) -> bool:
            return True

    class Model:
        classes = ("no", "yes")
        signature = SimpleNamespace(columns=())

    model = Model()
    question = Question({}, _MOST_WAITING + 1)

    def served(rows: int) -> SimpleNamespace:
        answer = SimpleNamespace(predictions=["yes"] * rows, probabilities=None)
        return SimpleNamespace(
            id="id", request="r", moment=0.0, key=None, variant="champion", version="3", epoch="e", status=200,
            latency_ms=1.0, model=model, question=Question({}, rows), answer=answer, smoke=False, hung_up=None,
            weight=rows,
        )  # fmt: skip

    async def run() -> None:
        recorder = Recorder(LogOptions(), Lines(), Kept())
        await asyncio.wait_for(recorder.keep_up(), 60)
        recorder.record(served(question.rows))
        recorder.record(served(100))
        waiting = asyncio.create_task(recorder.keep_up())
        done, _ = await asyncio.wait([waiting], timeout=0.2)
        assert not done
        room.set()
        await asyncio.wait_for(waiting, 60)
        recorder.close()
        await asyncio.wait_for(recorder.keep_up(), 60)

    asyncio.run(run())
