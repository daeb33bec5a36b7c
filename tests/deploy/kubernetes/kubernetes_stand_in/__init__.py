"""kmock's Kubernetes API over HTTP, with a small Deployment controller of ours beside it.

kmock keeps objects and merges patches; what it does not know is done here as Kubernetes does it: who asks, generations,
and what becomes of a Deployment. Time passes with each look at one.
"""

from __future__ import annotations

from kubernetes_stand_in.server import StandIn

__all__ = ["StandIn"]
