"""Options of the `ecs` target."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from modelway.records.base import Record

_Share = Annotated[float, Field(gt=0, le=100)]
_Minutes = Annotated[int, Field(ge=0, le=1440)]


class PauseOptions(Record):
    """A pause before each shift of traffic: the deploy asks the new revision real questions, then lets it go on."""

    test_url: str
    """Where the service's test listener answers: the new revision alone, while production still asks the old one."""
    minutes: Annotated[int, Field(ge=1, le=20160)] = 60
    """How long ECS waits for an answer; then it rolls back by itself."""


class RollingOptions(Record):
    """New tasks beside the old ones, a few at a time; the circuit breaker watches."""

    kind: Literal["rolling"]
    minimum_healthy_percent: Annotated[int, Field(ge=0, le=100)] = 100
    """Of the wanted tasks, how many run at any time at least."""
    maximum_percent: Annotated[int, Field(ge=100, le=400)] = 200
    """The same, at most."""


class CanaryOptions(Record):
    """ECS's own canary: a share of the traffic first, the rest later. Needs a load balancer with two target groups."""

    kind: Literal["canary"]
    percent: _Share = 10.0
    """The first share."""
    minutes: _Minutes = 10
    """How long it stays alone."""
    bake_minutes: _Minutes = 5
    """How long the old revision is kept after all traffic has moved."""
    pause: PauseOptions | None = None
    """Whether evidence of ours decides, too."""


class LinearOptions(Record):
    """ECS's own linear shift: equal shares, one after the other. Needs a load balancer with two target groups."""

    kind: Literal["linear"]
    percent: Annotated[float, Field(ge=3, le=100)] = 10.0
    """Each share."""
    minutes: _Minutes = 6
    """Between two of them."""
    bake_minutes: _Minutes = 5
    """How long the old revision is kept after all traffic has moved."""
    pause: PauseOptions | None = None
    """Whether evidence of ours decides, too."""


StrategyOptions = Annotated[RollingOptions | CanaryOptions | LinearOptions, Field(discriminator="kind")]


class EcsOptions(Record):
    """A service of Amazon ECS that exists already: a deploy gives it a new revision of its task definition."""

    kind: Literal["ecs"]
    cluster: str
    """The cluster, by name or ARN."""
    service: str
    """The service."""
    container: str | None = None
    """The container of the task definition that gets the image; the only one when absent."""
    task_definition: str | None = None
    """What new revisions are copied from, a family or an ARN; what the service runs when absent."""
    replicas: Annotated[int, Field(ge=1)] | None = None
    """How many tasks run; the service's own count when absent, which autoscaling may change, and 1 where that is 0."""
    strategy: StrategyOptions = RollingOptions(kind="rolling")
    """How traffic moves to a new revision: rolling, canary or linear, by `kind`."""
    alarms: tuple[str, ...] = ()
    """CloudWatch alarms, by name, any of which lets ECS roll a deployment back."""
    spool_volume: bool = True
    """Whether the task gets a volume for what the prediction log has not delivered: it outlives a container that is
    restarted, not the task. A volume of the task definition that is mounted at `/var/modelway` is used instead."""
    region: str | None = None
    """The region; AWS's own settings decide when absent."""
    endpoint_url: str | None = None
    """Another address of the API."""
    machine_role: bool = False
    """Whether the credentials are the role's of the EC2 machine that deploys, so that no secret is missing."""
