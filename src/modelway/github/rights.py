"""What a token may do in a repository, as far as GitHub tells.

Sources: GitHub's REST documentation, "Get a repository" (`permissions`) and "Scopes for OAuth apps"
(`X-OAuth-Scopes`, which classic tokens alone have), "Authenticating to the REST API" (expiration header).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelway.github.answers import unknown

if TYPE_CHECKING:
    from modelway.github.client import GitHub


@dataclass(frozen=True)
class Rights:
    """What was told.

    Attributes:
        push: whether contents may be written; None where it is not told.
        scopes: a classic token's scopes; None for a fine-grained token or an app's, which don't tell.
        expires: when the token ends, in GitHub's words; empty where it is not told.
    """

    push: bool | None
    scopes: tuple[str, ...] | None
    expires: str

    @property
    def releases(self) -> bool | None:
        """Whether it may make releases, issues and dispatches; None where that can't be seen without trying."""
        if self.push is False:
            return False
        if self.scopes is None:
            return None
        return bool({"repo", "public_repo"} & set(self.scopes))


def rights_of(github: GitHub) -> Rights:
    """Ask for the repository.

    Raises:
        AbsentError: the token does not show it.
        OutsideError: GitHub does not know the token, does not answer, or answers with something else.
    """
    answer = github.look()
    told = answer.json()
    if not isinstance(told, dict):
        raise unknown("repository")
    permissions = told.get("permissions")
    scopes = answer.headers.get("X-OAuth-Scopes")
    return Rights(
        push=bool(permissions.get("push")) if isinstance(permissions, dict) else None,
        scopes=None if scopes is None else tuple(scope.strip() for scope in scopes.split(",") if scope.strip()),
        expires=answer.headers.get("github-authentication-token-expiration") or "",
    )
