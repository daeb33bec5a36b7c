"""Options of the `kubernetes` target."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from modelway.records.base import Record

_Port = Annotated[int, Field(ge=1, le=65535)]


class ResourceOptions(Record):
    """What each pod asks for, and may have; Kubernetes's own quantities."""

    cpu: str = "250m"
    """Processor time that is kept for it."""
    memory: str = "512Mi"
    """Memory that is kept for it, and the most that it may have."""
    cpu_limit: str | None = None
    """The most processor time; none when absent, since a limit slows a server down that has idle cores beside it."""


class KubernetesOptions(Record):
    """A Deployment with its Service and PodDisruptionBudget in a Kubernetes cluster."""

    kind: Literal["kubernetes"]
    namespace: str = "default"
    """Where its objects lie; it has to exist."""
    deployment: Annotated[str, Field(pattern=r"^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$")] | None = None
    """The name of its objects; the model's when absent."""
    context: str | None = None
    """The kubeconfig's context; its current one, or the cluster we run in, when absent."""
    replicas: Annotated[int, Field(ge=1)] = 2
    """How many pods."""
    container_port: _Port = 8000
    """Where the image's server listens."""
    service_port: _Port = 80
    """Where the Service does."""
    resources: ResourceOptions = ResourceOptions()
    """What each pod asks for."""
    service_account: str | None = None
    """The ServiceAccount of its pods; its role lets them read flags and write the log."""
    secrets: tuple[str, ...] = ()
    """Secrets of the cluster, by name, that become variables of the pods."""
    pull_secret: str | None = None
    """The Secret that the image is pulled with."""
    spool_claim: str | None = None
    """The PersistentVolumeClaim, by name, for what the prediction log has not delivered: it outlives the pod. All pods
    share it, so its access mode has to be ReadWriteMany where they run on several nodes. Each pod has a volume that
    ends with it (emptyDir) when absent, which outlives a container that is restarted."""
    progress_seconds: Annotated[int, Field(ge=10)] = 300
    """How long a rollout may make no progress; then it has failed."""
