"""Calling mlflow: its settings for the length of the calls, its noise kept away, its errors in our words.

MLflow is set through environment variables, and reads them at each request. They are set while calls last and put
back, under a lock that keeps threads apart.
"""

from __future__ import annotations

import importlib
import logging
import math
import os
import sqlite3
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from modelway.errors import ModelwayError, OutsideError
from modelway.redaction import hide_password
from modelway.registry.bounding import bounded
from modelway.registry.location import database_remedy
from modelway.waiting import OverdueError, Wait, default_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelway.registry.credentials import Credentials
    from modelway.registry.location import Location

_ALWAYS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
_UNLESS_SET = {
    # MLflow's own 7 retries take minutes to tell that a server is down; these take 6 seconds.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_JITTER": "0",
}
_TIMEOUT = "MLFLOW_HTTP_REQUEST_TIMEOUT"
"""Bounds each try; `bounded` makes it the bound of all together."""
_NOISY = ("mlflow", "alembic", "sqlalchemy", "urllib3")
REACH_SECONDS = 10.0
_one_at_a_time = threading.RLock()


@contextmanager
def calls(location: Location, credentials: Credentials | None) -> Iterator[None]:
    """Set mlflow up for calls to this registry, and turn what it raises into `OutsideError`.

    Without `credentials` mlflow finds its own (MLFLOW_TRACKING_USERNAME and so on, ~/.mlflow/credentials).
    """
    with _translated(location), settled(credentials if location.on_server else None), bounded(location):
        yield


@contextmanager
def settled(credentials: Credentials | None = None) -> Iterator[None]:
    """Set mlflow up, and keep its noise away, for work that asks no registry as well."""
    with _one_at_a_time, _environment(credentials):
        # The import comes under these settings too: mlflow starts its telemetry while it is imported.
        importlib.import_module("mlflow")
        with _quiet():
            yield


@contextmanager
def unrepeated() -> Iterator[None]:
    """Let a request be sent once: repeated after a lost answer, it would create the same thing twice."""
    before = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": os.environ.get("MLFLOW_HTTP_REQUEST_MAX_RETRIES")}
    _set_environment(dict.fromkeys(before, "0"))
    try:
        yield
    finally:
        _set_environment(before)


def check_reachable(location: Location) -> None:
    """Raise `OutsideError` unless something answers at a tracking server's address; what it says does not matter."""
    import requests

    own = os.environ.get("MLFLOW_TRACKING_SERVER_CERT_PATH")
    trusting = os.environ.get("MLFLOW_TRACKING_INSECURE_TLS", "").lower() in {"true", "1"}
    # As MLflow itself will ask.
    certificate = os.environ.get("MLFLOW_TRACKING_CLIENT_CERT_PATH") or None
    url, verify = f"{location.uri}/health", own or not trusting
    session = requests.Session()

    def ask() -> None:
        session.get(url, timeout=REACH_SECONDS, verify=verify, cert=certificate, stream=True).close()

    try:
        Wait(urlsplit(url).netloc, REACH_SECONDS).run(ask, session.close)
    except OverdueError:
        raise OutsideError(
            f"the tracking server does not answer within {REACH_SECONDS:g} s",
            where=location.address,
            remedy="See that it runs and that register.tracking_uri is its address.",
        ) from None
    except requests.exceptions.SSLError as error:
        raise OutsideError(
            "the tracking server's certificate is not trusted, or it speaks no TLS",
            where=location.address,
            remedy="Name its authority's certificate (PEM) in MLFLOW_TRACKING_SERVER_CERT_PATH.",
        ) from error
    except requests.RequestException as error:
        raise OutsideError(
            f"the tracking server does not answer: {type(error).__name__}",
            where=location.address,
            remedy="See that it runs and that register.tracking_uri is its address.",
        ) from error


@contextmanager
def _environment(credentials: Credentials | None) -> Iterator[None]:
    wanted: dict[str, str | None] = {
        **_ALWAYS,
        **{key: os.environ.get(key, value) for key, value in _UNLESS_SET.items()},
        _TIMEOUT: os.environ.get(_TIMEOUT, str(math.ceil(default_seconds()))),  # MLflow wants a whole number
    }
    if credentials is not None:
        wanted["MLFLOW_TRACKING_USERNAME"] = credentials.username
        wanted["MLFLOW_TRACKING_PASSWORD"] = credentials.password
        wanted["MLFLOW_TRACKING_TOKEN"] = credentials.token
    before = {key: os.environ.get(key) for key in wanted}
    _set_environment(wanted)
    try:
        yield
    finally:
        _set_environment(before)


