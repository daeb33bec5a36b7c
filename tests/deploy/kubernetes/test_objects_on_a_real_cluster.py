"""Which fields a deploy writes, keeps, removes and brings back, on a real API server."""

from __future__ import annotations

from typing import Any

import pytest

from modelway.deploy.planner import find_drift
from modelway.errors import RolledBackError, UsageError

pytestmark = pytest.mark.slow
SIDECAR = {"name": "proxy", "image": "example.com/proxy:1"}


def pod_of(real: Any) -> Any:
    return real.object("deployments")["spec"]["template"]["spec"]


def give_account(real: Any) -> None:
    real.cluster.call("POST", real.path("serviceaccounts"), {"metadata": {"name": "loans"}})


class TestRollback:
    def test_settings_of_a_later_release_go_with_it(self, real: Any) -> None:
        give_account(real)
        real.flow(replicas=2).deploy(real.release(1))
        before = real.object("deployments")["spec"]
        later = {"service_account": "loans", "pull_secret": "registry", "service_port": 81, "replicas": 3}
        real.flow(**later).deploy(real.release(2))
        assert pod_of(real)["serviceAccountName"] == "loans"
        assert pod_of(real)["imagePullSecrets"] == [{"name": "registry"}]
        real.flow(**later).roll_back()
        assert real.object("deployments")["spec"] == before
        assert [one["port"] for one in real.object("services")["spec"]["ports"]] == [80]

    def test_failed_settings_of_the_running_release_return_to_those_before(self, real: Any) -> None:
        real.flow().deploy(real.release(1))
        real.flow().deploy(real.release(2))
        before = real.object("deployments")["spec"]
        with pytest.raises(RolledBackError, match="not found"):
            real.flow(service_account="nobody").deploy(real.release(2))
        assert real.object("deployments")["spec"] == before
        assert real.flow().deploy(real.release(2)).plan.steps == ()

    def test_a_release_that_ran_before_gets_the_settings_of_now(self, real: Any) -> None:
        for number in (1, 2):
            real.flow().deploy(real.release(number))
        real.flow(container_port=9000).deploy(real.release(1))
        assert pod_of(real)["containers"][0]["ports"][0]["containerPort"] == 9000
        assert pod_of(real)["containers"][0]["image"] == real.release(1).image


class TestDeploy:
    def test_the_same_again_changes_nothing(self, real: Any) -> None:
        settings = {"resources": {"cpu": "0.5", "memory": "1024Mi", "cpu_limit": "2000m"}, "secrets": ("salt",)}
        real.flow(**settings).deploy(real.release(1))
        before = real.object("deployments")
        assert real.flow(**settings).plan(real.release(1)).steps == ()
        assert real.object("deployments")["metadata"]["generation"] == before["metadata"]["generation"]

    def test_a_setting_that_is_removed_is_gone(self, real: Any) -> None:
        give_account(real)
        plain = real.flow()
        plain.deploy(real.release(1))
        before = pod_of(real)
        real.flow(service_account="loans", pull_secret="registry", secrets=("salt",)).deploy(real.release(1))
        assert pod_of(real) != before
        assert plain.deploy(real.release(1)).plan.steps
        assert pod_of(real) == before

    def test_what_others_added_stays_and_what_they_changed_of_ours_comes_back(self, real: Any) -> None:
        real.flow().deploy(real.release(1))
        real.patch("deployments", {"spec": {"template": {"spec": {"containers": [SIDECAR]}}}})
        real.patch(
            "services", {"metadata": {"annotations": {"dns": "loans.example.com"}}, "spec": {"type": "NodePort"}}
        )
        image = {"name": "server", "image": "example.com/other:1"}
        real.patch("deployments", {"spec": {"template": {"spec": {"containers": [image]}}}})
        flow = real.flow()
        (step,) = [one for one in flow.plan(real.release(1)).steps if one.room == "target"]
        assert "containers[server].image" in step.what
        assert find_drift(flow.target, flow.target.inspect(), flow.state.read()) == (step.what,)
        real.flow().deploy(real.release(1))
        images = {one["name"]: one["image"] for one in pod_of(real)["containers"]}
        assert images == {"proxy": SIDECAR["image"], "server": real.release(1).image}
        real.flow().deploy(real.release(2))
        real.flow().roll_back()
        assert {one["name"] for one in pod_of(real)["containers"]} == {"proxy", "server"}
        assert real.object("services")["spec"]["type"] == "NodePort"
        assert real.object("services")["metadata"]["annotations"]["dns"] == "loans.example.com"


