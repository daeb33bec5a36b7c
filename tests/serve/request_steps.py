"""A worker's way of a request in simulated time: its event loop, its threads and its callers take the test's steps."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from modelway.errors import InputError, NoScoreError
from modelway.records.data import ColumnType, Task
from modelway.records.evaluate import Scores
from modelway.records.flags import Route
from modelway.records.serve import ServeOptions
from modelway.serve import batching, desk, endpoint, recorder, shadow
from modelway.serve.batching import Batcher
from modelway.serve.desk import Desk
from modelway.serve.endpoint import Endpoint
from modelway.serve.line import Frames
from modelway.serve.metrics import Metrics
from modelway.serve.protocols import SCORING
from modelway.serve.recorder import Recorder
from modelway.serve.release import Release, ReleasePaths, ServedModel
from modelway.serve.shadow import Shadow

UNSCORABLE, FAILING, WITHOUT_SCORE = -1.0, -2.0, -3.0
"""Values with which the model refuses a row, fails, and gives no finite score."""


class Clock:
    """Stands in for the module `time`."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def time(self) -> float:
        return self.now

    perf_counter = monotonic = time


class Jobs:
    """Stands in for a pool of one thread: a job runs when the test lets it."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Future[Any], Callable[[], Any]]] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def submit(self, work: Callable[..., Any], *arguments: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self._waiting.append((future, lambda: work(*arguments)))
        return future

    def run(self) -> None:
        """Run the job that has waited longest."""
        future, work = self._waiting.popleft()
        if not future.set_running_or_notify_cancel():
            return
        try:
            future.set_result(work())
        except Exception as error:  # noqa: BLE001 - as a thread does
            future.set_exception(error)


class Bundle:
    """Stands in for a bundle of one numeric column: it predicts each row's own number."""

    def __init__(self, version: int, clock: Clock) -> None:
        self.seconds, self._clock = 0.0, clock
        self.scored: set[float] = set()
        self.info = SimpleNamespace(name="m", version=version, commit="", run_id="", model_digest="")
        self.digest, self.files = f"{version}", {}
        fields = {"nullable": False, "values": None, "refuse_unseen": False, "min": None, "max": None, "format": None}
        column = SimpleNamespace(name="number", type=ColumnType.NUMBER, **fields)
        self.signature = SimpleNamespace(task=Task.REGRESSION, classes=(), columns=(column,))

    def predict(self, columns: dict[str, list[float]], rows: int) -> Scores:
        values = columns["number"]
        self._clock.now += self.seconds
        assert len(values) == rows
        if UNSCORABLE in values:
            raise InputError("a number that can't be scored", where="number")
        if FAILING in values:
            raise RuntimeError("a bug of the model's")
        if WITHOUT_SCORE in values:
            raise NoScoreError("no finite score")
        self.scored.update(values)
        return Scores(np.array(values, dtype=float))


class Journal:
    """Stands in for the prediction log: keeps lines, or has no memory for them."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []
        self.statistics: list[dict[str, Any]] = []
        self.full = False
        self.dropped = 0

    def append(self, stream: str, line: bytes, moment: float, *, bulk: bool = False) -> bool:
        if stream == "statistics":
            self.statistics.append(json.loads(line))
            return True
        if self.full:
            self.dropped += 1
        else:
            self.lines.append(json.loads(line))
        return not self.full

    def wait_for_room(self, size: int, seconds: float) -> bool:
        return not self.full


class Challenger:
    """Stands in for the line to the shadow's process: keeps what it is shown."""

    def __init__(self) -> None:
        self.shown: deque[list[Any]] = deque()
        self._frames = Frames()

    def write(self, content: bytes) -> None:
        self.shown.extend(self._frames.take(content))


