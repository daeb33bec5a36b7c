"""Options of the `kubernetes` target."""

from __future__ import annotations

from typing import Literal

from modelway.records.base import Record


class KubernetesOptions(Record):
    """A Deployment with its Service in a Kubernetes cluster."""

    kind: Literal["kubernetes"]
    namespace: str = "default"
    """Where its objects lie."""
    deployment: str | None = None
    """The name of its objects; the model's when absent."""
    context: str | None = None
    """The kubeconfig's context; its current one, or the cluster we run in, when absent."""
