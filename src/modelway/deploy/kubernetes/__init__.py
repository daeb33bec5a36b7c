"""Kubernetes: a Deployment with its Service and PodDisruptionBudget."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modelway.deploy.kubernetes.target import KubernetesTarget
    from modelway.deploy.target import Place


def open_target(place: Place) -> KubernetesTarget:
    """The Kubernetes target; asks nobody yet."""
    from modelway.deploy.kubernetes.target import KubernetesTarget

    return KubernetesTarget(place)
