"""What containers are given of the world outside: an empty secret is none, wherever it would go."""

from __future__ import annotations

from dataclasses import dataclass, field

import anyio
import pytest

from modelway_ci.deliver import with_signing_key
from modelway_ci.project import usable_uri
from modelway_ci.services import Outside, given, with_environment, with_github, with_server, with_store


@dataclass(frozen=True)
class Secret:
    """A secret whose text is known."""

    text: str

    async def plaintext(self):
        return self.text


@dataclass
class Container:
    """Notes what it is given, by variable or place."""

    secrets: dict = field(default_factory=dict)
    variables: dict = field(default_factory=dict)

    def with_secret_variable(self, name, secret):
        self.secrets[name] = secret.text
        return self

    def with_mounted_secret(self, path, secret, **_):
        self.secrets[path.rpartition("/")[2]] = secret.text
        return self

    def with_env_variable(self, name, value):
        self.variables[name] = value
        return self


def filled(text):
    """A container after all that may give it a secret, each of this text."""
    secret = Secret(text)
    outside = Outside(
        None, None, {"MLFLOW_TRACKING_USERNAME": secret}, {"AWS_SESSION_TOKEN": secret}, github_token=secret,
        slack_webhook=secret, kubeconfig=secret, github_api_url="https://ghes.test/api/v3",
        registry_secrets={"MODELWAY_REGISTRY_USER": secret, "MODELWAY_REGISTRY_TOKEN": secret},
    )  # fmt: skip
    container = Container()

    async def fill():
        await with_store(container, outside)
        await with_server(container, outside, await usable_uri(secret))
        await with_github(container, outside)
        await with_environment(container, outside, "staging")
        await with_signing_key(container, secret)

    anyio.run(fill)
    return container


@pytest.mark.parametrize("text", ["", " \n"])
def test_an_empty_secret_is_not_given(text):
    container = filled(text)
    assert container.secrets == {}
    assert "MODELWAY_REGISTRY_USER" not in container.variables
    assert "KUBECONFIG" not in container.variables


def test_any_other_secret_is():
    container = filled("text")
    assert set(container.secrets.values()) == {"text"}
    assert set(container.secrets) == {
        "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_URI", "AWS_SESSION_TOKEN", "GITHUB_TOKEN", "SLACK_WEBHOOK",
        "MODELWAY_REGISTRY_TOKEN", "kubeconfig", "signing-key.pem",
    }  # fmt: skip
    assert container.variables["MODELWAY_REGISTRY_USER"] == "text"
    assert container.variables["GITHUB_API_URL"] == "https://ghes.test/api/v3"


def test_no_secret_is_none():
    assert anyio.run(given, None) is None
