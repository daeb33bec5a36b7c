"""The Kubernetes target: plans objects and an undo, and asks the cluster for them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from modelway.deploy.kubernetes.access import KUBECONFIG, config_path, find_access, in_cluster
from modelway.deploy.kubernetes.cluster import Cluster
from modelway.deploy.kubernetes.looking import REVISION, look
from modelway.deploy.kubernetes.manifests import RELEASE, configuration_of, labels_of, manifests, name_of
from modelway.records.deploy import Live, LiveState, MissingSecret, Release, Step
from modelway.records.kubernetes import KubernetesOptions

if TYPE_CHECKING:
    from modelway.deploy.target import Place


class KubernetesTarget:
    """Runs releases as a Deployment.

    Args:
        place: which one, and what its servers are told.
    """

    def __init__(self, place: Place) -> None:
        if not isinstance(place.options.target, KubernetesOptions):
            raise TypeError(place.options.target)
        self._place = place
        self._options = place.options.target
        self._name = name_of(place, self._options)

    def missing(self) -> tuple[MissingSecret, ...]:
        """The kubeconfig, outside of a cluster."""
        secrets = self._place.secrets
        if config_path(secrets) is not None or in_cluster(secrets):
            return ()
        purpose = "the path of the file that says which cluster, and who we are there"
        return (MissingSecret(name=KUBECONFIG, purpose=purpose, argument=f"--kubeconfig file://${KUBECONFIG}"),)

    def inspect(self) -> Live:
        """What the Deployment runs."""
        return look(self._cluster, self._name, labels_of(self._place, self._options))

    def plan(self, wanted: Release | None, live: Live) -> tuple[Step, ...]:
        """The objects applied; an undo where the release ran before and nothing else changes."""
        if wanted is None:
            return () if live.wanted == 0 else (_step("stop", f"scale {self._name} to no pod"),)
        configuration = configuration_of(self._place, self._options)
        same = live.release == wanted.id and live.configuration == configuration and live.state is not LiveState.FAILED
        if same and live.wanted == self._options.replicas:
            return ()
        objects = [dict(one) for one in manifests(self._place, self._options, wanted)]
        if wanted.revision and wanted.revision != live.revision and live.wanted:
            what = f"undo {self._name} to the revision of release {wanted.id}"
            return (_step("undo", what, release=wanted.id, objects=objects),)
        return tuple(
            _step("apply", f"apply {one['kind']} {self._options.namespace}/{self._name}", object=one)
            for one in (*objects[1:], objects[0])
        )

    def apply(self, step: Step) -> None:
        """Run a step."""
        arguments: Any = step.arguments
        if step.action == "apply":
            self._cluster.put(arguments["object"])
        elif step.action == "undo":
            self._undo(arguments)
        else:
            self._cluster.patch("Deployment", self._name, {"spec": {"replicas": 0}})

    def _undo(self, arguments: Any) -> None:
        """Bring the pods back as they were when the release ran, whatever the settings have become."""
        found = [
            one
            for one in self._cluster.find("ReplicaSet", labels_of(self._place, self._options))
            if one["spec"]["template"]["metadata"].get("annotations", {}).get(RELEASE) == arguments["release"]
        ]
        if not found:  # older than what Kubernetes keeps
            for one in arguments["objects"]:
                self._cluster.put(one)
            return
        newest = max(found, key=lambda one: int(one["metadata"].get("annotations", {}).get(REVISION, 0)))
        template = newest["spec"]["template"]
        labels = {**template["metadata"]["labels"]}
        labels.pop("pod-template-hash", None)
        marks = template["metadata"]["annotations"]
        told = {"metadata": {"labels": labels, "annotations": marks}, "spec": template["spec"]}
        change = {"metadata": {"annotations": marks}, "spec": {"template": told, "replicas": self._options.replicas}}
        self._cluster.patch("Deployment", self._name, change)

    @cached_property
    def _cluster(self) -> Cluster:
        return Cluster(find_access(self._place.secrets, self._options.context), self._options.namespace)


def _step(action: str, what: str, **arguments: Any) -> Step:
    return Step(room="target", action=action, what=what, arguments=arguments)
