"""Options of the `kubernetes` target."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from modelway.records.base import Record

_INITIAL = 2
_Port = Annotated[int, Field(ge=1, le=65535)]


def _as_text(value: Any) -> Any:
    """YAML reads `cpu: 2` as a number, which is a quantity, too."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


_Quantity = Annotated[
    str,
    BeforeValidator(_as_text),
    Field(pattern=r"^([0-9]+(\.[0-9]*)?|\.[0-9]+)([numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]+)?$"),
]
"""A quantity as Kubernetes writes it: `2`, `0.5`, `250m`, `512Mi`, `1G`."""


class ResourceOptions(Record):
    """What each pod requests, and may use; quantities of Kubernetes."""

    cpu: _Quantity = "250m"
    """Processor time that is kept for it."""
    memory: _Quantity = "512Mi"
    """Memory that is kept for it, and the most that it may use."""
    cpu_limit: _Quantity | None = None
    """The most processor time. No limit when absent: a limit slows a server down that has idle cores next to it."""


class AutoscaleOptions(Record):
    """A HorizontalPodAutoscaler, which decides how many pods run."""

    min: Annotated[int, Field(ge=1)] = 2
    """The fewest pods."""
    max: Annotated[int, Field(ge=1)]
    """The most pods."""
    cpu: Annotated[int, Field(ge=1)] = 70
    """The processor time, in percent of `resources.cpu`, that it keeps the average pod at."""

    @model_validator(mode="after")
    def _are_in_order(self) -> Self:
        if self.max < self.min:
            raise ValueError(f"max ({self.max}) is less than min ({self.min})")
        return self


class KubernetesOptions(Record):
    """A Deployment with its Service and PodDisruptionBudget in a Kubernetes cluster."""

    kind: Literal["kubernetes"]
    namespace: str = "default"
    """Where its objects lie; it has to exist."""
    deployment: Annotated[str, Field(pattern=r"^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$")] | None = None
    """The name of its objects; the model's when absent."""
    context: str | None = None
    """The kubeconfig's context; its current one, or the cluster we run in, when absent."""
    replicas: Annotated[int, Field(ge=1)] | None = None
    """How many pods. When absent, a first deploy starts 2 and later ones keep what runs: an autoscaler or `kubectl
    scale` decides."""
    autoscale: AutoscaleOptions | None = None
    """A HorizontalPodAutoscaler, in place of `replicas`; none when absent."""
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

    @model_validator(mode="after")
    def _has_one_number(self) -> Self:
        if self.replicas is not None and self.autoscale is not None:
            raise ValueError("name replicas or autoscale, not both")
        return self

    @property
    def initial(self) -> int:
        """How many pods start where none runs."""
        return self.replicas or (self.autoscale.min if self.autoscale else _INITIAL)
