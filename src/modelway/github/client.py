"""Requests to GitHub's REST API: who we are, what is tried again, and when that ends."""

from __future__ import annotations

import http.client
import json
import re
import time
import urllib.error
import urllib.request
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from modelway.errors import UsageError
from modelway.github.failures import Answer, UnansweredError, failure_of, pause_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from modelway.records.github import Repository

API_URL = "https://api.github.com"
ATTEMPTS = 4
"""How often a request is sent before we give up."""
SECONDS = 60.0
"""How long one answer is waited for."""
UPLOAD_SECONDS = 600.0
"""The same after a file was sent, which GitHub keeps before it answers."""
_VERSION = "2022-11-28"
_REPEATABLE = frozenset({"GET", "PATCH", "DELETE"})
"""Doing these twice is the same as doing them once, so that a lost answer is no harm."""


class GitHub:
    """One repository on GitHub, or on a server of GitHub Enterprise.

    Args:
        repository: the repository.
        token: who we are; it never shows in `repr`, messages or logs.
        api_url: the API's base; on GitHub Enterprise `https://HOST/api/v3`.
        sleep: waits some seconds.

    Raises:
        UsageError: the token or the address is none.
    """

    def __init__(
        self,
        repository: Repository,
        token: str,
        api_url: str = API_URL,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if not re.fullmatch(r"[\x21-\x7e]+", token):
            # An HTTP library would refuse it too, but with the token in its message.
            raise UsageError("GitHub's token is empty or holds a blank", remedy="Give the token alone.")
        parts = urlsplit(api_url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
            raise UsageError(
                "this is no address of GitHub's API",
                where=api_url.rpartition("@")[2],
                remedy=f"Give {API_URL}, or https://HOST/api/v3 for GitHub Enterprise.",
            )
        self.repository = repository
        self._token = token
        self._base = f"{api_url.rstrip('/')}/repos/{repository}"
        self._sleep = sleep
        self._opener = urllib.request.build_opener(_NoRedirect)

    def __repr__(self) -> str:
        """Where, but never who."""
        return f"GitHub({self._base})"

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Ask the API; gives the answer's JSON, or None where it is empty.

        Args:
            method: the HTTP method.
            path: below the repository's own, with a slash in front.
            body: what is sent, as JSON.

        Raises:
            AbsentError: there is no such thing, or the token does not show it.
            UnansweredError: no answer came, or the server failed; after some attempts, or after the first one where
                doing it twice may do harm.
            OutsideError: GitHub refused it.
        """
        data = None if body is None else json.dumps(body).encode()
        return self._settle(method, self._base + path, data=data).json()

    def look(self, path: str = "") -> Answer:
        """Ask for something below the repository, headers included. Raises as `call` does."""
        return self._settle("GET", self._base + path)

    def upload(self, address: str, file: Path) -> Any:
        """Send a file; gives the answer's JSON. Raises as `call` does."""
        return self._settle("POST", address, file=file).json()

    def wait(self, attempt: int) -> None:
        """Wait before an attempt that follows on `UnansweredError`; each time for longer."""
        self._sleep(2.0**attempt)

    def _settle(self, method: str, address: str, *, data: bytes | None = None, file: Path | None = None) -> Answer:
        for attempt in range(ATTEMPTS):
            last = attempt == ATTEMPTS - 1
            try:
                answer = self._send(method, address, data, file)
                if answer.status >= 500:
                    raise failure_of(answer, str(self.repository))
            except UnansweredError:
                if last or method not in _REPEATABLE:
                    raise
                self.wait(attempt)
                continue
            if answer.status < 300:
                return answer
            pause = pause_of(answer, time.time())
            if pause is None or last:
                raise failure_of(answer, str(self.repository))
            # Whoever is held back was not served: this may be sent again, whatever the method.
            self._sleep(pause)
        raise AssertionError("unreachable")

    def _send(self, method: str, address: str, data: bytes | None, file: Path | None) -> Answer:
        headers = {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {self._token}",
            "User-Agent": "modelway",
            "X-GitHub-Api-Version": _VERSION,
            "Content-Type": "application/octet-stream" if file else "application/json",
        }
        if file:
            headers["Content-Length"] = str(file.stat().st_size)
        where = f"{method} {address.partition('?')[0]}"
        with file.open("rb") if file else nullcontext() as stream:
            request = urllib.request.Request(address, stream or data, headers, method=method)  # noqa: S310 - checked
            try:
                with self._open(request, UPLOAD_SECONDS if file else SECONDS) as response:
                    # Should an answer quote the token, nobody will see it.
                    content = response.read().replace(self._token.encode(), b"***")
                    return Answer(where, response.status, response.headers, content)
            except (OSError, http.client.HTTPException) as error:
                reason = getattr(error, "reason", None) or error
                raise UnansweredError(
                    f"GitHub does not answer: {type(reason).__name__} {reason}".rstrip(),
                    where=where,
                    remedy="See that the network and the address of the API are right, then run it again.",
                ) from error

    def _open(self, request: urllib.request.Request, seconds: float) -> Any:
        """The answer, whatever its status."""
        try:
            return self._opener.open(request, timeout=seconds)
        except urllib.error.HTTPError as answer:
            return answer


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follow no redirect: urllib would send the token along, to whatever host."""

    def redirect_request(self, *args: Any) -> None:
        """None lets the redirect come back as the answer."""
