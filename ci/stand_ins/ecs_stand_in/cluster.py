"""The cluster: time, task definitions, services."""

from __future__ import annotations

import itertools
import threading
import time
from typing import Any

from ecs_stand_in.scheduler import tick
from ecs_stand_in.things import RefusedError, Service, ServiceDeployment, Task, arn

_PATIENCE = 2000
"""Ticks that are made up for at once; after an idle hour nothing has changed anyway."""


class Cluster:
    """One cluster.

    Args:
        name: its name.
        tick_seconds: how long one unit of time is; None lets one pass with each look at the service, so that what is
            seen does not depend on how fast anybody is.
    """

    def __init__(self, name: str = "main", tick_seconds: float | None = None) -> None:
        self.name = name
        self.tick_seconds = tick_seconds
        self.lock = threading.RLock()
        self.definitions: dict[str, dict[str, Any]] = {}
        self.tags: dict[str, list[dict[str, str]]] = {}
        self.services: dict[str, Service] = {}
        self.broken: dict[str, str] = {}
        """Images that never get healthy, with a container's words."""
        self.alarms: set[str] = set()
        """Alarms that ring."""
        self._numbers = itertools.count(1)
        self._ticked = time.time()

    def advance(self, *, looked: bool = False) -> None:
        """Let the time pass that has passed; `looked` where somebody looks at a service."""
        with self.lock:
            seconds = self.tick_seconds
            due = int(looked) if seconds is None else int((time.time() - self._ticked) / seconds)
            if seconds is not None and due > _PATIENCE:
                self._ticked = time.time() - _PATIENCE * seconds
                due = _PATIENCE
            for _ in range(due):
                self._ticked += seconds or 1.0
                for service in self.services.values():
                    tick(service, self._ticked, self._task_maker(service), self._why_broken, self.alarms)

    def register(self, definition: dict[str, Any], tags: list[dict[str, str]]) -> str:
        """A new revision; its ARN."""
        family = definition["family"]
        number = 1 + sum(one["family"] == family for one in self.definitions.values())
        name = arn("task-definition", f"{family}:{number}")
        self.definitions[name] = {
            **definition,
            "taskDefinitionArn": name,
            "revision": number,
            "status": "ACTIVE",
            "registeredAt": time.time(),
            "registeredBy": arn("iam", "someone"),
            "volumes": definition.get("volumes", []),
            "compatibilities": ["EC2", "FARGATE"],
        }
        self.tags[name] = tags
        return name

    def definition(self, name: str) -> str:
        """The ARN that a family, `FAMILY:REVISION` or an ARN means."""
        short = name.rpartition("/")[2]
        family, _, number = short.partition(":")
        fitting = [
            one
            for one in self.definitions.values()
            if one["family"] == family and (str(one["revision"]) == number if number else one["status"] == "ACTIVE")
        ]
        if not fitting:
            raise RefusedError("ClientException", "Unable to describe task definition.")
        return str(max(fitting, key=lambda one: one["revision"])["taskDefinitionArn"])

    def image(self, definition: str) -> str:
        """The image of a task definition's first container."""
        return str(self.definitions[definition]["containerDefinitions"][0]["image"])

    def create_service(self, name: str, definition: str, desired: int) -> Service:
        """A service whose first deployment has begun."""
        with self.lock:
            revision = self.definition(definition)
            service = Service(name, self.name, revision, desired, time.time(), {"strategy": "ROLLING"})
            self.services[name] = service
            self.deploy(service, revision, {})
            return service

    def deploy(self, service: Service, definition: str, configuration: dict[str, Any]) -> ServiceDeployment:
        """Begin a deployment; the one under way is over."""
        if service.deployments and service.newest.under_way:
            service.newest.status, service.newest.finished = "STOPPED", time.time()
            service.newest.reason = "Another deployment has begun."
        service.definition = definition
        service.configuration = {**service.configuration, **configuration}
        running = {task.revision for task in service.tasks if task.status != "STOPPED"} - {definition}
        deployment = ServiceDeployment(
            arn=arn("service-deployment", f"{self.name}/{service.name}/{next(self._numbers):06d}"),
            revision=definition,
            source=sorted(running, key=lambda one: one != service.completed),
            configuration=service.configuration,
            created=time.time(),
            back_to=service.completed,
        )
        service.deployments.append(deployment)
        return deployment

    def service(self, name: str, cluster: str) -> Service:
        """A service, by name or ARN."""
        if cluster.rpartition("/")[2] != self.name:
            raise RefusedError("ClusterNotFoundException", "Cluster not found.")
        found = self.services.get(name.rpartition("/")[2])
        if found is None:
            raise RefusedError("ServiceNotFoundException", "Service not found.")
        return found

    def serving(self, name: str) -> dict[str, float]:
        """Who serves now: shares of the traffic, in percent, by image."""
        self.advance()
        with self.lock:
            return {self.image(one): share for one, share in self.services[name].serving().items()}

    def _task_maker(self, service: Service) -> Any:
        def make(definition: str) -> Task:
            name = arn("task", f"{self.name}/{next(self._numbers):032x}")
            task = Task(name, definition, self._ticked)
            service.tasks = [one for one in service.tasks if one.status != "STOPPED"][-200:] + [
                one for one in service.tasks if one.status == "STOPPED"
            ][-20:]
            service.tasks.append(task)
            return task

        return make

    def _why_broken(self, definition: str) -> str | None:
        return self.broken.get(self.image(definition))
