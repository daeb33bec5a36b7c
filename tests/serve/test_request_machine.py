"""A worker's requests under any order of events, against a model: each is answered, counted and recorded once."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from modelway.records.serve import HUNG_UP, InputOptions, ServeOptions, ShadowOptions, WorkerOptions

from .request_steps import FAILING, UNSCORABLE, WITHOUT_SCORE, Call, Worker, body

QUEUE, SHADOWED = 4, 2
LIMIT, UPLOADS, LARGE = 20_000, 40_000, 16 * 1024
BODY_SECONDS = 30.0
PART = 6_000
ROWS = st.sampled_from([1, 2, 60, 70])
SIZE, LARGE_SIZE = st.sampled_from([0, 0, 0, LARGE, LARGE + 1]), st.sampled_from([LARGE, LARGE + 1, LIMIT, LIMIT + 1])
FAULT = st.sampled_from([None, None, None, None, "x", UNSCORABLE, FAILING, WITHOUT_SCORE])
FAILS = {"x": 422, UNSCORABLE: 422, FAILING: 500, WITHOUT_SCORE: 500, None: 200}
WHICH, PARTS = st.integers(0, 20), st.integers(1, 4)
UPLOAD = st.tuples(ROWS, LARGE_SIZE, FAULT, PARTS)
MORE = st.lists(WHICH, max_size=6)


class _Known:
    """What the model knows of one request.

    Attributes:
        status: what it ends with, once that is decided.
        accepted: whether it takes a place in the queue.
        scored: whether the model had answered it when the server cancelled it.
        large: whether it counts as a large one.
        began: when its head came.
        rest: what of its body is still to come.
    """

    def __init__(self, call: Call, fault: object, content: bytes, now: float) -> None:
        self.call, self.fault = call, fault
        self.status: int | None = None
        self.accepted = self.scored = False
        self.large = len(content) > LARGE
        self.size = len(content)
        self.read = 0
        self.began = now
        self.rest = content


class RequestMachine(RuleBasedStateMachine):
    """One worker; its model takes some milliseconds, or a second."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        options = ServeOptions(
            input=InputOptions(max_bytes=LIMIT),
            shadow=ShadowOptions(queue=SHADOWED),
            workers=WorkerOptions(queue=QUEUE, upload_bytes=1, body_seconds=BODY_SECONDS),
        )
        self.worker = Worker(options, self.patch)
        self.requests: list[_Known] = []
        self.growing: dict[_Known, int] = {}
        self.kept: dict[_Known, int] = {}
        self.ended: Counter[int] = Counter()
        self.lines = self.answered = 0
        self.number = 0.0

    @initialize(shadows=st.booleans())
    def choose(self, shadows: bool) -> None:
        self.worker.shadows = shadows

    # What happens ----------------------------------------------------------------------------------------------

    def _request(self, rows: int, size: int, fault: object) -> _Known:
        self.number += 100
        numbers = [self.number + row for row in range(rows)]
        values = [*numbers[:-1], numbers[-1] if fault is None else fault]
        request = _Known(Call(numbers), fault, body(values, size), self.worker.clock.now)
        self.requests.append(request)
        return request

    @rule(kinds=st.lists(st.tuples(ROWS, SIZE, FAULT), min_size=1, max_size=7), slow=st.booleans())
    def ask(self, kinds: list[tuple[int, int, object]], slow: bool) -> None:
        """Several requests come at one moment, each in one piece, to a model that is fast or slow."""
        self._slow(slow)
        requests = [self._request(*kind) for kind in kinds]
        alone = not self.worker.tasks and len(requests) == 1
        for request in requests:
            request.call.give(request.rest, last=True)
            request.rest = b""
            self.worker.begin(request.call, length=request.size)
            self._admit(request, alone=alone)
        self._settle()

    @rule(
        kinds=st.lists(st.tuples(ROWS, LARGE_SIZE, FAULT, PARTS), min_size=1, max_size=5),
        tells=st.booleans(),
        more=MORE,
    )
    def upload(self, kinds: list[tuple[int, int, object, int]], tells: bool, more: list[int]) -> None:
        """Requests come whose bodies are there in part."""
        for *kind, parts in kinds:
            request = self._request(*kind)
            if tells and request.size > LIMIT:
                request.status = 413
            self.worker.begin(request.call, length=request.size if tells else None)
            self._settle()
            self._send(request, parts)
        for which in more:
            if uploading := self._uploading():
                self._send(uploading[which % len(uploading)], 1)

    @precondition(lambda self: self._uploading())
    @rule(which=WHICH, parts=PARTS)
    def send(self, which: int, parts: int) -> None:
        """Parts of a body come; more than memory allows for cost the upload that is idle longest."""
        request = self._uploading()[which % len(self._uploading())]
        self._send(request, parts)

    def _send(self, request: _Known, parts: int) -> None:
        for _ in range(parts):
            if request.status is None and request.rest:
                self._send_part(request)

    def _send_part(self, request: _Known) -> None:
        part, request.rest = request.rest[:PART], request.rest[PART:]
        whole = not request.read and not request.rest
        request.read += len(part)
        request.call.give(part, last=not request.rest)
        if not whole:
            self._grow(request, len(part))
        if request.status is None and request.read > LIMIT:
            request.status = 413
        if request.status is None and not request.rest:
            if request in self.growing:
                self.kept[request] = self.growing.pop(request)
            self._admit(request, alone=len(self.worker.tasks) == 1)
        self._settle()

    def _grow(self, request: _Known, size: int) -> None:
        self.growing[request] = self.growing.pop(request, 0) + size
        while sum(self.growing.values()) + sum(self.kept.values()) > UPLOADS:
            oldest = next(iter(self.growing))
            oldest.status = 429 if oldest is request else 408
            del self.growing[oldest]
            if oldest is request:
                return

    def _admit(self, request: _Known, *, alone: bool) -> None:
        """The body is whole: there is a place in the queue, or there is none."""
        large = sum(other.large for other in self._waiting())
        if len(self._waiting()) >= QUEUE or (request.large and 2 * large >= QUEUE):
            request.status = 429
        elif not request.large and (request.fault == "x" or (alone and self._is_quick(request))):
            request.status = FAILS[request.fault]
        else:
            request.accepted = True
        if not request.accepted:
            self.kept.pop(request, None)

    def _is_quick(self, request: _Known) -> bool:
        return not self.worker.release.champion.seconds and len(request.call.numbers) <= 64

    @precondition(lambda self: self._open())
    @rule(which=WHICH)
    def hang_up(self, which: int) -> None:
        request = self._open()[which % len(self._open())]
        request.call.hang_up()
        if not request.accepted:
            request.status = HUNG_UP
        self._settle()

    @precondition(lambda self: self._open())
    @rule(which=WHICH)
    def cut_off(self, which: int) -> None:
        """The time to finish requests is over: the server cancels one."""
        request = self._open()[which % len(self._open())]
        request.status = 503
        request.scored = request.call.numbers[0] in self.worker.release.champion.bundle.scored
        request.call.task.cancel()
        self._settle()

    @rule(pool=st.sampled_from(["predict", "predict-slow", "records"]), jobs=st.integers(1, 4))
    def work(self, pool: str, jobs: int) -> None:
        """A thread has time."""
        for _ in range(jobs):
            if self.worker.jobs[pool]:
                self.worker.jobs[pool].run()
            self._settle(0.05)

    @rule(seconds=st.sampled_from([0.05, BODY_SECONDS + 1]))
    def wait(self, seconds: float) -> None:
        self._settle(seconds)

    def _slow(self, slow: bool) -> None:
        model = self.worker.release.champion
        model.seconds = model.bundle.seconds = float(slow)

    @rule(draining=st.booleans())
    def drain(self, draining: bool) -> None:
        self.worker.endpoint.draining = draining

    @rule(full=st.booleans())
    def log(self, full: bool) -> None:
        self.worker.journal.full = full

    @rule(answers=st.integers(0, 3), fails=st.booleans(), ends=st.booleans())
    def challenge(self, answers: int, fails: bool, ends: bool) -> None:
        """The challenger answers some of what it was shown, fails, or ends."""
        shown = self.worker.challenger.shown
        for _ in range(min(answers, len(shown))):
            number, *_, columns, _ = shown.popleft()
            error = {"error": "a bug"} if fails else None
            self.worker.shadow.hear([number, None if fails else columns["number"], None, error])
        if ends:
            self.worker.shadow._give_up("it ended")
            shown.clear()
        self._settle()

    @rule()
    def finish(self) -> None:
        """All comes to its end; then the queue has all of its places again, to the last."""
        self.worker.journal.full = False
        self._slow(True)
        self._run_all()
        small = [self._request(1, 0, None) for _ in range(QUEUE + 2)]
        self._ask_together(small, [None] * QUEUE + [429] * 2)
        large = [self._request(1, LARGE + 1, None) for _ in range(QUEUE)]
        self._ask_together(large, [None] * (QUEUE // 2) + [429] * (QUEUE // 2))
        self._slow(False)

    def _ask_together(self, requests: list[_Known], expected: list[int | None]) -> None:
        for request in requests:
            request.call.give(request.rest, last=True)
            request.rest = b""
            self.worker.begin(request.call)
            self._admit(request, alone=False)
        self._settle()
        assert [next(iter(request.call.statuses), None) for request in requests] == expected
        self._run_all()
        assert [request.call.statuses for request in requests] == [[status or 200] for status in expected]

    def _run_all(self) -> None:
        self._settle(BODY_SECONDS + 1)
        while any(self.worker.jobs.values()) or self.worker.challenger.shown:
            for jobs in self.worker.jobs.values():
                while jobs:
                    jobs.run()
                    self._settle(0.05)
            self.challenge(SHADOWED, False, False)
        worker = self.worker
        assert not self._open()
        assert not self.growing
        assert (worker.endpoint.inflight, worker.endpoint._large, worker.endpoint._uploads._total) == (0, 0, 0)
        assert (worker.shadow.waiting, worker.recorder._rows - worker.recorder._written) == (0, 0)
        self.counted()
        assert sum(worker.metrics.kept.outcomes.values()) == sum(self.ended.values())
        assert len(worker.journal.lines) + worker.journal.dropped == self.lines
        rows = [(line["request"], line["row"]) for line in worker.journal.lines]
        assert len(rows) == len(set(rows))

    def teardown(self) -> None:
        try:
            self.finish()
            worker = self.worker
            worker.desk.write_statistics(worker.plan, last=True)
            added = Counter[str]()
            for line in worker.journal.statistics:
                added.update({name: line[name] for name in ("requests", "hung_up", "errors", "refused")})
            assert added["requests"] == sum(self.ended.values())
            assert added["hung_up"] == self.ended[HUNG_UP]
            assert added["errors"] == self.ended[500] + self.ended[503]
            assert added["refused"] == sum(self.ended[status] for status in (408, 413, 422, 429))
        finally:
            for request in self._open():
                request.call.task.cancel()
            self.worker.close()
            self.patch.undo()

    # What must hold --------------------------------------------------------------------------------------------

    def _open(self) -> list[_Known]:
        return [request for request in self.requests if request.status is None]

    def _waiting(self) -> list[_Known]:
        return [request for request in self._open() if request.accepted]

    def _uploading(self) -> list[_Known]:
        return [request for request in self._open() if request.rest]

    def _settle(self, seconds: float = 0.0) -> None:
        worker = self.worker
        worker.settle(seconds)
        for request in self._open():
            if not request.accepted and worker.clock.now - request.began >= BODY_SECONDS:
                request.status = 408
            elif request.accepted and request.call.task.done():
                request.status = FAILS[request.fault]
                if request.status == 200 and request.call.gone:
                    request.status = HUNG_UP
            if request.status is None and request.accepted and not request.large and self._is_quick(request):
                assert worker.jobs["predict-slow"], "a small request waits although nothing keeps it"
        for request in [request for request in self.requests if request.status is not None]:
            self._check_end(request)
            self.requests.remove(request)
            self.growing.pop(request, None)
            self.kept.pop(request, None)

    def _check_end(self, request: _Known) -> None:
        call, status = request.call, request.status
        assert call.task.done()
        assert call.task.exception() is None
        self.ended[status] += 1
        answered = request.scored or status == 200 or (status == HUNG_UP and request.accepted)
        self.answered += answered
        self.lines += len(call.numbers) if answered else 1
        if call.gone:
            assert not call.statuses
            return
        assert call.statuses == [status]
        assert [message.get("more_body", False) for message in call.sent[1:]][-1:] == [False]
        assert status != 200 or call.json["predictions"] == call.numbers
        assert (b"retry-after" in call.headers) == (status in {429, 503})
        assert (b"connection" in call.headers) == (self.worker.endpoint.draining or status in {408, 413, 503})

    @invariant()
    def counted(self) -> None:
        worker = self.worker
        assert worker.endpoint.inflight == len(self._waiting()) <= QUEUE
        assert worker.endpoint._large == sum(request.large for request in self._waiting())
        assert worker.endpoint._uploads._total == sum(self.growing.values()) + sum(self.kept.values()) <= UPLOADS
        statuses = Counter[str]()
        for arm in worker.metrics.arms.values():
            statuses.update(arm.statuses)
        assert statuses == {str(status): number for status, number in self.ended.items()}
        metrics, waiting = worker.metrics, worker.shadow.waiting
        assert waiting == len(worker.challenger.shown) <= SHADOWED
        assert metrics.shadowed + metrics.shadow_dropped + waiting == self.answered * worker.shadows
        unrecorded = waiting + len(worker.jobs["records"])
        assert sum(metrics.kept.outcomes.values()) == sum(self.ended.values()) - unrecorded
        assert sum(metrics.hang_ups.values()) == self.ended[HUNG_UP]


TestRequestMachine = RequestMachine.TestCase
TestRequestMachine.settings = settings(settings.get_profile("machine"), max_examples=60, stateful_step_count=40)
