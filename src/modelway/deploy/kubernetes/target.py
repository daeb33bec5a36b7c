"""The Kubernetes target: plans the objects of a release, and applies them."""

from __future__ import annotations

import copy
from functools import cached_property
from typing import TYPE_CHECKING, Any

from modelway.deploy.kubernetes.access import KUBECONFIG, config_path, find_access, in_cluster
from modelway.deploy.kubernetes.cluster import Cluster
from modelway.deploy.kubernetes.fields import MANAGER, SCALER, differences, owned, take_over
from modelway.deploy.kubernetes.looking import REVISION, look
from modelway.deploy.kubernetes.manifests import RELEASE, RETRY, labels_of, manifests, name_of
from modelway.deploy.kubernetes.ownership import find_owner
from modelway.errors import OutsideError, RefusedError
from modelway.records.deploy import Live, LiveState, MissingSecret, Release, Step
from modelway.records.kubernetes import KubernetesOptions

if TYPE_CHECKING:
    from modelway.deploy.target import Place

Json = dict[str, Any]
_AUTOSCALER = "HorizontalPodAutoscaler"
_KINDS = ("Service", "PodDisruptionBudget", _AUTOSCALER, "Deployment")
"""In the order in which they are applied."""
_TAKE_OVERS = 5
"""How often a change of the field managers is tried, if others change the object at the same time."""
_MOST_NAMED = 6


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
        """Return what the Deployment runs, with all fields of all objects that are ours.

        Raises:
            UsageError: an object belongs to someone else, or there is no such namespace.
            OutsideError: the cluster can't be reached or refuses.
        """
        found = {one["kind"]: one for one in map(self._get, _KINDS) if one is not None}
        deployment = found.get("Deployment")
        applied = tuple(owned(one) for one in found.values())
        if deployment is None:
            self._cluster.check_namespace()
            return Live(state=LiveState.ABSENT, applied=applied)
        live = look(self._cluster, deployment, labels_of(self._place, self._options))
        return live.model_copy(update={"applied": applied})

    def plan(self, wanted: Release | None, live: Live) -> tuple[Step, ...]:
        """The objects whose managed fields differ; those that are no longer wanted are deleted."""
        if wanted is None:
            return () if live.wanted == 0 else (self._scale(0),)
        found: dict[str, Any] = {str(one["kind"]): one for one in live.applied}
        if wanted.applied:
            objects = _as_it_ran(wanted)
        elif wanted.revision and live.wanted:
            return self._undo_steps(wanted, live)
        else:
            objects = self._as_set(wanted, live, found)
        steps = list(self._apply_steps(objects, found))
        fixed = "replicas" in objects["Deployment"]["spec"]
        if not fixed and "replicas" in found.get("Deployment", {}).get("spec", {}) and live.wanted:
            # A field that its last manager leaves out falls back to its default: one pod. The other manager keeps it.
            steps.insert(0, self._scale(live.wanted))
        if not fixed and live.wanted == 0:
            steps.append(self._scale(self._options.initial))
        return tuple(steps)

    def apply(self, step: Step) -> None:
        """Run a step."""
        arguments: Any = step.arguments
        if step.action == "apply":
            self._apply(arguments["objects"], arguments["gone"])
        elif step.action == "scale":
            self._cluster.apply(self._checked(arguments["object"]), SCALER)
        else:
            self._undo(arguments)

    def _as_set(self, wanted: Release, live: Live, found: dict[str, Json]) -> dict[str, Json]:
        """The objects as the settings say, with what has to stay of a release that runs or failed."""
        objects = {one["kind"]: copy.deepcopy(one) for one in manifests(self._place, self._options, wanted)}
        if live.release != wanted.id:
            return objects
        template = objects["Deployment"]["spec"]["template"]
        before = found.get("Deployment", {}).get("spec", {}).get("template", {})
        retried = before.get("metadata", {}).get("annotations", {}).get(RETRY)
        if retried:
            template["metadata"]["annotations"][RETRY] = retried
        if live.state is LiveState.FAILED and not differences(template, before):
            # Kubernetes does not try a rollout again that missed its deadline, and goes on saying that it did.
            template["metadata"]["annotations"][RETRY] = str(live.revision)
        return objects

    def _apply_steps(self, objects: dict[str, Json], found: dict[str, Json]) -> tuple[Step, ...]:
        changed, words = [], []
        for kind in (kind for kind in _KINDS if kind in objects):
            paths = differences(objects[kind], found.get(kind, {}))
            if paths:
                changed.append(objects[kind])
                words.append(f"{kind} ({_named(paths)})" if kind in found else f"{kind} (new)")
        gone = [_AUTOSCALER] if _AUTOSCALER in found and _AUTOSCALER not in objects else []
        words += [f"{kind} (deleted)" for kind in gone]
        if not words:
            return ()
        what = f"apply {self._options.namespace}/{self._name}: {', '.join(words)}"
        return (_step("apply", what, objects=changed, gone=gone),)

    def _undo_steps(self, wanted: Release, live: Live) -> tuple[Step, ...]:
        """The way back to a release of which only the revision was recorded, by an older version of modelway."""
        if wanted.id == live.release and live.state is not LiveState.FAILED:
            return ()
        objects = list(self._as_set(wanted, live, {}).values())
        what = f"undo {self._name} to the revision of release {wanted.id}"
        return (_step("undo", what, release=wanted.id, objects=objects),)

    def _scale(self, replicas: int) -> Step:
        metadata = {"name": self._name, "namespace": self._options.namespace}
        wanted = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": {"replicas": replicas}}
        pods = "no pod" if replicas == 0 else f"{replicas} pods"
        return _step("scale", f"scale {self._name} to {pods}", object=wanted)

    def _apply(self, objects: list[Json], gone: list[str]) -> None:
        """Delete what is no longer wanted and apply all objects, or nothing if one of them is refused."""
        for one in objects:
            self._cluster.apply(self._checked(one), MANAGER, dry_run=True)
        for kind in gone:  # first: an autoscaler would change the number of pods that is applied
            if self._get(kind) is not None:
                self._cluster.delete(kind, self._name)
        for one in objects:
            self._take_over(one["kind"])
            self._cluster.apply(one, MANAGER)

    def _take_over(self, kind: str) -> None:
        """Let server-side apply own what an older version of modelway wrote."""
        for attempt in range(_TAKE_OVERS):
            found = self._get(kind)
            managed = None if found is None else take_over(found)
            if found is None or managed is None:
                return
            try:
                self._cluster.replace_managers(found, managed)
            except OutsideError as error:
                if isinstance(error, RefusedError) or attempt == _TAKE_OVERS - 1:
                    raise

    def _undo(self, arguments: Any) -> None:
        """Bring the pods back as they were when the release ran, from the ReplicaSet that Kubernetes keeps of them."""
        found = [
            one
            for one in self._cluster.find("ReplicaSet", labels_of(self._place, self._options))
            if one["spec"]["template"]["metadata"].get("annotations", {}).get(RELEASE) == arguments["release"]
        ]
        objects = {one["kind"]: one for one in arguments["objects"]}
        if found:  # else it is older than what Kubernetes keeps
            newest = max(found, key=lambda one: int(one["metadata"].get("annotations", {}).get(REVISION, 0)))
            template = newest["spec"]["template"]
            template["metadata"]["labels"].pop("pod-template-hash", None)
            metadata = {key: template["metadata"][key] for key in ("labels", "annotations")}
            objects["Deployment"]["spec"]["template"] = {"metadata": metadata, "spec": template["spec"]}
        self._apply([objects[kind] for kind in _KINDS if kind in objects], [])

    def _checked(self, wanted: Json) -> Json:
        """Return what is to be written, once it is certain that the object is ours or does not exist."""
        self._get(wanted["kind"])
        return wanted

    def _get(self, kind: str) -> Json | None:
        """Return an object, if it exists; raise `UsageError` if it belongs to someone else."""
        autoscaled = self._options.autoscale is not None
        try:
            found = self._cluster.get(kind, self._name)
        except RefusedError:
            if kind != _AUTOSCALER or autoscaled:
                raise
            return None  # a role for targets without an autoscaler does not have to let us read one
        refusal = None if found is None else find_owner(found, self._place)
        if refusal is None:
            return found
        if kind == _AUTOSCALER and not autoscaled:
            return None  # someone else's, which may well scale our Deployment
        raise refusal

    @cached_property
    def _cluster(self) -> Cluster:
        return Cluster(find_access(self._place.secrets, self._options.context), self._options.namespace)


def _as_it_ran(release: Release) -> dict[str, Json]:
    """The objects as they were recorded."""
    objects: dict[str, Json] = {str(one["kind"]): copy.deepcopy(one) for one in release.applied}
    # Older versions of modelway left it out; `manifests` says why it has to be named.
    objects["Deployment"]["spec"]["template"]["spec"].setdefault("serviceAccountName", "default")
    return objects


def _named(paths: tuple[str, ...]) -> str:
    more = f" and {len(paths) - _MOST_NAMED} more" if len(paths) > _MOST_NAMED else ""
    return ", ".join(paths[:_MOST_NAMED]) + more


def _step(action: str, what: str, **arguments: Any) -> Step:
    return Step(room="target", action=action, what=what, arguments=arguments)
