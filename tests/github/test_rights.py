"""What a token may do, as far as GitHub tells."""

from __future__ import annotations

from typing import Any

import pytest

from modelway.errors import OutsideError
from modelway.github import GitHub, rights_of
from modelway.records.github import Repository

PLACE = "/api/v3/repos/octocat/loans"


def told(standin: Any, fault: Any, *, push: bool, headers: dict[str, str]) -> None:
    standin.faults.append(fault("GET", PLACE, 200, headers=headers, body={"permissions": {"push": push}}))


@pytest.mark.parametrize(
    ("push", "headers", "releases"),
    [
        (True, {"X-OAuth-Scopes": "repo, workflow"}, True),
        (True, {"X-OAuth-Scopes": "read:org"}, False),
        (True, {"X-OAuth-Scopes": ""}, False),
        (False, {"X-OAuth-Scopes": "repo"}, False),
        (True, {}, None),
        (False, {}, False),
    ],
)
def test_scopes_and_permissions_decide(
    standin: Any, client: Any, fault: Any, push: bool, headers: dict[str, str], releases: bool | None
) -> None:
    told(standin, fault, push=push, headers=headers)
    assert rights_of(client.github).releases is releases
    assert [method for method, _ in standin.asked] == ["GET"]


def test_a_token_that_ends_says_when(standin: Any, client: Any, fault: Any) -> None:
    told(standin, fault, push=True, headers={"github-authentication-token-expiration": "2026-12-24 00:00:00 UTC"})
    assert rights_of(client.github).expires == "2026-12-24 00:00:00 UTC"


def test_a_token_that_github_does_not_know_is_refused(standin: Any) -> None:
    github = GitHub(Repository(owner="octocat", name="loans"), "ghp_guessed", f"{standin.url}/api/v3")
    with pytest.raises(OutsideError, match="does not know the token") as refused:
        rights_of(github)
    assert "ghp_guessed" not in str(refused.value)
