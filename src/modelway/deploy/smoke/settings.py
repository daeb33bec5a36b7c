"""Whether a server runs with the serving settings of its release."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from modelway.deploy.smoke.asking import Asker
from modelway.errors import UsageError
from modelway.records.serving import SETTINGS_DIGEST
from modelway.records.smoke import SmokeCheck
from modelway.records.verdict import Verdict

if TYPE_CHECKING:
    from modelway.records.deploy import Release
    from modelway.waiting import Wait

_REST, _STATUS_SECONDS = 0.5, 5.0
_DIGEST = re.compile(r"[0-9a-f]{12}")


def check_settings(asker: Asker, wanted: str | None, wait: Wait) -> SmokeCheck:
    """Compare the digest that a server reports with that of its release.

    Args:
        asker: asks the endpoint.
        wanted: the digest that it has to report; None if the release has no settings.
        wait: while it lasts, a server that reports another one is asked again: one of the release before may still
            answer.
    """
    attempts = 0
    while True:
        attempts += 1
        found, why = _reported(asker)
        wrong = None if why else _difference(wanted, found)
        if wrong is None or wait.left <= _REST:
            detail = why or wrong or (f"digest {wanted}" if wanted else "nothing is set")
            verdict = Verdict.FAIL if wrong else Verdict.PASS
            return SmokeCheck(name="serving settings", verdict=verdict, detail=detail, attempts=attempts)
        wait.sleep(_REST)


def describe_settings(release: Release, url: str | None) -> str:
    """Return the digest of a release's serving settings, and whether its server runs with them, for people.

    Args:
        release: what should run.
        url: where a server of it answers; None where that is not known.
    """
    wanted = release.given.digest
    named = wanted or "nothing is set"
    if url is None:
        return f"{named} (not verified: no address is known)"
    try:
        found, why = _reported(Asker(url, _STATUS_SECONDS))
    except UsageError as error:
        return f"{named} (not verified: {error.what})"
    return f"{named} ({why or _difference(wanted, found) or 'verified: the server reports the same'})"


def _reported(asker: Asker) -> tuple[str | None, str]:
    """The digest that a server reports; and why it is not known, where it is not."""
    reply = asker.ask("GET", "/v2", None)
    found = reply.json()
    if reply.status == 0:
        return None, f"not verified: {reply.body.decode(errors='replace')[:200]}"
    if reply.status != 200 or not isinstance(found, dict):
        return None, f"not verified: GET /v2 was answered with status {reply.status}"
    digest = found.get(SETTINGS_DIGEST)
    return digest if isinstance(digest, str) and _DIGEST.fullmatch(digest) else None, ""


def _difference(wanted: str | None, found: str | None) -> str | None:
    if wanted == found:
        return None
    if found is None:
        return f"the server reports none, not {wanted}; its image may be too old to read them: deploy with --rebuild"
    return f"the server reports {found}, not {wanted or 'none'}"
