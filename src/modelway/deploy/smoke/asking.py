"""One request, and what came back."""

from __future__ import annotations

import ipaddress
import json
import re
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from modelway.errors import UsageError
from modelway.records.serve import SMOKE_HEADER, SMOKE_TOKEN

_TOKEN = re.compile("[!-~]+")
_TAILS = ("/predict", "/invocations")


@dataclass(frozen=True)
class Reply:
    """An answer.

    Attributes:
        status: HTTP's; 0 where no answer came.
        body: its bytes, or why none came.
        milliseconds: from the request's first byte to the answer's last.
    """

    status: int
    body: bytes
    milliseconds: float

    def json(self) -> Any:
        """The body's JSON; None where it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


class Asker:
    """Asks one endpoint.

    Args:
        endpoint: where it is: http:// or https://, with or without `/predict`.
        timeout: seconds that an answer may take.
        token: proves that this is a smoke test.

    Raises:
        UsageError: the endpoint is no such address, or the token is none that a header can hold.
    """

    def __init__(self, endpoint: str, timeout: float, token: str | None = None) -> None:
        parts = urlsplit(endpoint)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.username:
            raise UsageError(
                "this is no address of an endpoint",
                where=parts.hostname,
                remedy="Write http://HOST:PORT or https://HOST.",
            )
        base = endpoint.rstrip("/")
        for tail in _TAILS:
            base = base.removesuffix(tail)
        self.endpoint = base
        self._timeout = timeout
        self._headers = {"content-type": "application/json", "user-agent": "modelway-smoke"}
        if token is not None:
            if not _TOKEN.fullmatch(token):
                raise UsageError(
                    "the smoke test's token may contain only ASCII letters, digits and punctuation",
                    where=SMOKE_TOKEN,
                    remedy="Generate one with `openssl rand -hex 32`, for the server and for the smoke test.",
                )
            self._headers[SMOKE_HEADER] = token
        # What runs on this machine is asked directly, whatever proxy the environment names.
        handlers = [urllib.request.ProxyHandler({})] if _is_local(parts.hostname) else []
        self._opener = urllib.request.build_opener(*handlers)

    def ask(self, method: str, path: str, body: bytes | None) -> Reply:
        """Ask; a server that can't be reached gives a reply, too."""
        request = urllib.request.Request(self.endpoint + path, body, self._headers, method=method)  # noqa: S310 - checked above
        started = time.perf_counter()
        try:
            with self._opener.open(request, timeout=self._timeout) as response:
                status, content = response.status, response.read()
        except urllib.error.HTTPError as error:
            with error:
                status, content = error.code, error.read()
        except (OSError, ValueError) as error:
            status, content = 0, f"no answer: {getattr(error, 'reason', error)}".encode()
        return Reply(status, content, (time.perf_counter() - started) * 1000)


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
