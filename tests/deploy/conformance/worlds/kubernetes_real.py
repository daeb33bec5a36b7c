"""The world of the `kubernetes` target on a real API server; skipped with the reason where there is none."""

from __future__ import annotations

import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from modelway.deploy.flow import Flow
from modelway.deploy.kubernetes.manifests import manifests
from modelway.deploy.state import EnvironmentState
from modelway.deploy.target import Place, Target, open_target
from modelway.records.data import S3Options
from modelway.records.deploy import Release
from modelway.records.environment import WaitOptions
from modelway.records.kubernetes import KubernetesOptions
from modelway.records.smoke import SmokeCheck, SmokeReport
from modelway.records.verdict import Verdict

sys.path.insert(0, str(Path(__file__).parents[2] / "kubernetes"))
from kubernetes_places import place_of, release_of
from real_cluster import reason_to_skip, shared_cluster
from real_cluster.kubelet import crashing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from real_cluster import RealCluster


STRATEGIC, MERGE = "application/strategic-merge-patch+json", "application/merge-patch+json"
APIS = {
    "deployments": "apis/apps/v1",
    "services": "api/v1",
    "pods": "api/v1",
    "resourcequotas": "api/v1",
    "serviceaccounts": "api/v1",
    "poddisruptionbudgets": "apis/policy/v1",
    "horizontalpodautoscalers": "apis/autoscaling/v2",
    "roles": "apis/rbac.authorization.k8s.io/v1",
    "rolebindings": "apis/rbac.authorization.k8s.io/v1",
}


def _ask(release: Release, url: str) -> SmokeReport:
    check = SmokeCheck(name="predictions", verdict=Verdict.PASS, detail="")
    return SmokeReport(endpoint=url, versions=(str(release.champion.version),), checks=(check,))


@dataclass
class RealWorld:
    cluster: RealCluster
    root: Path
    kubeconfig: Path
    namespace: str
    said: list[str] = field(default_factory=list)

    def place(self, given: dict[str, str] | None = None, /, environment: str = "production", **target: Any) -> Place:
        options = {"kind": "kubernetes", "namespace": self.namespace, "progress_seconds": 10, **target}
        secrets = {"KUBECONFIG": str(self.kubeconfig)} if given is None else given
        return place_of(self.root, KubernetesOptions.model_validate(options), secrets, environment)

    def open(self, **target: Any) -> Target:
        return open_target(self.place(**target))

    def open_without_secrets(self) -> Target:
        return open_target(self.place({}))

    def release(self, number: int) -> Release:
        return release_of(number)

    def flow_as(self, token: str, **target: Any) -> Flow:
        """The flow of someone else."""
        config = self.cluster.kubeconfig(self.kubeconfig.with_name(token), token)
        return replace(self, kubeconfig=config).flow(**target)

    def flow(self, **target: Any) -> Flow:
        """A flow whose smoke test passes; its state outlives it."""
        place = self.place(**target)
        wait = WaitOptions(stable_seconds=60.0, poll_seconds=0.2)
        place = replace(place, options=place.options.model_copy(update={"wait": wait, "url": "http://loans"}))
        state = EnvironmentState(str(self.root / "known"), S3Options())
        here = replace(place, flags=str(self.root / "flags.json"))  # what the pods are told is an address on S3
        return Flow(here, open_target(place), state, _ask, self.said.append, "me")

    def object(self, kind: str, name: str = "loans") -> Any:
        """An object as an administrator sees it; None if there is none."""
        return self.cluster.call("GET", f"{self.path(kind)}/{name}", allowed=(404,))

    def create(self, kind: str, body: dict[str, Any]) -> None:
        """Create an object as somebody else."""
        self.cluster.call("POST", self.path(kind), {"metadata": {"name": "loans"}, **body})

    def patch(self, kind: str, body: Any, name: str = "loans", form: str = STRATEGIC) -> None:
        """Change an object as somebody else."""
        self.cluster.call("PATCH", f"{self.path(kind)}/{name}", body, form=form)

    def scale(self, replicas: int) -> None:
        """Scale the Deployment as an autoscaler does."""
        body = {"spec": {"replicas": replicas}}
        self.cluster.call("PATCH", f"{self.path('deployments')}/loans/scale", body, form=MERGE)

    def wait_for(self, kind: str, holds: Callable[[Any], bool]) -> None:
        """Wait until something holds of an object."""
        deadline = time.monotonic() + 60
        while not holds(self.object(kind)):
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def bind(self, rules: Any, user: str) -> None:
        """Let a user do what a Role's rules allow."""
        self.create("roles", {"rules": rules})
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "loans"}
        subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}
        self.create("rolebindings", {"roleRef": role, "subjects": [subject]})

    def write_as_older_version(self, release: Release, **target: Any) -> None:
        """Write and record a release as version 0.1 did: by POST, with an annotation of the settings' digest."""
        place = self.place(**target)
        for one in manifests(place, place.options.target, release):
            kind = f"{one['kind'].lower()}s"
            del one["metadata"]["annotations"]
            if kind == "deployments":
                template = one["spec"]["template"]
                del template["spec"]["serviceAccountName"]
                account = place.options.target.service_account
                template["spec"] |= {"serviceAccountName": account} if account else {}
                marks = {"modelway/release": release.id, "modelway/configuration": "0123456789ab"}
                one["metadata"]["annotations"] = template["metadata"]["annotations"] = marks
            self.cluster.call("POST", self.path(kind), one, agent="modelway")
        self.wait_for("deployments", lambda one: one["status"].get("availableReplicas") == 2)
        recorded = release.model_copy(update={"revision": "1"})
        state = EnvironmentState(str(self.root / "known"), S3Options())
        state.change(lambda known: known.model_copy(update={"history": (*known.history, recorded)}))

    def path(self, kind: str) -> str:
        """Where the objects of a kind are."""
        return f"/{APIS[kind]}/namespaces/{self.namespace}/{kind}"

    def broken(self) -> Release:
        release = self.release(666)
        self.cluster.kubelet.says[str(release.image)] = crashing("the bundle does not verify")
        return release


@contextmanager
def world(request: Any, root: Path, secret: str) -> Iterator[RealWorld]:
    reason = reason_to_skip()
    if reason:
        pytest.skip(reason)
    cluster = shared_cluster()
    # A kubeconfig holds secrets by its nature, so it lies outside of what is searched for them.
    with tempfile.TemporaryDirectory() as home:
        path = cluster.kubeconfig(Path(home) / "config", secret)
        yield RealWorld(cluster, root, path, cluster.namespace())
