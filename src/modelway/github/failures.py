"""What an answer of GitHub's means that is no success. Pure.

Sources: GitHub's REST documentation, "Troubleshooting", "Rate limits" and "Permissions required".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modelway.errors import OutsideError
from modelway.http import origin_of, parse_answer
from modelway.http.response import SIGN_IN

if TYPE_CHECKING:
    from collections.abc import Mapping

_SECONDARY_PAUSE = 60.0
"""What GitHub asks for when it holds back without saying for how long."""


class UnansweredError(OutsideError):
    """No answer came, or the server failed: what was asked for may have been done."""


class AbsentError(OutsideError):
    """There is no such thing, or the token does not show it."""


class TakenError(OutsideError):
    """A name is in use already."""


@dataclass(frozen=True)
class Answer:
    """An HTTP answer.

    Attributes:
        where: what was asked.
        status: the HTTP status.
        headers: its headers.
        content: its body.
    """

    where: str
    status: int
    headers: Mapping[str, str]
    content: bytes

    def json(self) -> Any:
        """The body; None where it is empty.

        Raises:
            OutsideError: it is no JSON.
        """
        if not self.content:
            return None
        remedy = f"{SIGN_IN} The API of GitHub Enterprise is at https://HOST/api/v3."
        return parse_answer(self.content, self.headers, "GitHub", self.where, remedy)

    @property
    def message(self) -> str:
        """What GitHub says of it, in a line."""
        told = self._told
        errors = told.get("errors")
        details = [_detail(error) for error in errors] if isinstance(errors, list) else []
        return " ".join(": ".join([str(told.get("message", "")), *details]).split())[:300]

    def says(self, field: str, code: str) -> bool:
        """Whether one of the errors is of this field and code."""
        errors = self._told.get("errors")
        return isinstance(errors, list) and any(
            isinstance(error, dict) and (error.get("field"), error.get("code")) == (field, code) for error in errors
        )

    @property
    def _told(self) -> dict[str, Any]:
        """The body where it is an object, else an empty one."""
        try:
            told = self.json()
        except OutsideError:
            return {}
        return told if isinstance(told, dict) else {}


def pause_of(answer: Answer, now: float) -> float | None:
    """Return how many seconds GitHub asks to wait before this is sent again; None where there is no use in that.

    Args:
        answer: what came.
        now: seconds since 1970.
    """
    if answer.status not in {403, 429}:
        return None
    return _asked_pause(answer, now)


def failure_of(answer: Answer, repository: str) -> OutsideError:
    """The error a user sees."""
    status, where, said = answer.status, answer.where, answer.message or "no reason given"
    match status:
        case 401:
            return OutsideError("GitHub does not know the token", where=where, remedy="Give one that has not expired.")
        case 403 | 429:
            return _refusal(answer, said)
        case 404:
            return AbsentError(
                f"GitHub shows no such thing to this token: {repository}",
                where=where,
                remedy="See that the repository's name is right and that the token may read and write its contents.",
            )
        case 422:
            return _invalid(answer, said)
        case _:
            return _unexpected(answer, said, repository)


def _invalid(answer: Answer, said: str) -> OutsideError:
    if answer.says("name", "already_exists") or answer.says("tag_name", "already_exists"):
        return TakenError(f"GitHub has this already: {said}", where=answer.where, remedy="Run it again.")
    remedy = "Push the commit of the version first." if "target_commitish" in said else "See what it says."
    return OutsideError(f"GitHub does not take this: {said}", where=answer.where, remedy=remedy)


def _unexpected(answer: Answer, said: str, repository: str) -> OutsideError:
    if answer.status >= 500:
        return UnansweredError(
            f"GitHub failed: {answer.status} {said}", where=answer.where, remedy="Run it again later."
        )
    if 300 <= answer.status < 400:
        return OutsideError(
            f"GitHub sends us elsewhere: {origin_of(answer.headers.get('Location', '')) or 'it does not say where'}",
            where=answer.where,
            remedy=f"Was {repository} renamed? Give its name of today, and the address of the API itself.",
        )
    return OutsideError(f"GitHub refused this: {answer.status} {said}", where=answer.where, remedy="See what it says.")


def _refusal(answer: Answer, said: str) -> OutsideError:
    if _is_rate_limit(answer):
        return OutsideError(
            f"GitHub's rate limit is used up: {said}", where=answer.where, remedy="Run it again in an hour."
        )
    # This header tells which permissions a fine-grained token, or the one of a workflow, would have to have.
    needed = answer.headers.get("X-Accepted-GitHub-Permissions") or "contents=write"
    return OutsideError(
        f"GitHub does not permit this to the token: {said}",
        where=answer.where,
        remedy=f"It needs the permission {needed}: in a workflow `permissions: contents: write`.",
    )


def _asked_pause(answer: Answer, now: float) -> float | None:
    after = answer.headers.get("Retry-After", "")
    if after.isdigit():
        return float(after)
    reset = answer.headers.get("X-RateLimit-Reset", "")
    if answer.headers.get("X-RateLimit-Remaining") == "0" and reset.isdigit():
        return max(float(reset) - now, 0.0) + 1.0
    return _SECONDARY_PAUSE if _is_rate_limit(answer) else None


def _is_rate_limit(answer: Answer) -> bool:
    headers = answer.headers
    return (
        answer.status == 429
        or "Retry-After" in headers
        or headers.get("X-RateLimit-Remaining") == "0"
        or "rate limit" in answer.message.lower()
    )


def _detail(error: Any) -> str:
    if not isinstance(error, dict):
        return str(error)
    return str(error.get("message") or " ".join(str(error[key]) for key in ("field", "code") if key in error))
