"""The process in which challengers see requests: its own lock, its own share of a core, and last in line for it."""

from __future__ import annotations

import os
import selectors
import signal
import time
from collections import deque
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelway.serve.batching import score_together
from modelway.serve.events import capture_library_logs, describe_error, say
from modelway.serve.line import accept
from modelway.serve.memory import trim_often
from modelway.serve.release import load_model
from modelway.serve.shadow import HURRY
from modelway.serve.validation import Question

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from modelway.records.serve import ServeOptions
    from modelway.records.trust import Trust
    from modelway.serve.channel import Channel
    from modelway.serve.line import Connection
    from modelway.serve.release import ServedModel

_NICE = 10
"""Workers go before where cores are scarce."""
_TOGETHER = 32
"""Requests that are scored together at the most."""
_LONGEST_REST = 1.0
_SLICE = 0.05
"""Seconds of a rest after which it is seen whether there is a hurry."""
_KEPT = 8
"""Models that are kept loaded at the most."""


class Shadowing:
    """Answers what a worker shows it.

    Args:
        options: how models are served.
        channel: to the supervisor; when it closes, the process ends.
        listener: where the worker connects.
        load: gives the challenger of a directory and digest; raises anything where it can't.
    """

    def __init__(
        self,
        options: ServeOptions,
        channel: Channel,
        listener: socket.socket,
        load: Callable[[str, str], ServedModel],
    ) -> None:
        self._cpu = options.shadow.cpu
        self._load = load
        self._waiting: deque[tuple[Connection, list[Any]]] = deque()
        self._hurries = False
        self._ended = False
        self._selector = selectors.DefaultSelector()
        self._selector.register(channel, selectors.EVENT_READ, self._obey)
        self._selector.register(listener, selectors.EVENT_READ, lambda: self._meet(listener))
        self._channel = channel

    def run(self) -> None:
        """Answer until the supervisor is gone."""
        while not self._ended:
            self._look(None if not self._waiting else 0)
            started = time.process_time()
            if self._waiting:
                self._step()
            used = time.process_time() - started
            self._rest(min(used / self._cpu - used, _LONGEST_REST))

    def _rest(self, seconds: float) -> None:
        """Keep to the budget; meanwhile read, so that a hurry is seen and the worker never waits to be heard."""
        deadline = time.monotonic() + seconds
        while not self._hurries and not self._ended and (left := deadline - time.monotonic()) > 0:
            time.sleep(min(left, _SLICE))
            self._look(0)

    def _look(self, timeout: float | None) -> None:
        for key, _ in self._selector.select(timeout):
            key.data()

    def _obey(self) -> None:
        self._ended = self._channel.receive() is None

    def _meet(self, listener: socket.socket) -> None:
        connection = accept(listener)
        if connection is not None:
            self._hurries = False
            self._selector.register(connection, selectors.EVENT_READ, lambda: self._hear(connection))

    def _hear(self, connection: Connection) -> None:
        messages = connection.receive()
        if messages is None:
            self._selector.unregister(connection)
            connection.close()
            self._waiting = deque(item for item in self._waiting if item[0] is not connection)
            return
        for message in messages:
            if message == HURRY:
                self._hurries = True
            else:
                self._waiting.append((connection, message))

    def _step(self) -> None:
        """Score the first requests of one model together, and answer them."""
        connection, (_, directory, digest, _, _) = self._waiting[0]
        items: list[list[Any]] = []
        for one, message in islice(self._waiting, _TOGETHER):
            if one is not connection or message[1:3] != [directory, digest]:
                break
            items.append(message)
        for _ in items:
            self._waiting.popleft()
        for message in self._answers(directory, digest, items):
            connection.send(message)

    def _answers(self, directory: str, digest: str, items: list[list[Any]]) -> list[list[Any]]:
        try:
            model = self._load(directory, digest)
        except Exception as error:  # noqa: BLE001 - it may be broken in any way; the worker counts it
            return [[item[0], None, None, describe_error(error)] for item in items]
        answers = score_together(model, [Question(columns, rows) for _, _, _, columns, rows in items])
        return [
            [item[0], None, None, describe_error(found)]
            if isinstance(found, Exception)
            else [item[0], found.predictions, found.probabilities, None]
            for item, found in zip(items, answers, strict=True)
        ]


class Challengers:
    """The loaded challengers, by directory and digest.

    Args:
        options: how they are served.
        trust: what they may use, and who has to have signed them.
    """

    def __init__(self, options: ServeOptions, trust: Trust) -> None:
        self._options = options
        self._trust = trust
        self._known: dict[tuple[str, str], ServedModel] = {}

    def load_first(self, paths: tuple[str, ...]) -> None:
        """Load what is served from the start, so that the first requests find it there."""
        for path in paths:
            try:
                model = load_model(path, self._options, self._trust)
            except Exception as error:  # noqa: BLE001 - the worker tells the same, and ends
                say("shadow_not_loaded", "error", **describe_error(error))
            else:
                self._known[path, model.bundle.digest] = model

    def __call__(self, directory: str, digest: str) -> ServedModel:
        """The one that a worker means; raises anything where it can't be had."""
        model = self._known.get((directory, digest))
        if model is None:
            model = load_model(directory, self._options, self._trust)
            if model.bundle.digest != digest:
                raise ValueError(f"{Path(directory).name} is another bundle now than the worker's")
            self._known[directory, digest] = model
            while len(self._known) > _KEPT:
                del self._known[next(iter(self._known))]
        return model


def shadow(
    options: ServeOptions, trust: Trust, paths: tuple[str, ...], channel: Channel, listener: socket.socket
) -> int:
    """Be a worker's shadow; the process's exit code."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # it ends after the workers, when the supervisor says so
    os.nice(_NICE)
    capture_library_logs()
    challengers = Challengers(options, trust)
    challengers.load_first(paths)
    trim_often()
    Shadowing(options, channel, listener, challengers).run()
    return 0
