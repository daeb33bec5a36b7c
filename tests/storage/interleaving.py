"""A scheduler that runs writers one step at a time, in an order that a seed decides, over files or a server of S3."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from modelway.records.data import S3Options
from modelway.storage import documents
from modelway.storage.s3 import s3_client

_SECONDS = 120
"""After which a writer that does not come to its next point hangs."""


class Schedule:
    """Runs writers in threads of which exactly one is awake; at each point the seed decides who goes on.

    Attributes:
        random: decides; the same seed gives the same schedule.
    """

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self._awake = threading.Semaphore(0)
        self._writers: dict[int, threading.Semaphore] = {}
        self._waiting: list[threading.Semaphore] = []
        self._errors: list[BaseException] = []

    def add(self, writer: Callable[[], object]) -> None:
        """Let a writer run as well; it begins when it is chosen."""
        turn = threading.Semaphore(0)

        def run() -> None:
            self._writers[threading.get_ident()] = turn
            assert turn.acquire(timeout=_SECONDS)
            try:
                writer()
            except BaseException as error:  # noqa: BLE001 - the test raises it
                self._errors.append(error)
            finally:
                self._awake.release()

        self._waiting.append(turn)
        threading.Thread(target=run, daemon=True).start()

    def point(self) -> None:
        """Give the turn away; a thread that is no writer just goes on."""
        turn = self._writers.get(threading.get_ident())
        if turn is None:
            return
        self._waiting.append(turn)
        self._awake.release()
        assert turn.acquire(timeout=_SECONDS)

    def run(self, *writers: Callable[[], object]) -> None:
        """Run these, and whatever is added meanwhile, to their end."""
        for writer in writers:
            self.add(writer)
        while self._waiting:
            self._waiting.pop(self.random.randrange(len(self._waiting))).release()
            assert self._awake.acquire(timeout=_SECONDS), "a writer hangs"
        if self._errors:
            raise self._errors[0]


class Files:
    """Documents in a folder. No answer of a file system is ever lost, so only the order is up to the seed."""

    s3 = S3Options()

    def __init__(self, folder: Any) -> None:
        self._folder = folder

    @contextmanager
    def watched(self, schedule: Schedule, patch: pytest.MonkeyPatch, name: str) -> Iterator[str]:
        """Give an address to write below, where each read and write is a step of its own."""
        with patch.context() as patched:
            for function in ("read_version", "read_tagged", "write_if_unchanged"):
                if hasattr(documents, function):
                    patched.setattr(documents, function, _stepped(schedule, getattr(documents, function)))
            patched.setattr(documents, "_pause", lambda _: schedule.point(), raising=False)
            yield str(self._folder / name)


class Objects:
    """Documents on a server of S3, by HTTP. The seed also decides which answers get lost: before the server took the
    request, after it, or while the request is on its way and comes in whenever it likes.
    """

    def __init__(self, server: str) -> None:
        self.s3 = S3Options(endpoint_url=server, region="us-east-1", path_style=True)
        self._client = s3_client(self.s3)
        self._client.create_bucket(Bucket="documents")

    @contextmanager
    def watched(self, schedule: Schedule, patch: pytest.MonkeyPatch, name: str) -> Iterator[str]:
        """As that of `Files`; each request and each answer is a step."""
        import botocore.endpoint
        import botocore.retries.quota

        session = self._client._endpoint.http_session
        real = session.send

        def send(request: Any) -> Any:
            schedule.point()
            fate = (
                schedule.random.choice(["", "", "", "", "before", "after", "late"]) if request.method == "PUT" else ""
            )
            if fate == "late":
                copy = _copy(request)
                schedule.add(lambda: real(copy))
            if fate in {"before", "late"}:
                raise _timed_out(request)
            answer = real(request)
            schedule.point()
            if fate == "after":
                raise _timed_out(request)
            return answer

        with patch.context() as patched:
            patched.setattr(session, "send", send)
            patched.setattr(documents, "_pause", lambda _: schedule.point(), raising=False)
            patched.setattr(botocore.endpoint, "time", SimpleNamespace(sleep=lambda _: schedule.point()))
            patched.setattr(botocore.retries.quota.RetryQuota, "acquire", lambda *_: True)
            yield f"s3://documents/{name}"


def _stepped(schedule: Schedule, function: Callable[..., Any]) -> Callable[..., Any]:
    def step(*given: Any, **more: Any) -> Any:
        schedule.point()
        answer = function(*given, **more)
        schedule.point()
        return answer

    return step


def _copy(request: Any) -> Any:
    from botocore.awsrequest import AWSPreparedRequest

    body = request.body
    if hasattr(body, "read"):
        body = body.read()
        request.reset_stream()
    return AWSPreparedRequest(request.method, request.url, request.headers, body, request.stream_output)


def _timed_out(request: Any) -> Exception:
    from botocore.exceptions import ReadTimeoutError

    return ReadTimeoutError(endpoint_url=request.url, error="the schedule lost it")
