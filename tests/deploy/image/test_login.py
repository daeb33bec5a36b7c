"""Who pushes: ECR's own token, or a user and a token; what is missing is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from modelway.deploy.image import login_to, missing_login
from modelway.deploy.image.login import host_of
from modelway.errors import OutsideError
from modelway.records.environment import EnvironmentOptions, ImageOptions

DOCS = Path(__file__).parents[3] / "docs" / "aws-permissions.md"
ECR = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/loans"


@pytest.fixture
def place(make_place: Any) -> Any:
    def make(repository: str, secrets: dict[str, str], **image: Any) -> Any:
        return make_place(
            options=EnvironmentOptions(image=ImageOptions(repository=repository, **image)), secrets=secrets
        )

    return make


def test_ecr_asks_aws_for_a_token(place: Any, ecr: dict[str, str]) -> None:
    login = login_to(place(ECR, ecr))
    assert login is not None
    assert (login.host, login.user, login.token) == (ECR.partition("/")[0], "AWS", "123456789012-auth-token")
    assert login.token not in repr(login)


def test_an_ecr_that_is_away_is_an_outside_failure(
    place: Any, ecr: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_ECR", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(OutsideError, match="can't be reached"):
        login_to(place(ECR, ecr))


def test_any_other_registry_takes_a_user_and_a_token(place: Any) -> None:
    told = place("ghcr.io/octocat/loans", {"MODELWAY_REGISTRY_USER": "octocat", "MODELWAY_REGISTRY_TOKEN": "t0"})
    assert missing_login(told) == ()
    login = login_to(told)
    assert login is not None
    assert (login.host, login.user, login.token) == ("ghcr.io", "octocat", "t0")


def test_what_is_missing_is_named_with_how_to_pass_it(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = missing_login(place("ghcr.io/octocat/loans", {"MODELWAY_REGISTRY_USER": "octocat"}))
    assert [(one.name, one.argument) for one in missing] == [
        ("MODELWAY_REGISTRY_TOKEN", "--registry-token env://MODELWAY_REGISTRY_TOKEN")
    ]
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/nowhere")
    assert [one.name for one in missing_login(place(ECR, {}))] == ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]


def test_a_registry_that_asks_nobody_needs_nothing(place: Any) -> None:
    told = place("localhost:5000/loans", {}, login=False)
    assert missing_login(told) == ()
    assert login_to(told) is None


@pytest.mark.parametrize(
    ("repository", "host"),
    [
        ("ghcr.io/octocat/loans", "ghcr.io"),
        ("localhost/loans", "localhost"),
        ("registry:5000/loans", "registry:5000"),
        ("octocat/loans", "docker.io"),
        ("loans", "docker.io"),
    ],
)
def test_the_host_of_a_repository(repository: str, host: str) -> None:
    assert host_of(ImageOptions(repository=repository)) == host


def test_the_policys_call_of_ecr_is_the_one_that_is_made(place: Any, ecr: dict[str, str]) -> None:
    from modelway.deploy.aws import aws_client

    called: set[str] = set()
    told = place(ECR, ecr)
    client = aws_client("ecr", told.secrets, "eu-central-1", None)
    client.meta.events.register("before-call.ecr.*", lambda model, **_: called.add(model.name))
    login_to(told)
    found = json.loads(DOCS.read_text(encoding="utf-8").partition("```json\n")[2].partition("```")[0])
    (login,) = [one for one in found["Statement"] if one["Sid"] == "ImagesLogin"]
    assert {login["Action"]} == {f"ecr:{name}" for name in called}
