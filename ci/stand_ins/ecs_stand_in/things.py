"""What a cluster holds: tasks, revisions, deployments, services."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

REGION, ACCOUNT = "eu-central-1", "123456789012"


def arn(kind: str, name: str) -> str:
    return f"arn:aws:ecs:{REGION}:{ACCOUNT}:{kind}/{name}"


class RefusedError(Exception):
    """An answer with one of ECS's exceptions."""

    def __init__(self, kind: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.kind = kind
        self.status = status


@dataclass
class Task:
    arn: str
    revision: str
    """The task definition's ARN."""
    created: float
    status: str = "PENDING"
    stopped_at: float | None = None
    stop_code: str | None = None
    stopped_reason: str = ""
    containers: list[dict[str, Any]] = field(default_factory=list)

    @property
    def runs(self) -> bool:
        return self.status == "RUNNING"

    def stop(self, now: float, code: str, reason: str) -> None:
        self.status, self.stopped_at, self.stop_code, self.stopped_reason = "STOPPED", now, code, reason


@dataclass
class ServiceDeployment:
    arn: str
    revision: str
    """The task definition that it was begun for."""
    source: list[str]
    """The task definitions that ran when it began."""
    configuration: dict[str, Any]
    created: float
    back_to: str | None
    """The last task definition that completed, which a rollback goes to."""
    status: str = "IN_PROGRESS"
    reason: str = ""
    stage: str | None = None
    finished: float | None = None
    failures: int = 0
    rolled_back: float | None = None
    weight: float = 0.0
    """Of the production traffic, what the new revision gets; percent. For strategies that shift."""
    waits: int = 0
    """Ticks until the stage is over."""
    hook: dict[str, Any] | None = None
    passed: bool = False
    """Whether the pause before the next shift was let through."""
    hooks: list[dict[str, Any]] = field(default_factory=list)
    """All pauses so far."""

    @property
    def shifts(self) -> bool:
        return self.configuration.get("strategy", "ROLLING") != "ROLLING"

    @property
    def under_way(self) -> bool:
        return self.status in {"PENDING", "IN_PROGRESS", "ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS"}

    @property
    def aim(self) -> str:
        """The task definition that it brings, or goes back to."""
        return self.back_to if self.rolled_back is not None and self.back_to else self.revision


@dataclass
class Service:
    name: str
    cluster: str
    definition: str
    desired: int
    created: float
    configuration: dict[str, Any]
    completed: str | None = None
    """The task definition of the last deployment that completed."""
    tasks: list[Task] = field(default_factory=list)
    deployments: list[ServiceDeployment] = field(default_factory=list)
    events: list[tuple[float, str]] = field(default_factory=list)
    served: list[tuple[float, dict[str, float]]] = field(default_factory=list)
    """Who served from when on: a share of the traffic by task definition; empty where nobody did."""
    was_up: bool = False
    outages: int = 0
    """Ticks in which nobody served, though somebody had and tasks were wanted."""

    @property
    def newest(self) -> ServiceDeployment:
        return self.deployments[-1]

    def of(self, revision: str) -> list[Task]:
        return [task for task in self.tasks if task.revision == revision and task.status != "STOPPED"]

    def others(self, revision: str) -> list[Task]:
        return [task for task in self.tasks if task.revision != revision and task.status != "STOPPED"]

    def serving(self) -> dict[str, float]:
        """The share of the traffic, in percent, that each task definition gets now."""
        up = {task.revision for task in self.tasks if task.runs}
        if not up:
            return {}
        newest = self.newest
        if newest.shifts and newest.under_way and newest.source:
            shares = {newest.revision: newest.weight, newest.source[0]: 100 - newest.weight}
            return {revision: share for revision, share in shares.items() if share and revision in up}
        count = sum(task.runs for task in self.tasks)
        return {one: 100 * sum(task.runs and task.revision == one for task in self.tasks) / count for one in up}
