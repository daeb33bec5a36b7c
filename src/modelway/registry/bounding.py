"""Bounds on MLflow's calls, which its own settings lack: to a tracking server, a database or a store of files.

MLFLOW_HTTP_REQUEST_TIMEOUT bounds the wait for the next bytes alone, and each retry anew. Here it is also the total
deadline of a call to a tracking server with its retries. A database is waited for without end by MLflow, or tried again
for minutes; here its calls, and those that move files, have a renewed deadline.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from functools import cache, wraps
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import urlsplit

from modelway.errors import OutsideError, SettingsError
from modelway.http import parse_answer
from modelway.redaction import hide_password
from modelway.transport import bound_botocore, bound_sqlalchemy, bound_urllib3
from modelway.waiting import OverdueError, Wait, deadline, default_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mlflow import MlflowClient

    from modelway.registry.location import Location

_T = TypeVar("_T")
LARGEST = 64 << 20
"""Bytes of an answer of a tracking server's API; pages of versions and metrics are far smaller."""
_SERVER = "the tracking server"
_COUNTED = ("", "s3", "http", "https", "mlflow-artifacts", "gs", "wasbs", "abfss")
"""Kinds of stores whose bytes are counted, so that a long transfer is told from one that hangs; "" is a server's."""
_OF_FILES = {"log_artifact", "log_artifacts", "log_text", "log_dict", "download_artifacts", "list_artifacts"}


def bounded_client(location: Location) -> MlflowClient:
    """A client of MLflow whose calls of a database server and of a store of files elsewhere have a deadline.

    A database's call goes on while its statements end in time: migrations of an empty database are many short ones.

    Raises:
        OutsideError: the database or server does not answer in time.
    """
    from mlflow import MlflowClient

    def make() -> MlflowClient:
        return MlflowClient(tracking_uri=location.uri, registry_uri=location.uri)

    if location.database is not None and urlsplit(location.artifacts or "").scheme == "file":
        return make()
    _count()
    return cast("MlflowClient", _Bounded(_run(make, location), location))


def check_driver_and_server(location: Location) -> None:
    """See that a database server can be reached, before MLflow tries: it tries again for 100 s.

    Raises:
        SettingsError: the address is none, or its driver is not installed.
        OutsideError: the server does not answer, or refuses us.
    """
    from sqlalchemy import create_engine
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

    try:
        engine = create_engine(location.uri)
    except (ImportError, NoSuchModuleError) as error:
        raise SettingsError(
            f"the driver of the registry's database is not installed: {error}",
            where=f"register.tracking_uri: {location.address}",
            remedy=f"Install it ({getattr(error, 'name', None) or 'the part after + in the address'}), "
            "or name an installed one, as in postgresql+psycopg2://.",
        ) from error
    except (ArgumentError, ValueError) as error:
        raise SettingsError(
            f"not an address of a database: {error}",
            where=f"register.tracking_uri: {location.address}",
            remedy="Write postgresql://user@host:port/database; a password needs %-escapes for @, / and the like.",
        ) from error
    _count()
    try:
        _run(lambda: engine.connect().close(), location)
    except SQLAlchemyError as error:
        raise OutsideError(
            f"the registry's database can't be reached: {' '.join(str(error.__cause__ or error).split())[:300]}",
            where=location.address,
            remedy="Check that it runs, register.tracking_uri, and the user's password.",
        ) from error
    finally:
        engine.dispose(close=False)


def run_bounded(call: Callable[[], _T], location: Location) -> _T:
    """Call what asks the registry, with a deadline."""
    _count()
    return _run(call, location)


def _run(call: Callable[[], _T], location: Location) -> _T:
    peer = hide_password(urlsplit(location.uri).netloc.rpartition("@")[2])
    with deadline(location.address, peer=peer) as bound:
        return bound.run(call)


class _Bounded:
    """A client whose methods are called within a deadline."""

    def __init__(self, client: MlflowClient, location: Location) -> None:
        self._client = client
        self._location = location
        self._counted = urlsplit(location.artifacts or "").scheme in _COUNTED

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        on_database_server = self._location.database is None and not self._location.on_server
        outside = self._counted if name in _OF_FILES else on_database_server
        if not callable(found) or not outside:
            return found

        @wraps(found)
        def call(*args: Any, **kwargs: Any) -> Any:
            return _run(lambda: found(*args, **kwargs), self._location)

        return call


def _count() -> None:
    """Let what MLflow uses heed deadlines."""
    bound_botocore()
    bound_urllib3()
    bound_sqlalchemy()


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
        seconds = float(os.environ.get("MLFLOW_HTTP_REQUEST_TIMEOUT") or default_seconds())

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
        _check(response, method, url)
        return response

    requests.Session.request = request  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        requests.Session.request = original  # type: ignore[method-assign]


def _check(response: Any, method: str, url: str) -> None:
    """Raise where the body of a success is not an answer of MLflow's API.

    MLflow reads only the fields it expects and ignores the rest, so another service's JSON object would read as an
    empty list of versions.
    """
    from requests.exceptions import InvalidJSONError

    if response.status_code != 200:
        return
    try:
        answer = parse_answer(response.content, response.headers, _SERVER, response.url)
    except OutsideError as error:
        raise InvalidJSONError(error.what) from None
    expected = _fields().get((method, urlsplit(url).path.partition("/mlflow/")[2]))
    if not isinstance(answer, dict) or (answer and expected and not expected & answer.keys()):
        raise InvalidJSONError(f"the answer of {_SERVER} is not one of MLflow's API")


@cache
def _fields() -> dict[tuple[str, str], frozenset[str]]:
    """The fields of an answer, by method and path below "/mlflow/", as MLflow's service definitions name them."""
    from mlflow.protos.model_registry_pb2 import ModelRegistryService
    from mlflow.protos.service_pb2 import MlflowService
    from mlflow.utils.rest_utils import extract_api_info_for_service

    services = (MlflowService, ModelRegistryService)
    calls = [extract_api_info_for_service(service, "").items() for service in services]  # type: ignore[no-untyped-call]
    return {
        (method, path.partition("/mlflow/")[2]): frozenset(one.name for one in message.Response.DESCRIPTOR.fields)
        for message, (path, method) in chain(*calls)
    }
