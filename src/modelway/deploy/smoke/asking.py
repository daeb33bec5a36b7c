"""One request, and what came back."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from modelway.errors import UsageError
from modelway.http import HttpClient, NoAnswerError, origin_of
from modelway.parsing import parse_json
from modelway.records.serve import SMOKE_HEADER, SMOKE_TOKEN

if TYPE_CHECKING:
    from modelway.waiting import Wait

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
            return parse_json(self.body)
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
        origin = origin_of(endpoint)
        if not origin.startswith(("http://", "https://")) or "?" in endpoint or "@" in urlsplit(endpoint).netloc:
            raise UsageError(
                "this is no address of an endpoint",
                where=origin or None,
                remedy="Write http://HOST:PORT or https://HOST.",
            )
        base = endpoint.rstrip("/")
        for tail in _TAILS:
            base = base.removesuffix(tail)
        self.endpoint = base
        self.host = origin.partition("://")[2]
        self.answered = False
        """Whether any answer came."""
        self.silence: str | None = None
        """Why none came to the last request; None where one did."""
        self._timeout = timeout
        headers = {"Content-Type": "application/json", "User-Agent": "modelway-smoke"}
        if token is not None:
            if not _TOKEN.fullmatch(token):
                raise UsageError(
                    "the smoke test's token may contain only ASCII letters, digits and punctuation",
                    where=SMOKE_TOKEN,
                    remedy="Generate one with `openssl rand -hex 32`, for the server and for the smoke test.",
                )
            headers[SMOKE_HEADER] = token
        remedy = "Check the address, and that the server runs."
        self._client = HttpClient("the endpoint", remedy=remedy, headers=headers, attempts=1)

    def ask(self, method: str, path: str, body: bytes | None, wait: Wait | None = None) -> Reply:
        """Ask; a server that can't be reached gives a reply, too, as does a page or a redirect in front of it.

        Args:
            method: HTTP's.
            path: below the endpoint.
            body: JSON, or nothing.
            wait: a longer wait that this one is part of.
        """
        url = self.endpoint + path
        try:
            response = self._client.send(method, url, body=body, seconds=self._timeout, wait=wait)
        except NoAnswerError as error:
            return self._none(error.reason)
        if response.redirect:
            # It is not followed: the token would go along.
            return self._none(f"it redirects to {response.redirect}")
        if response.status < 300 and response.page:
            return self._none(response.page.what)
        self.answered, self.silence = True, None
        return Reply(response.status, response.content, response.seconds * 1000)

    def _none(self, why: str) -> Reply:
        self.silence = f"no answer: {why}"
        return Reply(0, self.silence.encode(), 0.0)
