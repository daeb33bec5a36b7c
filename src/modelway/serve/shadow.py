"""The challenger sees what the champion answers, on a thread and a budget of its own."""

from __future__ import annotations

import queue
import threading
import time
from typing import TYPE_CHECKING

from modelway.serve.batching import score_together
from modelway.serve.events import describe_error, say

if TYPE_CHECKING:
    from modelway.records.serve import ShadowOptions
    from modelway.serve.metrics import Metrics
    from modelway.serve.recorder import Recorder, Served
    from modelway.serve.release import ServedModel
    from modelway.serve.validation import Question

    _Item = tuple[ServedModel, Served, Question, bool]

_TOGETHER = 8
"""Requests that are scored together at the most; each step keeps the response path waiting a little."""
_LONGEST_REST = 1.0
_END = None


class Shadow:
    """A bounded queue and the thread that empties it.

    Args:
        options: its bounds.
        recorder: writes the records of the requests, with what the challenger would have answered.
        metrics: counts them.
    """

    def __init__(self, options: ShadowOptions, recorder: Recorder, metrics: Metrics) -> None:
        self._recorder = recorder
        self._metrics = metrics
        self._cpu = options.cpu
        self._queue: queue.Queue[_Item | None] = queue.Queue(options.queue)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="shadow", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return self._queue.qsize()

    def offer(self, model: ServedModel, served: Served, question: Question, *, logs: bool) -> bool:
        """Let a challenger see a request; False where there is no room. Never waits."""
        try:
            self._queue.put_nowait((model, served, question, logs))
        except queue.Full:
            return False
        return True

    def close(self, seconds: float) -> None:
        """Finish what is in the queue, without the budget; what can't be finished in time is recorded without it."""
        self._ending.set()
        try:
            self._queue.put(_END, timeout=seconds)
            self._thread.join(seconds)
        except queue.Full:
            pass
        while not self._queue.empty():
            item = self._queue.get_nowait()
            if item is not None and item[3]:
                self._recorder.record(item[1], (item[0], None))

    def _run(self) -> None:
        while True:
            items = [self._queue.get()]
            while len(items) < _TOGETHER and items[-1] is not None and not self._queue.empty():
                items.append(self._queue.get())
            started = time.thread_time()
            for model in {id(item[0]): item[0] for item in items if item is not None}.values():
                self._see(model, [item for item in items if item is not None and item[0] is model])
            if items[-1] is None:
                return
            used = time.thread_time() - started
            self._ending.wait(min(used / self._cpu - used, _LONGEST_REST))

    def _see(self, model: ServedModel, items: list[_Item]) -> None:
        """Score several requests together and record them."""
        answers = score_together(model, [question for _, _, question, _ in items])
        for (_, served, _, logs), found in zip(items, answers, strict=True):
            self._metrics.shadowed += 1
            answer = None if isinstance(found, Exception) else found
            if isinstance(found, Exception):
                self._metrics.shadow_failed += 1
                say("shadow_failed", "error", version=model.version, request=served.request, **describe_error(found))
            elif found.probabilities is not None and served.answer is not None:
                pairs = zip(found.predictions, served.answer.predictions, strict=True)
                self._metrics.shadow_flips += sum(one != other for one, other in pairs)
            if logs:
                self._recorder.record(served, (model, answer))
