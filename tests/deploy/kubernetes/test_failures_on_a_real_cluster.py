"""What a deploy says and does where a real API server refuses, or pods do not come up."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from real_cluster.kubelet import evicted, init_failing, unready, unschedulable
from real_cluster.servers import DEPLOYER, STRANGER

from modelway.deploy.kubernetes.reviewing import refused_rights
from modelway.errors import GateError, OutsideError, RefusedError, RolledBackError, UsageError
from modelway.records.deploy import LiveState

pytestmark = pytest.mark.slow
DOCS = Path(__file__).parents[3] / "docs" / "kubernetes.md"


def limit_pods(real: Any, pods: int) -> None:
    real.create("resourcequotas", {"spec": {"hard": {"pods": str(pods)}}})
    real.wait_for("resourcequotas", lambda one: "hard" in one.get("status", {}))


class TestReasons:
    @pytest.mark.parametrize(
        ("says", "words"),
        [
            (unready, "probe has not passed"),
            (unschedulable, "Insufficient memory"),
            (evicted, "Evicted: The node was low on resource"),
            (init_failing, "init container vault: CrashLoopBackOff; exit code 2, no route to vault"),
        ],
    )
    def test_pods_that_do_not_come_up_say_why(self, real: Any, says: Any, words: str) -> None:
        release = real.release(700 + len(words))
        real.cluster.kubelet.says[str(release.image)] = says
        with pytest.raises(GateError, match=re.escape(words)):
            real.flow().deploy(release)

    def test_a_quota_is_named(self, real: Any) -> None:
        real.flow().deploy(real.release(1))
        limit_pods(real, 2)
        with pytest.raises(RolledBackError, match=r"no pod could be created: .*exceeded quota"):
            real.flow().deploy(real.release(2))

    def test_a_missing_account_is_named(self, real: Any) -> None:
        with pytest.raises(GateError, match='serviceaccount "nobody" not found'):
            real.flow(service_account="nobody").deploy(real.release(1))

    def test_a_policy_of_the_namespace_admits_our_pods_and_is_named_where_it_does_not(self, real: Any) -> None:
        enforced = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}
        real.cluster.call(
            "PATCH", f"/api/v1/namespaces/{real.namespace}", enforced, form="application/merge-patch+json"
        )
        real.flow().deploy(real.release(1))
        root = {"name": "root", "image": "example.com/root:1"}
        real.patch("deployments", {"spec": {"template": {"spec": {"containers": [root]}}}})
        with pytest.raises(OutsideError, match=r"violates PodSecurity.*so did coming back"):
            real.flow().deploy(real.release(2))
        gone = {"name": "root", "$patch": "delete"}
        real.patch("deployments", {"spec": {"template": {"spec": {"containers": [gone]}}}})
        real.flow().deploy(real.release(2))


class TestRetry:
    def test_a_deploy_after_the_quota_was_lifted_waits_for_its_own_rollout(self, real: Any) -> None:
        limit_pods(real, 0)
        with pytest.raises(GateError, match=r"exceeded quota.*it was stopped"):
            real.flow().deploy(real.release(1))
        assert real.open().inspect().state is LiveState.ABSENT
        real.cluster.call("DELETE", f"{real.path('resourcequotas')}/loans")
        real.flow().deploy(real.release(1))
        assert real.flow().state.read().current.id == real.release(1).id
        assert real.flow().deploy(real.release(1)).plan.steps == ()


class TestRefusals:
    def test_without_rights_nothing_is_changed_and_no_attempt_stays_open(self, real: Any) -> None:
        real.flow().deploy(real.release(1))
        real.bind([{"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list"]}], "stranger")
        before = real.object("deployments")
        flow = real.flow_as(STRANGER)
        with pytest.raises(RefusedError, match=r"403.*cannot patch.*nothing was changed") as refused:
            flow.deploy(real.release(2))
        assert "role" in str(refused.value.remedy)
        assert flow.state.read().attempt is None
        assert real.object("deployments")["spec"] == before["spec"]

    def test_what_is_invalid_is_refused_before_anything_is_written(self, real: Any) -> None:
        real.flow().deploy(real.release(1))
        settings = {"service_port": 81, "resources": {"cpu": "2", "cpu_limit": 1}}
        with pytest.raises(
            RefusedError, match=r"422.*must be less than or equal to cpu limit.*nothing was changed"
        ) as error:
            real.flow(**settings).deploy(real.release(1))
        assert "Try again" not in str(error.value)
        assert real.object("services")["spec"]["ports"][0]["port"] == 80
        assert real.flow().state.read().attempt is None

    @pytest.mark.parametrize("work", ["plan", "inspect", "rights"])
    def test_a_missing_namespace_is_named(self, real: Any, work: str) -> None:
        flow = real.flow(namespace="nowhere")
        with pytest.raises(UsageError, match="no namespace 'nowhere'"):
            if work == "plan":
                flow.plan(real.release(1))
            elif work == "inspect":
                flow.target.inspect()
            else:
                refused_rights(flow.place.secrets, flow.place.options.target)

    def test_a_wrong_token_is_refused(self, real: Any) -> None:
        with pytest.raises(OutsideError, match="401"):
            real.flow_as("nobody").deploy(real.release(1))


def test_the_documented_role_is_enough(real: Any) -> None:
    found = re.search(r"```yaml\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.S)
    assert found is not None
    real.bind(yaml.safe_load(found[1])["rules"], "deployer")
    settings = {"autoscale": {"max": 3}}
    flow = real.flow_as(DEPLOYER, **settings)
    assert refused_rights(flow.place.secrets, flow.place.options.target) == ()
    flow.deploy(real.release(1))
    flow.deploy(real.release(2))
    flow.roll_back()
    real.flow_as(DEPLOYER).deploy(real.release(1))
    assert real.flow_as(DEPLOYER).stop()
    assert real.object("horizontalpodautoscalers") is None


def test_what_an_older_version_wrote_is_taken_over(real: Any) -> None:
    """Older versions wrote by POST and merge patch, and recorded a release's revision alone."""
    real.cluster.call("POST", real.path("serviceaccounts"), {"metadata": {"name": "loans"}})
    real.write_as_older_version(real.release(1), service_account="loans", pull_secret="registry", replicas=2)
    flow = real.flow(replicas=2)
    flow.deploy(real.release(2))
    pod = real.object("deployments")["spec"]["template"]
    assert pod["spec"]["serviceAccountName"] == "default"
    assert "imagePullSecrets" not in pod["spec"]
    assert "modelway/configuration" not in pod["metadata"]["annotations"]
    managers = {(one["manager"], one["operation"]) for one in real.object("deployments")["metadata"]["managedFields"]}
    assert ("modelway", "Apply") in managers
    assert ("modelway", "Update") not in managers
    flow.roll_back()
    pod = real.object("deployments")["spec"]["template"]["spec"]
    assert pod["serviceAccountName"] == "loans"
    assert pod["imagePullSecrets"] == [{"name": "registry"}]
