"""What a deploy may do in a namespace, asked of the cluster itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelway.deploy.kubernetes.access import find_access
from modelway.deploy.kubernetes.cluster import Cluster

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelway.records.kubernetes import KubernetesOptions

RIGHTS = {
    ("apps", "deployments"): ("get", "create", "patch"),
    ("apps", "replicasets"): ("list",),
    ("", "services"): ("get", "create", "patch"),
    ("", "pods"): ("list",),
    ("policy", "poddisruptionbudgets"): ("get", "create", "patch"),
    ("autoscaling", "horizontalpodautoscalers"): ("get", "create", "patch", "delete"),
}
"""Verbs by API group and resource: the role of docs/kubernetes.md."""
_AUTOSCALING = "autoscaling"
"""The group that only targets with `autoscale` need."""


def refused_rights(secrets: Mapping[str, str], options: KubernetesOptions) -> tuple[str, ...]:
    """What of a deploy's rights we lack, as `verb resource`.

    Raises:
        UsageError: there is no kubeconfig, it lacks what it names, or there is no such namespace.
        OutsideError: the cluster can't be reached or refuses the credentials.
    """
    cluster = Cluster(find_access(secrets, options.context), options.namespace)
    cluster.check_namespace()
    return tuple(
        f"{verb} {resource}"
        for (group, resource), verbs in RIGHTS.items()
        for verb in verbs
        if (group != _AUTOSCALING or options.autoscale is not None) and not cluster.allows(group, resource, verb)
    )
