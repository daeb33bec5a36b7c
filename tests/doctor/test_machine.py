"""What concerns the machine: packages, certificates, proxies, programs, Slack, GitHub."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from modelway.pipeline.doctor.packages import lacking_of
from modelway.pipeline.doctor.proxies import goes_around

HOOK = "https://hooks.slack.com/services/T0/B0/canary9d"


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        made.listen()
        yield made


def test_an_extra_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib import metadata

    found = {"boto3": "1.2.3", "pyarrow": "18.0"}

    def version(name: str) -> str:
        if name not in found:
            raise metadata.PackageNotFoundError(name)
        return found[name]

    monkeypatch.setattr(metadata, "version", version)
    assert lacking_of("data") == ["boto3 is 1.2.3, and 1.35 is the least"]
    assert "mlflow is not installed" in lacking_of("train")
    assert "boto3 is 1.2.3, and 1.35 is the least" in lacking_of("train"), "an extra's own extras count"
    found["boto3"] = "1.100"
    assert lacking_of("data") == []


def test_what_the_lock_installs_lacks_nothing() -> None:
    from modelway.pipeline.doctor.packages import _OPTIONAL

    assert [name for name in ("", *_OPTIONAL, "train", "package", "monitor") if lacking_of(name)] == []


def test_certificates_are_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, seen: Callable[..., Any]) -> None:
    assert seen()["certificates"]["state"] == "not checked"
    (tmp_path / "torn.pem").write_text("-----BEGIN CERTIFICATE-----\nnothing\n")
    monkeypatch.setenv("SSL_CERT_FILE", ssl.get_default_verify_paths().cafile or "/etc/ssl/certs/ca-certificates.crt")
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "torn.pem"))
    monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(tmp_path / "absent.pem"))
    found = seen()
    assert found["exit"] == 2
    assert found["certificates: SSL_CERT_FILE"]["state"] == "ok"
    assert "no certificate" in found["certificates: AWS_CA_BUNDLE"]["detail"]
    assert "is not there" in found["certificates: MLFLOW_TRACKING_SERVER_CERT_PATH"]["detail"]


def test_a_proxy_that_is_there_is_well(
    monkeypatch: pytest.MonkeyPatch, listener: socket.socket, seen: Callable[..., Any]
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://somebody:canary4b@127.0.0.1:{listener.getsockname()[1]}")
    found = seen()
    assert found["exit"] == 0
    assert found["proxies: HTTPS_PROXY"]["state"] == "ok"
    assert "canary4b" not in str(found)


def test_a_proxy_that_is_away_fails(monkeypatch: pytest.MonkeyPatch, seen: Callable[..., Any]) -> None:
    monkeypatch.setenv("https_proxy", "127.0.0.1:9")
    found = seen()
    assert (found["exit"], found["proxies: HTTPS_PROXY"]["state"]) == (6, "failed")


def test_two_spellings_that_differ_are_told(monkeypatch: pytest.MonkeyPatch, seen: Callable[..., Any]) -> None:
    monkeypatch.setenv("https_proxy", "http://one:1")
    monkeypatch.setenv("HTTPS_PROXY", "http://two:2")
    found = seen()
    assert (found["exit"], found["proxies: HTTPS_PROXY"]["state"]) == (2, "missing")


@pytest.mark.parametrize(
    ("host", "around"),
    [
        ("mlflow.internal:5000", "mlflow.internal"),
        ("mlflow.internal:5000", ".internal"),
        ("mlflow.internal", "a,internal"),
        ("x:1", "*"),
    ],
)
def test_hosts_that_go_around_a_proxy(host: str, around: str) -> None:
    assert goes_around(host, around)


@pytest.mark.parametrize("around", ["", "nal", "mlflow", ","])
def test_hosts_that_do_not(around: str) -> None:
    assert not goes_around("mlflow.internal", around)


@pytest.mark.parametrize(
    ("webhook", "state", "code"),
    [
        (None, "not checked", 0),
        (HOOK, "ok", 0),
        ("http://127.0.0.1:9/hook", "not checked", 0),
        ("hooks.slack.com/services/T0/B0/canary9d", "missing", 2),
        ("https://hooks.slack.com/services/T0 canary9d", "missing", 2),
    ],
)
def test_slacks_webhook_is_known_by_its_form(
    webhook: str | None, state: str, code: int, monkeypatch: pytest.MonkeyPatch, seen: Callable[..., Any]
) -> None:
    if webhook is not None:
        monkeypatch.setenv("SLACK_WEBHOOK", webhook)
    found = seen()
    assert (found["SLACK_WEBHOOK"]["state"], found["exit"]) == (state, code)
    assert "canary9d" not in str(found)


def test_an_engine_is_looked_for_and_not_started(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, listener: socket.socket, seen: Callable[..., Any]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert seen()["dagger"]["state"] == "missing"
    started = tmp_path / "started"
    for name in ("dagger", "dagger-engine-start"):
        (tmp_path / name).write_text(f"#!/bin/sh\n: > {started}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("_EXPERIMENTAL_DAGGER_RUNNER_HOST", "tcp://127.0.0.1:9")
    found = seen()
    assert (found["dagger"]["state"], found["dagger engine"]["state"], found["exit"]) == ("ok", "missing", 0)
    monkeypatch.setenv("_EXPERIMENTAL_DAGGER_RUNNER_HOST", f"tcp://127.0.0.1:{listener.getsockname()[1]}")
    assert seen()["dagger engine"]["state"] == "ok"
    assert not started.exists()


def test_github_is_asked_only_where_there_is_a_token_and_a_repository(
    monkeypatch: pytest.MonkeyPatch, seen: Callable[..., Any]
) -> None:
    assert (seen()["GITHUB_TOKEN"]["state"], seen()["exit"]) == ("missing", 0)
    monkeypatch.setenv("GITHUB_TOKEN", "ghp_canary")
    assert seen()["GITHUB_TOKEN"]["state"] == "not checked"
    found = seen("--repository", "nonsense")
    assert (found["exit"], found["GitHub"]["state"]) == (2, "missing")
