"""A prediction request from its last byte to the response's: the path that every request takes."""

from __future__ import annotations

import asyncio
import hmac
import os
import re
import time
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from itertools import count
from typing import TYPE_CHECKING, Any

from modelway.errors import InputError, NoScoreError
from modelway.records.flags import Route
from modelway.records.serve import HUNG_UP, SMOKE_HEADER
from modelway.serve.answers import to_json
from modelway.serve.batching import MANY_ROWS
from modelway.serve.bodies import RETRY, GoneError, Uploads, decompress, has_hung_up, is_gone, read_body, respond
from modelway.serve.events import describe_error, say
from modelway.serve.protocols import JSON
from modelway.serve.recorder import Served
from modelway.serve.refusals import Fault, RefusedError, unfit

if TYPE_CHECKING:
    from collections.abc import Iterable, Sized

    from modelway.records.serve import ServeOptions
    from modelway.serve.answers import Answer
    from modelway.serve.batching import Batcher
    from modelway.serve.bodies import Receive, Scope, Send
    from modelway.serve.desk import Desk
    from modelway.serve.protocols import Content, Protocol
    from modelway.serve.release import ServedModel
    from modelway.serve.steering import Plan
    from modelway.serve.validation import Question

    Headers = dict[bytes, bytes]
    Reply = tuple[int, bytes, Iterable[tuple[bytes, bytes]]]
    """Status, body and further headers of a response."""

PINNED = "pinned"
"""The epoch of requests that name their version themselves."""
_SMOKE = SMOKE_HEADER.encode()
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:/+=-]{1,128}")
_LONGEST_KEY = 1024
_MOST_BYTES, _MOST_WORK = 16 * 1024, 200_000
"""Bytes, and values times columns, up to which a body is read at once; a larger one on another thread."""
_BYTES_OF_A_ROW = _MOST_BYTES // MANY_ROWS
_CLOSE = (b"connection", b"close")
_BUG = RefusedError(500, "INTERNAL_ERROR", "the server failed; its log says why")
_ENDING = RefusedError(503, "UNAVAILABLE", "the server is ending; try again", headers=((b"retry-after", b"1"),))
_CLOSING = frozenset({408, 413, 503})
"""Statuses after which the rest of a body may still be on its way."""
_SLOW = 0.005
"""Seconds of scoring after which the caller may well have hung up, and the connection is looked at."""


