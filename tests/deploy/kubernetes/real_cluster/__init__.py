"""A real control plane on this machine: etcd, kube-apiserver and kube-controller-manager, where they are on the PATH.

There are no nodes. `kubelet.py` says what it pretends in their place.
"""

from __future__ import annotations

from real_cluster.servers import RealCluster, reason_to_skip, shared_cluster

__all__ = ["RealCluster", "reason_to_skip", "shared_cluster"]
