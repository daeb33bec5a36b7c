"""Bounds on MLflow's calls to a tracking server, which MLflow's own settings lack.

MLFLOW_HTTP_REQUEST_TIMEOUT bounds the wait for the next bytes alone, and each retry anew. Here it is also the total
deadline of a call with its retries. Files, which are streamed, are not calls in this sense.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from modelway.errors import OutsideError
from modelway.http import SECONDS, parse_json
from modelway.waiting import OverdueError, Wait

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelway.registry.location import Location

LARGEST = 64 << 20
"""Bytes of an answer of the API; pages of versions and metrics are far smaller."""
_SERVER = "the tracking server"


@contextmanager
def bounded(location: Location) -> Iterator[None]:
    """Bound the calls to a tracking server in time and size, and refuse answers that are not its API's.

    After a call that was overdue all others fail at once: what is left to do, such as marking a run as failed, would
    only wait as long again. MLflow turns the exceptions of `requests` that are raised here into its own.
    """
    if not location.on_server:
        yield
        return
    import requests

    original = requests.Session.request
    host = urlsplit(location.uri).netloc
    overdue: list[str] = []

    def request(session: Any, method: str, url: str, *args: Any, **options: Any) -> Any:
        if options.get("stream") or options.get("data") is not None or not url.startswith(location.uri):
            return original(session, method, url, *args, **options)
        if overdue:
            raise requests.exceptions.ConnectionError(overdue[0])
        seconds = float(os.environ.get("MLFLOW_HTTP_REQUEST_TIMEOUT", SECONDS))

        def ask() -> Any:
            response = original(session, method, url, *args, **{**options, "stream": True})
            content = bytearray()
            for piece in response.iter_content(1 << 16):
                content += piece
                if len(content) > LARGEST:
                    response.close()
                    raise requests.exceptions.ContentDecodingError(f"it sent more than {LARGEST >> 20} MiB")
            response._content = bytes(content)  # noqa: SLF001 - as MLflow itself sets it
            return response

        try:
            response = Wait(host, seconds).run(ask, session.close)
        except OverdueError:
            overdue.append(f"no complete answer within {seconds:g} s")
            raise requests.exceptions.ConnectionError(overdue[0]) from None
        _check(response)
        return response

    requests.Session.request = request  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        requests.Session.request = original  # type: ignore[method-assign]


def _check(response: Any) -> None:
    """Raise where the body of a success is not a JSON object: MLflow would take it for a bug of its own."""
    from requests.exceptions import InvalidJSONError

    if response.status_code != 200:
        return
    try:
        told = parse_json(response.content, response.headers, _SERVER, response.url)
    except OutsideError as error:
        raise InvalidJSONError(error.what) from None
    if not isinstance(told, dict):
        raise InvalidJSONError(f"the answer of {_SERVER} is not one of MLflow's API")
