"""Requests to GitHub's REST API: who we are, what is tried again, and when that ends."""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from modelway.errors import OutsideError, UsageError
from modelway.github.failures import Answer, UnansweredError, failure_of, pause_of
from modelway.http import HttpClient, NoAnswerError, origin_of
from modelway.waiting import default_seconds

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from modelway.http import Response
    from modelway.records.github import Repository

API_URL = "https://api.github.com"
ATTEMPTS = 4
"""How often a request is sent before we give up."""
_SLOWEST_UPLOAD = 500_000
"""Bytes per second that an upload may take as its own time."""
_VERSION = "2022-11-28"
_REMEDY = "See that the network and the address of the API are right, then run it again."


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
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        if not re.fullmatch(r"[\x21-\x7e]+", token):
            # An HTTP library would refuse it too, but with the token in its message.
            raise UsageError("GitHub's token is empty or holds a blank", remedy="Give the token alone.")
        if not (origin := origin_of(api_url)).startswith(("http://", "https://")) or "@" in urlsplit(api_url).netloc:
            raise UsageError(
                "this is no address of GitHub's API",
                where=origin or None,
                remedy=f"Give {API_URL}, or https://HOST/api/v3 for GitHub Enterprise.",
            )
        self.repository = repository
        self._token = token
        self._base = f"{api_url.rstrip('/')}/repos/{repository}"
        self._sleep = sleep or time.sleep
        headers = {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {token}",
            "X-Github-Api-Version": _VERSION,
        }
        self._client = HttpClient(
            "GitHub", remedy=_REMEDY, headers=headers, attempts=ATTEMPTS, held_back=self._pause, sleep=sleep
        )

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
        if self._base.startswith("https:") and not address.startswith("https:"):
            raise OutsideError(
                "GitHub wants the file sent without TLS; the token is not sent there",
                where=origin_of(address),
                remedy="Check that the address of the API is the server's own.",
            )
        return self._settle("POST", address, file=file).json()

    def wait(self, attempt: int) -> None:
        """Wait before an attempt that follows on `UnansweredError`; each time for longer."""
        self._sleep(2.0**attempt)

    def _settle(self, method: str, address: str, *, data: bytes | None = None, file: Path | None = None) -> Answer:
        where = f"{method} {address.partition('?')[0]}"
        headers = {"Content-Type": "application/octet-stream" if file else "application/json"}
        seconds = default_seconds() + (file.stat().st_size / _SLOWEST_UPLOAD if file else 0)
        try:
            response = self._client.send(method, address, headers=headers, body=file or data, seconds=seconds)
        except NoAnswerError as error:
            raise UnansweredError(error.what, where=where, remedy=error.advice) from None
        answer = self._answer(response, where)
        if answer.status >= 300:
            raise failure_of(answer, str(self.repository))
        return answer

    def _answer(self, response: Response, where: str) -> Answer:
        # Should an answer quote the token, nobody will see it.
        content = response.content.replace(self._token.encode(), b"***")
        return Answer(where, response.status, response.headers, content)

    def _pause(self, response: Response) -> float | None:
        return pause_of(self._answer(response, ""), time.time())
