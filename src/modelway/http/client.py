"""Requests to servers outside, on urllib3: one policy for deadlines, retries, redirects and sizes.

- A request has a total deadline over connecting, retries and reading, whatever the server does; see `waiting`.
- What may be done twice is sent again after a failed connection, a 429 or a 5xx status. What may not is sent again only
  if the server got nothing of it, or refused it with 429.
- No redirect is followed: a credential would go along to whatever host the answer names.
- Proxies come from the environment (HTTPS_PROXY, HTTP_PROXY, NO_PROXY); this machine is never asked through one.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from modelway.errors import UsageError
from modelway.http.response import NoAnswerError, Response, origin_of
from modelway.waiting import OverdueError, Wait, default_seconds

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

_READ_SECONDS = 30.0
"""How long one attempt waits for the next bytes, so that there is time for another one."""
_ATTEMPTS = 4
_REPEATABLE = frozenset({"GET", "HEAD", "PUT", "PATCH", "DELETE"})
"""Doing these twice is the same as doing them once. PATCH is, as modelway uses it: it sets values."""
_HEADER = re.compile(r"[\t\x20-\x7e]*")


class HttpClient:
    """Sends requests to one service.

    Args:
        name: the service, as people know it: `GitHub`, `the registry`.
        remedy: what to do when it does not answer.
        headers: of every request; no value of them shows in `repr`, messages or logs.
        attempts: how often a request is sent at most.
        tls: certificates to trust and to show; None for those of the system (SSL_CERT_FILE).
        held_back: how many seconds a response asks to wait before the request is sent again; None where it does not.
        sleep: waits some seconds between attempts.

    Raises:
        UsageError: a header can't hold its value.
    """

    def __init__(
        self,
        name: str,
        *,
        remedy: str,
        headers: Mapping[str, str] | None = None,
        attempts: int = _ATTEMPTS,
        tls: ssl.SSLContext | None = None,
        held_back: Callable[[Response], float | None] | None = None,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        self._name = name
        self._remedy = remedy
        self._headers = {"User-Agent": "modelway", "Connection": "close", **_checked(headers or {})}
        self._attempts = attempts
        self._tls = tls
        self._held_back = held_back or _retry_after
        self._sleep = sleep

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | Path | None = None,
        repeatable: bool | None = None,
        seconds: float | None = None,
        wait: Wait | None = None,
    ) -> Response:
        """Send a request and return the response, whatever its status.

        Args:
            method: the HTTP method.
            url: where, with scheme and host.
            headers: further ones.
            body: what is sent, or the file that is.
            repeatable: whether it may be done twice; by the method when None.
            seconds: the total deadline, retries included; None for `default_seconds`.
            wait: a longer wait that this one is part of: its deadline counts too, and it is what is shown.

        Raises:
            UsageError: the address or a header can't be used.
            NoAnswerError: no usable response came in time.
        """
        where = _origin(url)
        seconds = default_seconds() if seconds is None else seconds
        wait = wait or Wait(where.partition("://")[2], seconds)
        part = Wait(wait.peer, min(seconds, wait.left))
        again = method in _REPEATABLE if repeatable is None else repeatable
        merged = {**self._headers, **_checked(headers or {})}
        for attempt in range(1, self._attempts + 1):
            try:
                response = self._once(method, url, merged, body, where, wait, part)
            except NoAnswerError as error:
                pause = 2.0 ** (attempt - 1)
                if error.hopeless or not (error.unsent or again) or attempt == self._attempts or pause >= part.left:
                    raise
            else:
                asked = self._pause(response, attempt, again=again)
                if asked is None or attempt == self._attempts or asked >= part.left:
                    return response
                pause = asked
            (self._sleep or wait.sleep)(pause)
        raise AssertionError("unreachable")

    def _once(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | Path | None,
        where: str,
        wait: Wait,
        part: Wait,
    ) -> Response:
        from modelway.http.exchange import Exchange

        # Where no attempt can follow, or a large file is being kept, this one has all of the time.
        read = part.left if self._attempts == 1 or isinstance(body, Path) else min(part.left, _READ_SECONDS)
        exchange = Exchange(method, url, headers, body, self._tls)
        try:
            status, answered, content, took = wait.run(lambda: exchange.perform(read), exchange.cancel, part.left)
        except OverdueError:
            late = f"no complete answer within {part.seconds:.3g} s"
            raise NoAnswerError(self._name, late, where=where, remedy=self._remedy, hopeless=True) from None
        except exchange.failures as error:
            fault = exchange.fault_of(error)
            # The library's own message may quote the address.
            raise NoAnswerError(
                self._name,
                fault.reason,
                where=where,
                remedy=fault.remedy or self._remedy,
                unsent=fault.unsent,
                hopeless=fault.hopeless,
            ) from None
        return Response(status, answered, content, self._name, where, took)

    def _pause(self, response: Response, attempt: int, *, again: bool) -> float | None:
        if (asked := self._held_back(response)) is not None and (again or response.status != 503):
            return asked
        return 2.0 ** (attempt - 1) if again and (response.status == 429 or response.status >= 500) else None


def _retry_after(response: Response) -> float | None:
    given = response.headers.get("Retry-After", "")
    return float(given) if response.status in {429, 503} and given.isdecimal() else None


def _origin(url: str) -> str:
    """Return the origin of an address that can be asked; no other part of it may show in messages."""
    origin = origin_of(url)
    if not origin.startswith(("http://", "https://")) or "@" in url.partition("://")[2].partition("/")[0]:
        raise UsageError(
            "not an http:// or https:// address", where=origin or None, remedy="Write it as https://HOST:PORT/PATH."
        )
    return origin


def _checked(headers: Mapping[str, str]) -> Mapping[str, str]:
    for name, value in headers.items():
        if not _HEADER.fullmatch(value):
            # The library would refuse it too, but with the value, a token maybe, in its message.
            raise UsageError(
                f"the header {name} can't hold its value", remedy="Give the token or password alone, on one line."
            )
    return headers