class TestReplicas:
    def test_an_autoscaler_of_others_decides_if_no_number_is_set(self, real: Any) -> None:
        real.flow().deploy(real.release(1))
        assert real.object("deployments")["spec"]["replicas"] == 2
        real.scale(6)
        real.flow().deploy(real.release(2))
        assert real.object("deployments")["spec"]["replicas"] == 6
        real.flow().roll_back()
        assert real.object("deployments")["spec"]["replicas"] == 6

    def test_a_number_that_is_no_longer_set_stays_as_it_is(self, real: Any) -> None:
        real.flow(replicas=3).deploy(real.release(1))
        real.flow().deploy(real.release(1))
        assert real.object("deployments")["spec"]["replicas"] == 3
        assert real.flow().deploy(real.release(1)).plan.steps == ()

    def test_autoscale_makes_an_autoscaler_and_without_it_there_is_none(self, real: Any) -> None:
        autoscale = {"min": 3, "max": 6, "cpu": 60}
        real.flow(replicas=4).deploy(real.release(1))
        real.flow(autoscale=autoscale).deploy(real.release(1))
        spec = real.object("horizontalpodautoscalers")["spec"]
        assert (spec["minReplicas"], spec["maxReplicas"]) == (3, 6)
        assert real.object("deployments")["spec"]["replicas"] == 4
        assert real.flow(autoscale=autoscale).deploy(real.release(1)).plan.steps == ()
        real.flow(replicas=2).deploy(real.release(1))
        assert real.object("horizontalpodautoscalers") is None
        assert real.object("deployments")["spec"]["replicas"] == 2

    @pytest.mark.parametrize("settings", [{}, {"replicas": 3}, {"autoscale": {"min": 3, "max": 6}}])
    def test_what_was_stopped_starts_again(self, real: Any, settings: Any) -> None:
        real.flow(**settings).deploy(real.release(1))
        assert real.flow(**settings).stop()
        assert real.object("deployments")["spec"]["replicas"] == 0
        real.flow(**settings).deploy(real.release(1))
        assert real.object("deployments")["spec"]["replicas"] == (3 if settings else 2)


FOREIGN = {
    "services": {
        "spec": {"selector": {"app": "shop"}, "ports": [{"name": "a", "port": 80}, {"name": "b", "port": 90}]}
    },
    "deployments": {
        "spec": {
            "selector": {"matchLabels": {"app": "shop"}},
            "template": {
                "metadata": {"labels": {"app": "shop"}},
                "spec": {"containers": [{"name": "shop", "image": "example.com/shop:1"}]},
            },
        }
    },
    "poddisruptionbudgets": {"spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "shop"}}}},
    "horizontalpodautoscalers": {
        "spec": {"maxReplicas": 3, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"}}
    },
}


class TestOwnership:
    @pytest.mark.parametrize("kind", FOREIGN)
    def test_an_object_of_someone_else_is_left_alone(self, real: Any, kind: str) -> None:
        real.create(
            kind, {"metadata": {"name": "loans", "labels": {"app.kubernetes.io/managed-by": "Helm"}}, **FOREIGN[kind]}
        )
        before = real.object(kind)["spec"]
        flow = real.flow(autoscale={"max": 4})
        for work in (
            lambda: flow.plan(real.release(1)),
            lambda: flow.deploy(real.release(1)),
            flow.stop,
            flow.roll_back,
        ):
            with pytest.raises(UsageError, match=r"belongs to someone else \(managed by Helm"):
                work()
        assert real.object(kind)["spec"] == before
        assert [other for other in FOREIGN if other != kind and real.object(other)] == []

    def test_an_owner_without_a_label_is_named_by_what_wrote_it(self, real: Any) -> None:
        real.create("services", FOREIGN["services"])
        with pytest.raises(UsageError, match="written by someone-else"):
            real.flow().deploy(real.release(1))

    def test_an_autoscaler_of_someone_else_may_scale_ours(self, real: Any) -> None:
        real.create("horizontalpodautoscalers", FOREIGN["horizontalpodautoscalers"])
        real.flow().deploy(real.release(1))
        assert real.object("horizontalpodautoscalers")["spec"]["maxReplicas"] == 3

    def test_another_environment_of_the_same_name_is_refused(self, real: Any) -> None:
        real.flow().deploy(real.release(1))
        with pytest.raises(UsageError, match="belongs to environment 'production'"):
            real.flow(environment="staging").deploy(real.release(2))
