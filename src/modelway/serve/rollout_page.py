"""The page of the environment's rollout, as whoever decides about it has written it."""

from __future__ import annotations

from pathlib import Path

from modelway.errors import InputError
from modelway.serve.events import say
from modelway.storage.local import open_regular

HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
    "x-content-type-options": "nosniff",
}
"""The page is written anew with each decision, and neither loads nor runs anything."""


def read_rollout_page(path: str | None) -> bytes | None:
    """The page as it is now; None where there is none, or it can't be read.

    Args:
        path: the one file that may be asked for; no request has a say in it.
    """
    if path is None:
        return None
    try:
        with open_regular(Path(path)) as file:
            return file.read()
    except FileNotFoundError:
        return None
    except (OSError, InputError) as error:
        reason = error.strerror if isinstance(error, OSError) else error.what
        say("rollout_page_unreadable", "warning", path=path, reason=reason)
        return None
