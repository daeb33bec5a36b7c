"""The objects of a release: what is applied, and what `render` writes for GitOps."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any

import yaml

from modelway.deploy.remote import SPOOL, WRITABLE, image_of, server_environment

if TYPE_CHECKING:
    from pathlib import Path

    from modelway.deploy.target import Place
    from modelway.records.deploy import Release
    from modelway.records.kubernetes import KubernetesOptions

RELEASE, ENVIRONMENT, RETRY = "modelway/release", "modelway/environment", "modelway/retry"
"""Annotations: which release pods are of, whose the objects are, and after which failed revision it was tried again."""
MANAGED_BY, SELF = "app.kubernetes.io/managed-by", "modelway"
"""The label by which modelway knows its own objects, and its value."""
_VOLUME, _SCRATCH, _GROUP = "spool", "tmp", 10001
_PROBE_SECONDS, _PROBE_FAILURES = 2, 2
"""How often readiness is probed, and after how many failures a pod gets no more requests."""
_GRACE = 20
"""Seconds beyond its own limits that a server gets to write down what it has: a little more than it takes itself."""
Json = dict[str, Any]


def name_of(place: Place, options: KubernetesOptions) -> str:
    """The name of all objects: the model's, as Kubernetes wants names."""
    plain = re.sub(r"[^a-z0-9]+", "-", place.model.lower()).strip("-")
    return options.deployment or (plain if plain[:1].isalpha() else f"model-{plain}")[:63].rstrip("-")


def labels_of(place: Place, options: KubernetesOptions) -> dict[str, str]:
    """What selects the pods; it never changes."""
    return {"app.kubernetes.io/name": name_of(place, options), MANAGED_BY: SELF}


def manifests(place: Place, options: KubernetesOptions, release: Release) -> tuple[Json, ...]:
    """Return the Deployment, its Service, its PodDisruptionBudget and, if there is one, its HorizontalPodAutoscaler.

    Raises:
        UsageError: the release has no image by digest, or servers could not reach flags and log.
    """
    objects = _objects(place, options, release, image_of(release, place))
    for one in objects:
        one["metadata"]["annotations"] = {ENVIRONMENT: place.environment}
    deployment = objects[0]
    deployment["metadata"]["annotations"][RELEASE] = release.id
    deployment["spec"]["template"]["metadata"]["annotations"] = {RELEASE: release.id}
    return objects


def render(place: Place, options: KubernetesOptions, release: Release, directory: Path) -> tuple[Path, ...]:
    """Write the objects as YAML, one file each; no secret is in them."""
    directory.mkdir(parents=True, exist_ok=True)
    written = []
    for one in manifests(place, options, release):
        path = directory / f"{one['kind'].lower()}.yaml"
        plain = json.loads(json.dumps(one))  # what is shared would be written as an anchor
        path.write_text(yaml.safe_dump(plain, sort_keys=False), encoding="utf-8")
        written.append(path)
    return tuple(written)


def _objects(place: Place, options: KubernetesOptions, release: Release, image: str) -> tuple[Json, ...]:
    name, labels = name_of(place, options), labels_of(place, options)
    metadata = {"name": name, "namespace": options.namespace, "labels": labels}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": dict(metadata),
        "spec": {
            # Who else decides how many pods run (an autoscaler) must not find the number reset by each deploy.
            **({} if options.replicas is None else {"replicas": options.replicas}),
            "revisionHistoryLimit": place.options.keep,
            "progressDeadlineSeconds": options.progress_seconds,
            "selector": {"matchLabels": labels},
            # An old pod ends only after a new one answers.
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": {"metadata": {"labels": labels}, "spec": _pod(place, options, release, image)},
        },
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": dict(metadata),
        "spec": {
            "selector": labels,
            "ports": [{"name": "http", "port": options.service_port, "targetPort": "http"}],
        },
    }
    budget = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": dict(metadata),
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": labels}},
    }
    return (deployment, service, budget, *_autoscaler(options, metadata))


def _autoscaler(options: KubernetesOptions, metadata: Json) -> tuple[Json, ...]:
    wanted = options.autoscale
    if wanted is None:
        return ()
    target = {"type": "Utilization", "averageUtilization": wanted.cpu}
    spec = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": metadata["name"]},
        "minReplicas": wanted.min,
        "maxReplicas": wanted.max,
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
    }
    kind = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler"}
    return ({**kind, "metadata": dict(metadata), "spec": spec},)


def _pod(place: Place, options: KubernetesOptions, release: Release, image: str) -> Json:
    served = place.served(release)
    workers = served.workers
    # "default" is what Kubernetes takes if none is named. It is named here, because a name that an apply leaves out
    # comes back from its deprecated copy, `serviceAccount`, which the API server keeps.
    account = options.service_account or "default"
    claim, ending = options.spool_claim, math.ceil(workers.notice_seconds + workers.drain_seconds)
    log: Json = {"persistentVolumeClaim": {"claimName": claim}} if claim else {"emptyDir": {}}
    volumes = [{"name": _VOLUME, **log}] if served.log.enabled else []
    pod: Json = {
        "serviceAccountName": account,
        "automountServiceAccountToken": options.service_account is not None,
        "terminationGracePeriodSeconds": _unready() + ending + _GRACE,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [_container(place, options, release, image)],
        "volumes": [*volumes, {"name": _SCRATCH, "emptyDir": {}}],
    }
    if served.log.enabled:
        # The group may write to it whichever user the image has; a large volume is not walked through at each start.
        pod["securityContext"] |= {"fsGroup": _GROUP, "fsGroupChangePolicy": "OnRootMismatch"}
    if options.pull_secret is not None:
        pod["imagePullSecrets"] = [{"name": options.pull_secret}]
    return pod


def _unready() -> int:
    """Return the seconds after which probes have noticed that a pod is not ready, and balancers have followed."""
    return _PROBE_SECONDS * _PROBE_FAILURES + 1


def _container(place: Place, options: KubernetesOptions, release: Release, image: str) -> Json:
    wanted = options.resources
    limits = {"memory": wanted.memory} | ({"cpu": wanted.cpu_limit} if wanted.cpu_limit else {})
    variables = server_environment(place, release)
    mounts = [{"name": _VOLUME, "mountPath": WRITABLE}] if SPOOL in variables else []
    sources = [{"secretRef": {"name": name}} for name in options.secrets]
    return {
        "name": "server",
        "image": image,
        "ports": [{"name": "http", "containerPort": options.container_port}],
        "env": [{"name": name, "value": value} for name, value in sorted(variables.items())],
        **({"envFrom": sources} if sources else {}),
        # All that a server writes: its log, and the sockets of its workers.
        "volumeMounts": [*mounts, {"name": _SCRATCH, "mountPath": "/tmp"}],  # noqa: S108 - in the container
        "resources": {"requests": {"cpu": wanted.cpu, "memory": wanted.memory}, "limits": limits},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        # It may load for long; once it lives, silence for half a minute is death.
        "startupProbe": _probe("/v2/health/live", periodSeconds=2, failureThreshold=60),
        "livenessProbe": _probe("/v2/health/live", periodSeconds=10, failureThreshold=3),
        "readinessProbe": _probe("/v2/health/ready", periodSeconds=_PROBE_SECONDS, failureThreshold=_PROBE_FAILURES),
        # A pod that ends still answers until whoever sends it requests has noticed; only then is the server told.
        "lifecycle": {"preStop": {"sleep": {"seconds": _unready()}}},
    }


def _probe(path: str, **more: int) -> Json:
    return {"httpGet": {"path": path, "port": "http"}, "timeoutSeconds": 2, **more}
