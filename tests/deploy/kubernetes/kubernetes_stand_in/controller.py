"""A Deployment controller: ReplicaSets with revisions, pods one after the other, and a deadline."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
REVISION = "deployment.kubernetes.io/revision"
DEADLINE = 8
"""Ticks without progress after which a rollout has failed."""


@dataclass
class Pod:
    name: str
    replica_set: str
    age: int = 0
    ready: bool = False


@dataclass
class Rollout:
    """What the controller remembers of a Deployment."""

    pods: list[Pod] = field(default_factory=list)
    revision: int = 0
    template: str = ""
    idle: int = 0
    was_up: bool = False
    outages: int = 0
    """Ticks in which no pod answered, though one had and some were wanted."""


class Controller:
    """Brings Deployments a tick further.

    Args:
        store: keeps an object of a kind: `store(plural, name, object)`; None takes it away.
        read: gives the object, or None.
    """

    def __init__(self, store: Callable[[str, str, Json | None], None], read: Callable[[str, str], Json | None]) -> None:
        self._store = store
        self._read = read
        self.broken: dict[str, str] = {}
        """Images that never get ready, with a container's words."""
        self.rollouts: dict[str, Rollout] = {}

    def tick(self, deployment: Json) -> None:
        """One unit of time for a Deployment."""
        name, spec = deployment["metadata"]["name"], deployment["spec"]
        rollout = self.rollouts.setdefault(name, Rollout())
        template = hashlib.sha256(json.dumps(spec["template"], sort_keys=True).encode()).hexdigest()[:10]
        current = f"{name}-{template}"
        if template != rollout.template:
            rollout.template, rollout.idle = template, 0
            rollout.revision += 1
            self._keep_replica_set(deployment, current, rollout.revision)
        before = [(pod.name, pod.ready) for pod in rollout.pods]
        image = spec["template"]["spec"]["containers"][0]["image"]
        self._grow(rollout, current, image)
        self._move(rollout, current, spec["replicas"])
        moved = before != [(pod.name, pod.ready) for pod in rollout.pods]
        rollout.idle = 0 if moved else rollout.idle + 1
        up = any(pod.ready for pod in rollout.pods)
        rollout.was_up = up or (rollout.was_up and spec["replicas"] > 0)
        rollout.outages += rollout.was_up and not up
        for pod in rollout.pods:
            self._show(deployment, pod)
        self._store("deployments", name, self._told(deployment, rollout, current))

    def _keep_replica_set(self, deployment: Json, name: str, revision: int) -> None:
        template = copy.deepcopy(deployment["spec"]["template"])
        template["metadata"].setdefault("labels", {})["pod-template-hash"] = name.rpartition("-")[2]
        metadata = {
            "name": name,
            "namespace": deployment["metadata"]["namespace"],
            "labels": dict(template["metadata"]["labels"]),
            "annotations": {REVISION: str(revision)},
        }
        self._store("replicasets", name, {"metadata": metadata, "spec": {"template": template}})

    def _grow(self, rollout: Rollout, current: str, image: str) -> None:
        for pod in rollout.pods:
            pod.age += 1
            if pod.replica_set == current:
                pod.ready = pod.age > 1 and image not in self.broken

    def _move(self, rollout: Rollout, current: str, wanted: int) -> None:
        """At most one pod more than wanted; an old one ends when enough others answer."""
        new = [pod for pod in rollout.pods if pod.replica_set == current]
        old = [pod for pod in rollout.pods if pod.replica_set != current]
        ending = [*old, *new] if wanted == 0 else new[wanted:]
        # As Kubernetes does it: what answers nobody may go as long as enough pods are left or on their way.
        spare = len(rollout.pods) - wanted - sum(not pod.ready for pod in new)
        idle = [pod for pod in old if not pod.ready]
        ending += idle[: max(0, spare)] if wanted else []
        ready = sum(pod.ready for pod in rollout.pods)
        for pod in old if wanted else []:
            if pod.ready and ready - 1 >= wanted:
                ready -= 1
                ending.append(pod)
        for pod in ending:
            rollout.pods.remove(pod)
            self._store("pods", pod.name, None)
        while wanted and len(new) < wanted and len(rollout.pods) < wanted + 1:
            pod = Pod(f"{current}-{rollout.revision}-{len(new)}-{rollout.idle}", current)
            new.append(pod)
            rollout.pods.append(pod)

    def _show(self, deployment: Json, pod: Pod) -> None:
        kept = self._read("replicasets", pod.replica_set) or {}
        template = kept["spec"]["template"]
        container = template["spec"]["containers"][0]
        why = self.broken.get(container["image"])
        status: Json = {"name": container["name"], "ready": pod.ready, "restartCount": 0, "state": {"running": {}}}
        if why is not None and pod.age > 1:
            status["state"] = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off restarting container"}}
            status["lastState"] = {"terminated": {"exitCode": 1, "reason": "Error", "message": why}}
        metadata = {**template["metadata"], "name": pod.name, "namespace": deployment["metadata"]["namespace"]}
        self._store("pods", pod.name, {"metadata": metadata, "status": {"containerStatuses": [status]}})

    def _told(self, deployment: Json, rollout: Rollout, current: str) -> Json:
        wanted = deployment["spec"]["replicas"]
        new = [pod for pod in rollout.pods if pod.replica_set == current]
        done = len(new) == wanted == len(rollout.pods) and all(pod.ready for pod in new)
        late = rollout.idle > DEADLINE and not done
        progressing = {
            "type": "Progressing",
            "status": "False" if late else "True",
            "reason": "ProgressDeadlineExceeded" if late else "NewReplicaSetAvailable" if done else "ReplicaSetUpdated",
            "message": f'ReplicaSet "{current}" {"has timed out progressing." if late else "progresses."}',
        }
        told = copy.deepcopy(deployment)
        told["metadata"].setdefault("annotations", {})[REVISION] = str(rollout.revision)
        told["status"] = {
            "observedGeneration": deployment["metadata"].get("generation", 1),
            "replicas": len(rollout.pods),
            "updatedReplicas": len(new),
            "availableReplicas": sum(pod.ready for pod in rollout.pods),
            "conditions": [progressing],
        }
        return told
