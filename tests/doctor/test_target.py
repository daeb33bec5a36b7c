"""An environment: its secrets, its target, its images; over HTTP, against stand-ins."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "ci" / "stand_ins"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "deploy" / "kubernetes"))
from ecs_stand_in import Cluster, StandIn
from kubernetes_stand_in import StandIn as KubernetesStandIn

ECS = """\
environments:
  staging:
    target: {{kind: ecs, cluster: {cluster}, service: loans, region: eu-central-1, endpoint_url: '{url}'}}
"""
KUBERNETES = """\
environments:
  staging:
    target: {kind: kubernetes, namespace: models}
"""
IMAGES = """\
environments:
  staging:
    target: {kind: ecs, cluster: main, service: loans, region: eu-central-1}
    image: {repository: 127.0.0.1:9/loans}
"""


@pytest.fixture
def ecs(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    cluster = Cluster("main")
    cluster.register({"family": "loans", "containerDefinitions": [{"name": "server", "image": "placeholder"}]}, [])
    cluster.create_service("loans", "loans", 0)
    with StandIn(cluster, key="someone") as made:
        yield made


@pytest.fixture
def kubernetes(tmp_path: Path) -> Iterator[KubernetesStandIn]:
    with KubernetesStandIn("canary-2c") as made:
        told = {
            "current-context": "here",
            "contexts": [{"name": "here", "context": {"cluster": "one", "user": "me"}}],
            "clusters": [{"name": "one", "cluster": {"server": made.url}}],
            "users": [{"name": "me", "user": {"token": "canary-2c"}}],
        }
        (tmp_path / "kubeconfig").write_text(json.dumps(told))
        yield made


def as_somebody(monkeypatch: pytest.MonkeyPatch, key: str = "someone") -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-secret")


def test_a_service_of_ecs_is_described(
    ecs: StandIn, settings: Any, seen: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings(ECS.format(cluster="main", url=ecs.url))
    found = seen("--env", "staging")
    assert found["exit"] == 2
    assert {name for name in found if name.startswith("secret ")} == {
        "secret AWS_ACCESS_KEY_ID",
        "secret AWS_SECRET_ACCESS_KEY",
    }
    as_somebody(monkeypatch)
    found = seen("--env", "staging")
    assert (found["exit"], found["target ecs"]["state"]) == (0, "ok"), found
    assert found["target ecs: rights"]["state"] == "not checked"
    assert not ecs.wrong


@pytest.mark.parametrize(("key", "cluster", "code"), [("another", "main", 6), ("someone", "nowhere", 2)])
def test_wrong_keys_and_a_wrong_cluster_are_told_apart(
    ecs: StandIn,
    settings: Any,
    seen: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    key: str,
    cluster: str,
    code: int,
) -> None:
    settings(ECS.format(cluster=cluster, url=ecs.url))
    as_somebody(monkeypatch, key)
    found = seen("--env", "staging")
    assert found["exit"] == code
    assert "canary-secret" not in str(found)


def test_a_cluster_is_asked_for_rights_and_what_runs(
    kubernetes: KubernetesStandIn,
    settings: Any,
    seen: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    settings(KUBERNETES)
    assert seen("--env", "staging")["secret KUBECONFIG"]["state"] == "missing"
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    found = seen("--env", "staging")
    assert (found["exit"], found["target kubernetes: rights"]["state"]) == (0, "ok"), found
    assert found["target kubernetes"]["detail"] == "absent"
    kubernetes.emulator.denied = {("", "services", "create")}
    found = seen("--env", "staging")
    assert (found["exit"], found["target kubernetes: rights"]["state"]) == (6, "failed")
    assert "create services" in found["target kubernetes: rights"]["detail"]
    changes = {plural for method, plural in kubernetes.emulator.calls if method != "GET"}
    assert changes == {"selfsubjectaccessreviews"}


def test_a_registry_of_images_is_asked_for_by_name_and_then_asked(
    settings: Any, seen: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings(IMAGES)
    as_somebody(monkeypatch)
    monkeypatch.setenv("AWS_ENDPOINT_URL_ECS", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    found = seen("--env", "staging")
    assert (
        found["secret MODELWAY_REGISTRY_USER"]["exit_code"] == found["secret MODELWAY_REGISTRY_TOKEN"]["exit_code"] == 2
    )
    monkeypatch.setenv("MODELWAY_REGISTRY_USER", "octocat")
    monkeypatch.setenv("MODELWAY_REGISTRY_TOKEN", "canary-token")
    found = seen("--env", "staging")
    assert (found["exit"], found["image registry"]["state"]) == (6, "failed")
    assert "canary-token" not in str(found)


def test_no_container_cli_is_missing_where_images_are_built(
    settings: Any, seen: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert seen("--env", "local")["container CLI"]["state"] == "not checked"
    settings(IMAGES)
    assert seen("--env", "staging")["container CLI"]["exit_code"] == 2