def _set_environment(values: dict[str, str | None]) -> None:
    for key, value in values.items():
        if value is None:
            os.environ.pop(key, None)
        else:
            os.environ[key] = value


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the libraries' log lines from the terminal: what matters of them comes as an error."""
    loggers = [logging.getLogger(name) for name in _NOISY]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


@contextmanager
def _translated(location: Location) -> Iterator[None]:
    try:
        yield
    except ModelwayError:
        raise
    except Exception as error:
        failure = _in_our_words(error, location)
        if failure is None:
            raise
        raise failure from error


def _in_our_words(error: Exception, location: Location) -> OutsideError | None:
    """The error a user sees; None when it is none of the outside's."""
    if isinstance(error, sqlite3.Error):
        return _database_error(error, location)
    from mlflow.exceptions import MlflowException
    from requests import RequestException
    from sqlalchemy.exc import SQLAlchemyError

    if isinstance(error, SQLAlchemyError):
        return _database_error(error, location)
    if isinstance(error, MlflowException):
        return _mlflow_error(error, location)
    if isinstance(error, RequestException):
        status = getattr(error.response, "status_code", None)
        return _refusal(status, location) or _server_error(str(error), location)
    return _files_error(error, location)


def _files_error(error: Exception, location: Location) -> OutsideError | None:
    """What went wrong with files that MLflow reads or writes without a server between."""
    if _is_of_s3(error):
        return OutsideError(
            f"the store of the registry's files failed: {_first_line(str(error))}",
            where=location.address,
            remedy="Give MLflow what it needs: AWS's credentials, and MLFLOW_S3_ENDPOINT_URL for anything but AWS.",
        )
    if isinstance(error, OSError):
        return OutsideError(
            f"can't read or write the registry's files: {error.strerror or error}",
            where=str(error.filename or location.address),
            remedy="Free space, and see that the place can be written.",
        )
    return None


def _is_of_s3(error: Exception) -> bool:
    """Whether boto3 raised it, which MLflow asks itself where no server stands before the files."""
    try:
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError:
        return False
    return isinstance(error, BotoCoreError | ClientError)


def _mlflow_error(error: Exception, location: Location) -> OutsideError:
    message = str(error)
    if "out-of-date database schema" in message:
        return OutsideError(
            "the registry's database was made by another version of MLflow",
            where=location.address,
            remedy=f"Save a copy of it, then run: mlflow db upgrade {location.address}",
        )
    if not location.on_server:
        return _database_error(error, location)
    status = error.get_http_status_code() if hasattr(error, "get_http_status_code") else None
    return _refusal(status, location) or _server_error(message, location)


def _refusal(status: int | None, location: Location) -> OutsideError | None:
    if status == 401:
        return OutsideError(
            "the tracking server does not accept the user and password, or the token",
            where=location.address,
            remedy="See that MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD (or MLFLOW_TRACKING_TOKEN) hold.",
        )
    if status == 403:
        return OutsideError(
            "the tracking server does not permit this to the user",
            where=location.address,
            remedy="Ask its administrator for the right to edit the experiment and the model.",
        )
    return None


def _server_error(message: str, location: Location) -> OutsideError:
    return OutsideError(
        f"the tracking server failed: {_first_line(message)}", where=location.address, remedy="See the server's log."
    )


def _database_error(error: Exception, location: Location) -> OutsideError:
    message = _first_line(str(error))
    return OutsideError(
        f"the registry's database failed: {message}", where=location.address, remedy=database_remedy(message)
    )


def _first_line(message: str) -> str:
    """Enough to know what happened, without the SQL that follows, and without secrets."""
    line = hide_password(message.strip().partition("\n")[0])
    # Of a chain of causes, the last words tell most.
    return line if len(line) <= 300 else f"{line[:150]} … {line[-150:]}"