@dataclass(slots=True)
class _Exchange:
    """What is known of a request so far."""

    id: str
    request: str
    plan: Plan
    moment: float
    started: float
    key: str | None = None
    route: Route | None = None
    question: Question | None = None
    answer: Answer | None = None
    smoke: bool = False
    hung_up: str | None = None
    size: int = 0
    """Bytes of the body, decompressed."""

    @property
    def weight(self) -> int:
        """Rows, or how many rows are usually in so many bytes: a few can hold megabytes of text."""
        return max(self.size // _BYTES_OF_A_ROW, self.question.rows if self.question is not None else 0)


class Endpoint:
    """Answers prediction requests.

    Attributes:
        inflight: requests under way.
        draining: whether this worker is about to end; callers are then told to take another connection.
        tasks: the server's tasks, one for each request that has begun to come.

    Args:
        options: how models are served.
        batcher: scores.
        desk: counts and records what was answered.
        smoke: SHA-256 of the token that proves a smoke test's requests; without one there are no such requests.
    """

    def __init__(self, options: ServeOptions, batcher: Batcher, desk: Desk, smoke: bytes | None = None) -> None:
        self.inflight = self._large = 0
        self.draining = False
        self.tasks: Sized = ()
        self._batcher = batcher
        self._desk = desk
        self._smoke = smoke
        self._prefix = os.urandom(8).hex()
        self._numbers = count()
        self._limit = options.input.max_bytes
        self._body_seconds = options.workers.body_seconds
        self._uploads = Uploads(max(options.workers.upload_bytes, 2 * self._limit))
        self._queue = options.workers.queue
        self._key_header = (options.routing.header or "").lower().encode()
        self._key_column = options.routing.column

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send, plan: Plan, protocol: Protocol, version: str | None = None
    ) -> None:
        """Answer one request; one whose caller hangs up is counted and recorded like all others.

        Args:
            scope: the request's head.
            receive: gives its body.
            send: takes the response.
            plan: what answers it, whatever comes into force meanwhile.
            protocol: what its body means.
            version: the version that it names itself; the flags choose where it names none.
        """
        headers: Headers = dict(scope["headers"])
        exchange = self._begin(headers, plan)
        reply = await self._reply(exchange, receive, headers, protocol, version)
        route = exchange.route or self._route(exchange, version)
        status = HUNG_UP if reply is None else await self._respond(exchange, receive, send, route, reply)
        latency = (time.perf_counter() - exchange.started) * 1000
        shadow = exchange.plan.release.models[route.shadow] if route.shadow is not None else None
        self._desk.settle(self._served(exchange, route, status, latency), shadow)

    def _begin(self, headers: Headers, plan: Plan) -> _Exchange:
        id_ = f"{self._prefix}-{next(self._numbers):x}"
        given = headers.get(b"x-request-id", b"")
        request = given.decode() if _REQUEST_ID.fullmatch(given) else id_
        key = _text(headers.get(self._key_header, b""))[:_LONGEST_KEY] or None
        exchange = _Exchange(id_, request, plan, time.time(), time.perf_counter(), key)
        proof = headers.get(_SMOKE)
        if proof is not None and self._smoke is not None:
            exchange.smoke = hmac.compare_digest(sha256(proof).digest(), self._smoke)
        return exchange

    async def _reply(
        self, exchange: _Exchange, receive: Receive, headers: Headers, protocol: Protocol, version: str | None
    ) -> Reply | None:
        """What the response is to be; None where the caller hung up before the request was whole."""
        try:
            length = headers.get(b"content-length")
            body = await read_body(receive, length, self._limit, self._body_seconds, self._uploads)
            exchange.started = time.perf_counter()
            return 200, *await self._answer(exchange, body, headers, protocol, version)
        except GoneError:
            exchange.hung_up = "body"
            return None
        except RefusedError as error:
            return _refusal(error, exchange, protocol)
        except asyncio.CancelledError:
            refused = _ENDING  # the time to finish requests under way is over
        except Exception as error:  # noqa: BLE001 - a bug of ours is told to whoever runs the server, not to callers
            say("request_failed", "error", request=exchange.request, **describe_error(error))
            refused = _BUG
        return _refusal(refused, exchange, protocol)

    async def _respond(self, exchange: _Exchange, receive: Receive, send: Send, route: Route, reply: Reply) -> int:
        """Send the response; its status, or `HUNG_UP` where the model's answer found nobody to take it."""
        status, content, extra = reply
        try:
            if status == 200:
                exchange.hung_up = "scoring"
                slow = time.perf_counter() - exchange.started > _SLOW
                if await has_hung_up(receive) if slow else is_gone(receive):
                    return HUNG_UP
            exchange.hung_up = "response"
            await respond(receive, send, status, [*self._headers(exchange, route, status), *extra], content)
        except (GoneError, asyncio.CancelledError):
            if status == 200:
                return HUNG_UP
        except Exception as error:  # noqa: BLE001 - as in `_reply`; the server answers 500 where nothing was sent
            say("response_failed", "error", request=exchange.request, **describe_error(error))
            status = 500
        exchange.hung_up = None
        return status

    async def _answer(
        self, exchange: _Exchange, body: bytes, headers: Headers, protocol: Protocol, version: str | None
    ) -> Content:
        if self.inflight >= self._queue:
            self._uploads.release(body)
            raise RefusedError(429, "RESOURCE_EXHAUSTED", "too many requests are waiting; try again", headers=RETRY)
        small = self._is_small(exchange, body, headers)
        if not small and self._large * 2 >= self._queue:
            self._uploads.release(body)
            raise RefusedError(
                429, "RESOURCE_EXHAUSTED", "too many large requests are waiting; try again", headers=RETRY
            )
        self.inflight += 1
        self._large += not small
        try:
            if small:
                model, form = self._ask(exchange, body, headers, protocol, version)
            else:
                await self._desk.keep_up()
                model, form = await self._batcher.aside(partial(self._ask, exchange, body, headers, protocol, version))
            if exchange.weight > MANY_ROWS:
                await self._desk.keep_up()
            answer = exchange.answer = await self._score(exchange, model)
            if len(answer.predictions) <= MANY_ROWS:
                return protocol.write(model, answer, form)
            return await self._batcher.aside(partial(protocol.write, model, answer, form))
        finally:
            self._uploads.release(body)
            self.inflight -= 1
            self._large -= not small

    def _is_small(self, exchange: _Exchange, body: bytes, headers: Headers) -> bool:
        """Whether reading the body costs less than going to another thread for it would gain the other requests."""
        if len(body) > _MOST_BYTES or b"content-encoding" in headers:
            return False
        values = body.count(b",") + body.count(b"\n")
        return values * len(exchange.plan.release.champion.validator.names) <= _MOST_WORK

    def _ask(
        self, exchange: _Exchange, body: bytes, headers: Headers, protocol: Protocol, version: str | None
    ) -> tuple[ServedModel, Any]:
        """Read the body and find the model that answers it."""
        if (encoding := headers.get(b"content-encoding", b"identity")) != b"identity":
            body = decompress(body, encoding, self._limit)
        exchange.size = len(body)
        release = exchange.plan.release
        if version is not None or self._key_column is None or exchange.key is not None:
            model = release.models[self._route(exchange, version).version]
            exchange.question, form = protocol.read(body, headers, model.validator)
            return model, form
        # The key stands in a column, so the body is read first, as the champion wants it.
        question, form = protocol.read(body, headers, release.champion.validator)
        value = question.columns.get(self._key_column, [None])[0]
        exchange.key = None if value is None else str(value)[:_LONGEST_KEY]
        model = release.models[self._route(exchange, version).version]
        if model.signature.columns != release.champion.signature.columns:
            question, form = protocol.read(body, headers, model.validator)
        exchange.question = question
        return model, form

    def _route(self, exchange: _Exchange, version: str | None) -> Route:
        if version is not None:
            champion = version == exchange.plan.release.champion.version
            exchange.route = Route("champion" if champion else "challenger", version, None, PINNED)
        else:
            exchange.route = exchange.plan.router.route(exchange.id if exchange.key is None else exchange.key)
        return exchange.route

    async def _score(self, exchange: _Exchange, model: ServedModel) -> Answer:
        question = exchange.question
        if question is None:
            raise AssertionError  # `_ask` has set it
        try:
            return await self._batcher.score(
                model, question, alone=len(self.tasks) <= 1, many=exchange.weight > MANY_ROWS
            )
        except NoScoreError as error:
            say("model_failed", "error", request=exchange.request, version=model.version, error=str(error))
            raise RefusedError(500, "INTERNAL_ERROR", "the model gave no finite score") from error
        except InputError as error:
            raise unfit(Fault(error.where or "row", "values that can be scored", error.what)) from error
        except Exception as error:
            say("model_failed", "error", request=exchange.request, version=model.version, **describe_error(error))
            raise RefusedError(500, "INTERNAL_ERROR", "the model failed; the server's log says why") from error

    def _headers(self, exchange: _Exchange, route: Route, status: int) -> list[tuple[bytes, bytes]]:
        headers = [
            (b"x-request-id", exchange.request.encode()),
            (b"x-prediction-id", exchange.id.encode()),
            (b"x-model-variant", route.variant.encode()),
            (b"x-model-version", route.version.encode()),
            (b"x-share-epoch", route.epoch.encode()),
        ]
        if self.draining or status in _CLOSING:
            headers.append(_CLOSE)
        return headers

    @staticmethod
    def _served(exchange: _Exchange, route: Route, status: int, latency: float) -> Served:
        return Served(
            id=exchange.id,
            request=exchange.request,
            moment=exchange.moment,
            key=exchange.key,
            variant=route.variant,
            version=route.version,
            epoch=route.epoch,
            status=status,
            latency_ms=latency,
            model=exchange.plan.release.models[route.version],
            question=exchange.question,
            answer=exchange.answer,
            smoke=exchange.smoke,
            hung_up=exchange.hung_up,
            weight=exchange.weight,
        )


def _refusal(error: RefusedError, exchange: _Exchange, protocol: Protocol) -> Reply:
    return error.status, to_json(protocol.refuse(error, exchange.request)), (JSON, *error.headers)


def _text(header: bytes) -> str:
    """A header's text: UTF-8, so that a key is the same as in a column; else Latin-1, in which any bytes are text."""
    try:
        return header.decode()
    except UnicodeDecodeError:
        return header.decode("latin-1")
