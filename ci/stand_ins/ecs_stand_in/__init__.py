"""A small ECS: one cluster's services, told and asked by ECS's own JSON protocol over HTTP.

Its answers are checked against botocore's service model as they leave (`wire.py`). Time passes in ticks: a task starts
in one, and each phase of a deployment takes at least one. It is for tests, benchmarks and rehearsals; nothing in it is
of use for anything else.
"""

from __future__ import annotations

from ecs_stand_in.cluster import Cluster
from ecs_stand_in.faults import Fault, Faults
from ecs_stand_in.wire import StandIn

__all__ = ["Cluster", "Fault", "Faults", "StandIn"]
