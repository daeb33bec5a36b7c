"""The admin routes of the local server."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from typing import Any

from modelway.errors import OutsideError

_PATIENCE = 300.0
_BUSY = 409
_REFUSED = 422


def ask(url: str, token: str, *, seconds: float = 10.0) -> dict[str, Any] | None:
    """The server's status; None where it does not answer."""
    try:
        return _call(f"{url}/status", token, None, seconds)
    except (OSError, ValueError):
        return None


def reload(url: str, token: str, champion: str, challengers: list[str]) -> None:
    """Let the server take another release; it returns when all its workers serve it.

    Raises:
        OutsideError: it refused, and goes on with the one it has.
    """
    body = json.dumps({"champion": champion, "challengers": challengers}).encode()
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            _call(f"{url}/reload", token, body, _PATIENCE)
        except urllib.error.HTTPError as error:
            if error.code == _BUSY and time.monotonic() < deadline:
                time.sleep(0.2)
                continue
            raise OutsideError(f"the server did not take the release: {_words(error)}", where=url) from error
        except (OSError, ValueError) as error:
            raise OutsideError(
                f"the server did not answer: {error}", where=url, remedy="Run it again; `modelway status` tells more."
            ) from error
        return


def _call(url: str, token: str, body: bytes | None, seconds: float) -> dict[str, Any]:
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    request = urllib.request.Request(url, body, headers)  # noqa: S310 - http on this machine
    with _OPENER.open(request, timeout=seconds) as response:
        found: dict[str, Any] = json.load(response)
        return found


def _words(error: urllib.error.HTTPError) -> str:
    try:
        told = json.load(error)
    except ValueError:
        return f"status {error.code}"
    words = [str(told[key]) for key in ("error", "where", "remedy") if told.get(key)]
    return "; ".join(words) or str(told.get("message", error.code))


# A proxy that the environment names must never see what stays on this machine.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
