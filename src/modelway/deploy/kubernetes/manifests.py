"""The objects of a release: what is applied, and what `render` writes for GitOps."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

import yaml

from modelway.deploy.remote import WRITABLE, image_of, server_environment

if TYPE_CHECKING:
    from pathlib import Path

    from modelway.deploy.target import Place
    from modelway.records.deploy import Release
    from modelway.records.kubernetes import KubernetesOptions

RELEASE, CONFIGURATION = "modelway/release", "modelway/configuration"
"""Annotations by which a release is found again."""
_VOLUME, _GROUP = "spool", 10001
_GRACE = 20
"""Seconds beyond its own limits that a server gets to write down what it has: a little more than it takes itself."""
Json = dict[str, Any]


def name_of(place: Place, options: KubernetesOptions) -> str:
    """The name of all objects: the model's, as Kubernetes wants names."""
    plain = re.sub(r"[^a-z0-9]+", "-", place.model.lower()).strip("-")
    return options.deployment or (plain if plain[:1].isalpha() else f"model-{plain}")[:63].rstrip("-")


def labels_of(place: Place, options: KubernetesOptions) -> dict[str, str]:
    """What selects the pods; it never changes."""
    return {"app.kubernetes.io/name": name_of(place, options), "app.kubernetes.io/managed-by": "modelway"}


def manifests(place: Place, options: KubernetesOptions, release: Release) -> tuple[Json, ...]:
    """Deployment, Service and PodDisruptionBudget.

    Raises:
        UsageError: the release has no image by digest, or servers could not reach flags and log.
    """
    image = image_of(release, place)
    objects = _objects(place, options, image)
    marks = {RELEASE: release.id, CONFIGURATION: configuration_of(place, options)}
    deployment = objects[0]
    deployment["metadata"]["annotations"] = dict(marks)
    deployment["spec"]["template"]["metadata"]["annotations"] = dict(marks)
    return objects


def configuration_of(place: Place, options: KubernetesOptions) -> str:
    """A digest of all that the settings put into the objects, but for the image."""
    text = json.dumps(_objects(place, options, "image"), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


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


def _objects(place: Place, options: KubernetesOptions, image: str) -> tuple[Json, ...]:
    name, labels = name_of(place, options), labels_of(place, options)
    metadata = {"name": name, "namespace": options.namespace, "labels": labels}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": dict(metadata),
        "spec": {
            "replicas": options.replicas,
            "revisionHistoryLimit": place.options.keep,
            "progressDeadlineSeconds": options.progress_seconds,
            "selector": {"matchLabels": labels},
            # An old pod ends only after a new one answers.
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": {"metadata": {"labels": labels}, "spec": _pod(place, options, image)},
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
    return deployment, service, budget


def _pod(place: Place, options: KubernetesOptions, image: str) -> Json:
    workers = place.serve.workers
    pod: Json = {
        "automountServiceAccountToken": options.service_account is not None,
        "terminationGracePeriodSeconds": int(workers.notice_seconds + workers.drain_seconds) + _GRACE,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [_container(place, options, image)],
    }
    if place.serve.log.enabled:
        claim = options.spool_claim
        kind: Json = {"persistentVolumeClaim": {"claimName": claim}} if claim else {"emptyDir": {}}
        pod["volumes"] = [{"name": _VOLUME, **kind}]
        # The group may write to it whichever user the image has; a large volume is not walked through at each start.
        pod["securityContext"] |= {"fsGroup": _GROUP, "fsGroupChangePolicy": "OnRootMismatch"}
    if options.service_account is not None:
        pod["serviceAccountName"] = options.service_account
    if options.pull_secret is not None:
        pod["imagePullSecrets"] = [{"name": options.pull_secret}]
    return pod


def _container(place: Place, options: KubernetesOptions, image: str) -> Json:
    wanted = options.resources
    limits = {"memory": wanted.memory} | ({"cpu": wanted.cpu_limit} if wanted.cpu_limit else {})
    variables = server_environment(place)
    mounts = {"volumeMounts": [{"name": _VOLUME, "mountPath": WRITABLE}]} if place.serve.log.enabled else {}
    return {
        "name": "server",
        "image": image,
        "ports": [{"name": "http", "containerPort": options.container_port}],
        "env": [{"name": name, "value": value} for name, value in sorted(variables.items())],
        "envFrom": [{"secretRef": {"name": name}} for name in options.secrets],
        **mounts,
        "resources": {"requests": {"cpu": wanted.cpu, "memory": wanted.memory}, "limits": limits},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        },
        # It may load for long; once it lives, silence for half a minute is death.
        "startupProbe": _probe("/v2/health/live", periodSeconds=2, failureThreshold=60),
        "livenessProbe": _probe("/v2/health/live", periodSeconds=10, failureThreshold=3),
        "readinessProbe": _probe("/v2/health/ready", periodSeconds=2, failureThreshold=2),
    }


def _probe(path: str, **more: int) -> Json:
    return {"httpGet": {"path": path, "port": "http"}, "timeoutSeconds": 2, **more}
