"""The challenger sees what the champion answers, in a process of its own; this is the worker's end of it."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

from modelway.serve.answers import Answer
from modelway.serve.events import describe_error, say
from modelway.serve.line import Frames, connect, frame

if TYPE_CHECKING:
    from modelway.records.serve import ShadowOptions
    from modelway.serve.metrics import Metrics
    from modelway.serve.recorder import Recorder, Served
    from modelway.serve.release import ServedModel
    from modelway.serve.validation import Question

HURRY = 0
"""The message that is no question: finish without the budget."""
_PAUSE = 0.2
"""Seconds until a connection that was lost is tried again."""
_LOOK = 0.01


class _Item(NamedTuple):
    """A request that the challenger is shown."""

    model: ServedModel
    served: Served
    logs: bool


class Shadow:
    """Sends requests to the shadow's process, a bounded number at a time, and records what comes back.

    All of it runs in the worker's event loop and costs little: what is slow is in the other process.

    Args:
        options: its bounds.
        recorder: writes the records of the requests, with what the challenger would have answered.
        metrics: counts them.
    """

    def __init__(self, options: ShadowOptions, recorder: Recorder, metrics: Metrics) -> None:
        self._recorder = recorder
        self._metrics = metrics
        self._most = options.queue
        self._numbers = count(1)
        self._waiting: dict[int, _Item] = {}
        self._transport: asyncio.Transport | None = None

    @property
    def waiting(self) -> int:
        """Requests that were sent and not answered yet."""
        return len(self._waiting)

    async def keep_connected(self, address: bytes) -> None:
        """Connect to the process, and again whenever it was replaced; ends when it is cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            with suppress(OSError):
                end = connect(address)
                transport, line = await loop.create_unix_connection(lambda: _Line(self), sock=end)
                self._transport = transport
                await line.lost.wait()
            self._transport = None
            self._give_up("the shadow's process ended")
            await asyncio.sleep(_PAUSE)

    def offer(self, model: ServedModel, served: Served, question: Question, *, logs: bool) -> bool:
        """Let a challenger see a request; False where there is no room. Never waits."""
        if self._transport is None or len(self._waiting) >= self._most:
            return False
        number = next(self._numbers)
        try:
            asked = frame([number, model.directory, model.bundle.digest, question.columns, question.rows])
        except Exception as error:  # noqa: BLE001 - a bug, which must not cost the request its record
            say("shadow_failed", "error", version=model.version, request=served.request, **describe_error(error))
            return False
        self._waiting[number] = _Item(model, served, logs)
        self._transport.write(asked)
        return True

    def hear(self, message: list[Any]) -> None:
        """What the process says of one request: its number, predictions, probabilities, and what went wrong."""
        number, predictions, probabilities, error = message
        item = self._waiting.pop(number, None)
        if item is None:
            return
        self._metrics.shadowed += 1
        answer = None
        if error is not None:
            self._metrics.shadow_failed += 1
            say("shadow_failed", "error", version=item.model.version, request=item.served.request, **error)
        else:
            answer = Answer(predictions, probabilities)
        if item.logs:
            self._recorder.record(item.served, (item.model, answer))
        else:
            self._recorder.skip(item.served)
        if probabilities is not None and item.served.answer is not None:
            pairs = zip(predictions, item.served.answer.predictions, strict=True)
            self._metrics.shadow_flips += sum(one != other for one, other in pairs)

    async def finish(self, seconds: float) -> None:
        """Let the process finish without its budget; what it can't finish in time is recorded without it."""
        deadline = time.monotonic() + seconds
        if self._transport is not None:
            self._transport.write(frame(HURRY))
        while self._waiting and self._transport is not None and time.monotonic() < deadline:
            await asyncio.sleep(_LOOK)
        self._give_up("the server ended")

    def _give_up(self, why: str) -> None:
        for number in list(self._waiting):
            self.hear([number, None, None, {"error": why}])


class _Line(asyncio.Protocol):
    """Bytes from the process into messages."""

    def __init__(self, shadow: Shadow) -> None:
        self.lost = asyncio.Event()
        self._shadow = shadow
        self._frames = Frames()

    def data_received(self, data: bytes) -> None:
        for message in self._frames.take(data):
            self._shadow.hear(message)

    def connection_lost(self, _: Exception | None) -> None:
        self.lost.set()