@dataclass(eq=False)
class Call:
    """One request: the caller's end of it.

    Attributes:
        numbers: its rows.
        parts: what of its body has come and was not read yet.
        whole: whether the last part has come.
        gone: whether the caller has hung up.
        sent: what was sent to it.
        task: the server's task.
    """

    numbers: list[float]
    parts: deque[bytes] = field(default_factory=deque)
    whole: bool = False
    gone: bool = False
    sent: list[dict[str, Any]] = field(default_factory=list)
    task: asyncio.Task[None] | None = None
    came: asyncio.Event = field(default_factory=asyncio.Event)

    async def receive(self) -> dict[str, Any]:
        while not self.gone and not self.parts:
            self.came.clear()
            await self.came.wait()
        if self.gone:
            return {"type": "http.disconnect"}
        body = self.parts.popleft()
        return {"type": "http.request", "body": body, "more_body": bool(self.parts) or not self.whole}

    async def send(self, message: dict[str, Any]) -> None:
        if not self.gone:
            self.sent.append(message)

    def give(self, *parts: bytes, last: bool) -> None:
        """More of the body comes."""
        self.parts.extend(parts)
        self.whole |= last
        self.came.set()

    def hang_up(self) -> None:
        self.gone = True
        self.came.set()

    @property
    def statuses(self) -> list[int]:
        return [message["status"] for message in self.sent if message["type"] == "http.response.start"]

    @property
    def headers(self) -> dict[bytes, bytes]:
        return dict(self.sent[0]["headers"])

    @property
    def json(self) -> Any:
        return json.loads(b"".join(message.get("body", b"") for message in self.sent))


class Worker:
    """What one worker has for its requests, with stand-ins for all that waits."""

    def __init__(self, options: ServeOptions, patch: pytest.MonkeyPatch) -> None:
        self.clock = Clock()
        for module in (batching, desk, endpoint):
            patch.setattr(module, "time", self.clock)
        for module in (desk, endpoint, recorder, shadow):
            patch.setattr(module, "say", lambda *_, **__: None)
        patch.setattr(recorder, "_MOST_WAITING", 150)
        patch.setattr(batching, "_TOGETHER", 100)
        self.jobs: dict[str, Jobs] = {}
        for module in (batching, recorder):
            patch.setattr(module, "ThreadPoolExecutor", self._make_jobs)
        self.loop = asyncio.new_event_loop()
        patch.setattr(self.loop, "time", self.clock.time)
        self.metrics, self.journal, self.challenger = Metrics(), Journal(), Challenger()
        self.recorder = Recorder(options.log, self.journal, self.metrics.kept)
        self.shadow = Shadow(options.shadow, self.recorder, self.metrics)
        self.shadow._transport = self.challenger
        self.shadows = False
        models = [ServedModel(Bundle(version, self.clock), f"bundle-{version}", options) for version in (3, 4)]
        self.release = Release(models[0], (models[1],), ReleasePaths("bundle-3"))
        rules = SimpleNamespace(epoch="e", uses_challenger=False)
        self.plan = SimpleNamespace(release=self.release, router=SimpleNamespace(route=self._route, rules=rules))
        self.desk = Desk(options, self.metrics, self.recorder, self.journal, self.shadow, "me")
        self.batcher = Batcher(self.metrics)
        self.endpoint = Endpoint(options, self.batcher, self.desk)
        self.tasks: set[asyncio.Task[None]] = set()
        self.endpoint.tasks = self.tasks

    def _make_jobs(self, _: int, thread_name_prefix: str) -> Jobs:
        return self.jobs.setdefault(thread_name_prefix, Jobs())

    def _route(self, key: str) -> Route:
        return Route("champion", "3", "4" if self.shadows else None, "e")

    def begin(self, call: Call, *, length: int | None = None) -> None:
        """A request's head has come."""
        headers = [(b"content-type", b"application/json"), (b"x-request-id", f"{call.numbers[0]:.0f}".encode())]
        if length is not None:
            headers.append((b"content-length", b"%d" % length))
        answering = self.endpoint({"headers": headers}, call.receive, call.send, self.plan, SCORING)
        call.task = self.loop.create_task(answering)
        self.tasks.add(call.task)
        call.task.add_done_callback(self.tasks.discard)

    def settle(self, seconds: float = 0.0) -> None:
        """Let the event loop do all that it can."""
        self.clock.now += seconds

        async def turns() -> None:
            for _ in range(40):
                await asyncio.sleep(0)

        self.loop.run_until_complete(turns())

    def close(self) -> None:
        self.settle()
        self.loop.close()


def body(numbers: list[float | str], size: int = 0) -> bytes:
    """A body of so many bytes at least."""
    return json.dumps({"inputs": {"number": numbers}}).encode().ljust(size)
