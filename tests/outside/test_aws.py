"""AWS's other services, and what gives credentials: all end, however they misbehave."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from modelway.deploy import aws
from modelway.deploy.aws import aws_client, missing_credentials, translated
from modelway.errors import ModelwayError
from modelway.records.data import S3Options
from modelway.storage import read_bytes
from modelway.storage.s3 import s3_client

from .conftest import HTML, WAYS, answer, outcome, say

SECRETS = {"AWS_ACCESS_KEY_ID": "someone", "AWS_SECRET_ACCESS_KEY": "secret"}
FOREIGN = {
    "sends other JSON": say(answer(b'{"status": "ok"}', kind="application/json")),
    "sends a list": say(answer(b"[]", kind="application/json")),
    "shows a portal": say(answer(HTML, kind="text/html")),
    "shows a portal as an error": say(answer(HTML, "403 Forbidden", "text/html")),
}
SILENT = {name: WAYS[name] for name in ("hangs", "dribbles its head", "dribbles its body")}


@pytest.fixture(autouse=True)
def new_clients() -> None:
    aws._client.cache_clear()


@pytest.mark.parametrize("way", FOREIGN | SILENT | {"truncates": WAYS["truncates"]})
@pytest.mark.parametrize(
    ("service", "call"),
    [
        ("ecs", lambda client: client.describe_services(cluster="c", services=["s"])),
        ("ecr", lambda client: client.get_authorization_token()),
        ("sts", lambda client: client.get_caller_identity()),
    ],
)
def test_a_service_that_misbehaves_ends_with_6_and_its_name(start, short, service: str, call, way: str) -> None:
    server = start((FOREIGN | WAYS)[way])
    client = aws_client(service, SECRETS, "eu-central-1", server.url)
    short()

    def ask() -> None:
        with translated(service):
            call(client)

    found = outcome(ask)
    assert isinstance(found, ModelwayError), repr(found)
    assert found.exit_code == 6, found
    assert server.host in str(found), found


@pytest.mark.parametrize("way", SILENT)
@pytest.mark.parametrize("source", ["AWS_EC2_METADATA_SERVICE_ENDPOINT", "AWS_CONTAINER_CREDENTIALS_FULL_URI"])
def test_a_metadata_service_that_misbehaves_ends(
    start, short, monkeypatch: pytest.MonkeyPatch, source: str, way: str
) -> None:
    for name in SECRETS:
        monkeypatch.delenv(name)
    server = start(WAYS[way])
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "false")
    monkeypatch.setenv(source, f"{server.url}/")
    short()
    s3 = S3Options(endpoint_url="http://127.0.0.1:1", region="eu-central-1")
    found = outcome(lambda: read_bytes("s3://bucket/key", s3=s3))
    assert isinstance(found, ModelwayError), repr(found)
    assert found.exit_code in {2, 6}


def test_a_program_for_credentials_that_hangs_ends_with_6(
    short, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in SECRETS:
        monkeypatch.delenv(name)
    config = tmp_path / "config"
    config.write_text(f"[default]\ncredential_process = {sys.executable} -c 'import time; time.sleep(30)'\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    s3_client.cache_clear()
    short()
    found = outcome(lambda: read_bytes("s3://bucket/key", s3=S3Options(region="eu-central-1")))
    assert isinstance(found, ModelwayError), repr(found)
    assert found.exit_code == 6
    assert "credentials" in str(found)


REGION, SETTING = "eu-central-1", ("AWS_REGION", "AWS_DEFAULT_REGION")


@pytest.mark.parametrize("given", [None, "", REGION])
@pytest.mark.parametrize("first", [None, "", "us-east-1"])
@pytest.mark.parametrize("second", [None, "", "us-west-2"])
def test_the_targets_region_goes_before_those_of_the_shell(
    monkeypatch: pytest.MonkeyPatch, given: str | None, first: str | None, second: str | None
) -> None:
    """As `--region` of AWS's own command; then AWS_REGION, AWS_DEFAULT_REGION, and what boto3 finds."""
    asked: list[object] = []
    monkeypatch.setattr(aws, "_client", lambda *arguments: asked.append(arguments))
    secrets = {name: value for name, value in zip(SETTING, (first, second), strict=True) if value is not None}
    aws_client("ecs", secrets, given, "http://there")
    assert asked == [("ecs", given or first or second or None, "http://there", ())]


KEYS = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s"}
PAIR = {"aws_access_key_id": "a", "aws_secret_access_key": "s"}


@pytest.mark.parametrize(
    ("secrets", "given", "missing"),
    [
        ({}, {}, ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]),
        (KEYS, PAIR, []),
        ({**KEYS, "AWS_SESSION_TOKEN": "t"}, {**PAIR, "aws_session_token": "t"}, []),
        ({**KEYS, "AWS_SESSION_TOKEN": ""}, PAIR, []),
        ({**KEYS, "AWS_PROFILE": "p"}, PAIR, []),
        ({"AWS_PROFILE": "p"}, {"profile_name": "p"}, []),
        ({"AWS_PROFILE": ""}, {}, ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]),
        ({"AWS_ACCESS_KEY_ID": "a"}, {"aws_access_key_id": "a"}, ["AWS_SECRET_ACCESS_KEY"]),
        ({"AWS_SECRET_ACCESS_KEY": "s"}, {"aws_secret_access_key": "s"}, ["AWS_ACCESS_KEY_ID"]),
        ({"AWS_WEB_IDENTITY_TOKEN_FILE": "f"}, {}, []),
        ({"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/u"}, {}, []),
        ({"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://u"}, {}, []),
    ],
)
def test_credentials_go_to_the_client_by_name_and_what_lacks_is_named(
    monkeypatch: pytest.MonkeyPatch, secrets: dict[str, str], given: dict[str, str], missing: list[str]
) -> None:
    asked: list[dict[str, str]] = []
    monkeypatch.setattr(aws, "_client", lambda *arguments: asked.append(dict(arguments[3])))
    monkeypatch.setattr(aws, "_has_profile", lambda: False)
    aws_client("ecs", secrets, REGION, None)
    assert asked == [given]
    assert [one.name for one in missing_credentials(secrets)] == missing
    monkeypatch.setattr(aws, "_has_profile", lambda: True)
    assert [one.name for one in missing_credentials(secrets)] == (missing if len(missing) == 1 else [])
