"""The admin routes of the local server."""

from __future__ import annotations

import json
from typing import Any

from modelway.errors import OutsideError
from modelway.http import HttpClient, Response
from modelway.waiting import Wait

_PATIENCE = 300.0
"""Seconds that a server of this machine may take to load a release in all of its workers."""
_BUSY = 409
_CLIENT = HttpClient("the server", remedy="Run it again; `modelway status` tells more.", attempts=1)


def ask(url: str, token: str, *, seconds: float = 10.0) -> dict[str, Any] | None:
    """The server's status; None where it does not answer."""
    try:
        found = _told(_call(url, "/status", token, None, Wait("the server", seconds)))
    except OutsideError:
        return None
    return found if isinstance(found.get("workers"), list) else None


def reload(url: str, token: str, champion: str, challengers: list[str]) -> None:
    """Let the server take another release; it returns when all its workers serve it.

    Raises:
        OutsideError: it refused, and goes on with the one it has; or it does not answer.
    """
    body = json.dumps({"champion": champion, "challengers": challengers}).encode()
    wait = Wait("the server to reload", _PATIENCE)
    while (response := _call(url, "/reload", token, body, wait)).status == _BUSY and wait.left > 0:
        wait.sleep(0.2)
    if response.status != 200:
        raise OutsideError(f"the server did not take the release: {_words(response)}", where=url)
    _told(response)


def _call(url: str, path: str, token: str, body: bytes | None, wait: Wait) -> Response:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    method = "GET" if body is None else "POST"
    return _CLIENT.send(method, f"{url}{path}", headers=headers, body=body, seconds=wait.seconds, wait=wait)


def _told(response: Response) -> dict[str, Any]:
    found = response.json()
    if not isinstance(found, dict):
        raise OutsideError("another program answers at the server's address", where=response.where)
    return found


def _words(response: Response) -> str:
    try:
        told = _told(response)
    except OutsideError:
        return f"status {response.status}"
    words = [str(told[key]) for key in ("error", "where", "remedy") if told.get(key)]
    return "; ".join(words) or str(told.get("message", response.status))
