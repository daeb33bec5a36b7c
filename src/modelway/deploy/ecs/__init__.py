"""Amazon ECS: a service that exists gets new revisions of its task definition, each with an image by its digest."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modelway.deploy.ecs.target import EcsTarget
    from modelway.deploy.target import Place


def open_target(place: Place) -> EcsTarget:
    """The ECS target.

    Raises:
        UsageError: boto3 is not installed, or there is no region.
    """
    from modelway.deploy.ecs.target import EcsTarget

    return EcsTarget(place)
