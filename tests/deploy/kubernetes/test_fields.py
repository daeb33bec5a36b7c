"""Managed fields as an API server keeps them, quantities, owners and reasons, without a server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from modelway.deploy.kubernetes.fields import changed_at, differences, owned, take_over
from modelway.deploy.kubernetes.looking import look
from modelway.deploy.kubernetes.reasons import why_no_pods, why_pods_fail
from modelway.records.deploy import LiveState


def entry(manager: str, operation: str, fields: Any, **more: Any) -> dict[str, Any]:
    return {"manager": manager, "operation": operation, "fieldsType": "FieldsV1", "fieldsV1": fields, **more}


CONTAINER = {'k:{"name":"server"}': {".": {}, "f:image": {}, "f:name": {}, "f:ports": {}}}
OURS = {"f:spec": {"f:template": {"f:spec": {"f:containers": CONTAINER}}, "f:selector": {}}}
PORTS = {'k:{"containerPort":8000,"protocol":"TCP"}': {".": {}, "f:containerPort": {}}}
CONTAINER['k:{"name":"server"}']["f:ports"] = PORTS


def found(*entries: Any) -> dict[str, Any]:
    """A Deployment with defaults, a sidecar, and fields of ours."""
    server = {
        "name": "server",
        "image": "loans:1",
        "imagePullPolicy": "IfNotPresent",
        "ports": [{"containerPort": 8000, "protocol": "TCP"}, {"containerPort": 9000, "protocol": "TCP"}],
    }
    pod = {"containers": [{"name": "proxy", "image": "proxy:1"}, server], "restartPolicy": "Always"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "loans", "namespace": "models", "uid": "1", "managedFields": list(entries)},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"a": "b"}}, "template": {"spec": pod}},
    }


def test_what_is_ours_is_neither_a_default_nor_what_others_added() -> None:
    server = {"name": "server", "image": "loans:1", "ports": [{"containerPort": 8000}]}
    assert owned(found(entry("modelway", "Apply", OURS), entry("admin", "Update", {"f:spec": {"f:replicas": {}}}))) == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "loans", "namespace": "models"},
        "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": {"spec": {"containers": [server]}}},
    }


def test_nothing_is_ours_where_nothing_is_managed_by_us() -> None:
    assert "spec" not in owned(found(entry("admin", "Apply", OURS)))
    assert "spec" not in owned(found(entry("modelway", "Update", OURS, subresource="scale")))


def test_fields_of_older_requests_become_those_of_apply() -> None:
    old = entry("modelway", "Update", {"f:spec": {"f:replicas": {}}})
    applied, other = entry("modelway", "Apply", OURS), entry("admin", "Update", {"f:spec": {}})
    assert take_over(found(applied, other)) is None
    both = owned(found(old, applied))["spec"]
    assert both["replicas"] == 2
    assert "template" in both
    managed = take_over(found(other, old, applied))
    assert managed is not None
    assert [(one["manager"], one["operation"]) for one in managed] == [("modelway", "Apply"), ("admin", "Update")]
    assert managed[0]["fieldsV1"] == {"f:spec": {**OURS["f:spec"], "f:replicas": {}}}


def test_the_last_change_of_ours_counts() -> None:
    entries = [entry("modelway", "Apply", {}, time="2026-01-01T00:00:00Z"), entry("x", "Update", {}, time="2027")]
    scaled = entry("modelway-scale", "Apply", {}, time="2026-01-02T00:00:00Z")
    assert changed_at(found(*entries)) == "2026-01-01T00:00:00Z"
    assert changed_at(found(*entries, scaled)) == "2026-01-02T00:00:00Z"
    assert changed_at(found()) == ""


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("0.5", "500m", True),
        ("1024Mi", "1Gi", True),
        ("1k", "1e3", True),
        ("2", "2000m", True),
        (".5", "500m", True),
        ("1M", "1Mi", False),
        ("2", "2m", False),
        ("2", None, False),
    ],
)
def test_quantities_are_compared_by_their_value(one: str, other: str | None, same: bool) -> None:
    def pod(amount: str | None) -> Any:
        return {"spec": {"containers": [{"name": "server", "resources": {"limits": {"cpu": amount}}}]}}

    assert differences(pod(one), pod(other)) == (() if same else ("spec.containers[server].resources.limits.cpu",))


def test_differences_are_named_either_way_and_the_order_of_keyed_lists_does_not_count() -> None:
    one = {"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}], "drop": ["ALL", "X"], "kept": {}}
    other = {"env": [{"name": "B", "value": "2"}, {"name": "A", "value": "3"}], "drop": ["X", "ALL"], "more": 1}
    assert differences(one, other) == ("drop", "env[A].value", "kept", "more")
    assert differences(one, one) == ()


def pod(name: str, status: Any, release: str = "r1") -> dict[str, Any]:
    return {"metadata": {"name": name, "annotations": {"modelway/release": release}}, "status": status}


def test_of_several_pods_the_one_that_ended_is_named_and_only_of_this_release() -> None:
    ended = {"phase": "Failed", "reason": "Evicted", "message": "no disk"}
    starting = {"containerStatuses": [{"name": "server", "state": {"running": {}}, "ready": False}]}
    pods = [pod("old", ended, "r0"), pod("a", starting), pod("b", ended)]
    assert why_pods_fail(pods, "r1") == "pod b: Evicted: no disk"
    assert "container server runs, but is not ready" in why_pods_fail(pods[:2], "r1")
    assert why_pods_fail([pod("a", {}), pod("b", {"containerStatuses": []})], "r1") == ""


def test_a_failure_to_create_pods_that_is_over_is_not_named() -> None:
    failure = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"}
    assert why_no_pods({"conditions": [failure]}) == "no pod could be created: exceeded quota"
    assert why_no_pods({"conditions": [{**failure, "status": "False"}]}) == ""


class NoPods:
    def find(self, *_: Any) -> list[Any]:
        return []


def rollout(changed: str, judged: str, *, ready: int = 0) -> Any:
    """A Deployment that modelway changed, whose rollout was given up at another time."""
    deployment = found(entry("modelway", "Apply", OURS, time=changed))
    deployment["spec"] |= {"progressDeadlineSeconds": 300}
    deployment["spec"]["template"]["metadata"] = {"annotations": {"modelway/release": "r1"}}
    late = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "timed out"}
    counts = {"replicas": 2, "updatedReplicas": 2, "availableReplicas": ready, "observedGeneration": 1}
    return {**deployment, "status": {**counts, "conditions": [{**late, "lastUpdateTime": judged}]}}


def ago(seconds: int) -> str:
    return (datetime.now(UTC) - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize(
    ("changed", "judged", "ready", "state"),
    [
        (100, 50, 0, LiveState.FAILED),
        (50, 100, 0, LiveState.CHANGING),
        (400, 500, 0, LiveState.FAILED),
        (100, 50, 2, LiveState.STABLE),
    ],
)
def test_a_verdict_from_before_our_change_is_not_one_on_it(
    changed: int, judged: int, ready: int, state: LiveState
) -> None:
    nothing: Any = NoPods()
    assert look(nothing, rollout(ago(changed), ago(judged), ready=ready), {}).state is state
