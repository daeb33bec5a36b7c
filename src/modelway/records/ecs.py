"""Options of the `ecs` target."""

from __future__ import annotations

from typing import Literal

from modelway.records.base import Record


class EcsOptions(Record):
    """A service of Amazon ECS that exists already: a deploy gives it a new revision of its task definition."""

    kind: Literal["ecs"]
    cluster: str
    """The cluster, by name or ARN."""
    service: str
    """The service."""
    container: str | None = None
    """The container of the task definition that gets the image; the only one when absent."""
    region: str | None = None
    """The region; AWS's own settings decide when absent."""
    endpoint_url: str | None = None
    """Another address of the API."""
