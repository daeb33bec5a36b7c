"""ECS's operations, as far as a deploy calls them: JSON in, JSON out."""

from __future__ import annotations

import time
from typing import Any

from ecs_stand_in.answers import (
    describe_deployment,
    describe_revision,
    describe_service,
    describe_task,
    revision_arn,
)
from ecs_stand_in.cluster import Cluster
from ecs_stand_in.scheduler import roll_back
from ecs_stand_in.things import RefusedError, Service, ServiceDeployment

Json = dict[str, Any]


class Operations:
    """One method an operation, by its name in snake case."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def describe_services(self, asked: Json) -> Json:
        found, failures = [], []
        for name in asked["services"]:
            try:
                found.append(describe_service(self._cluster, self._service(asked, name)))
            except RefusedError as error:
                if error.kind != "ServiceNotFoundException":
                    raise
                failures.append({"arn": name, "reason": "MISSING"})
        return {"services": found, "failures": failures}

    def update_service(self, asked: Json) -> Json:
        cluster, service = self._cluster, self._service(asked, asked["service"])
        wanted = cluster.definition(asked.get("taskDefinition", service.definition))
        if cluster.definitions[wanted]["status"] != "ACTIVE":
            raise RefusedError("ClientException", "TaskDefinition is inactive")
        configuration = asked.get("deploymentConfiguration", {})
        _check(configuration)
        service.desired = asked.get("desiredCount", service.desired)
        if wanted != service.definition or asked.get("forceNewDeployment"):
            cluster.deploy(service, wanted, configuration)
        else:
            service.configuration = {**service.configuration, **configuration}
        return {"service": describe_service(cluster, service)}

    def register_task_definition(self, asked: Json) -> Json:
        if any(tag["key"].lower().startswith("aws:") for tag in asked.get("tags", [])):
            raise RefusedError("InvalidParameterException", "Tag keys beginning with 'aws:' are reserved")
        given = {key: value for key, value in asked.items() if key != "tags"}
        name = self._cluster.register(given, asked.get("tags", []))
        return {"taskDefinition": self._cluster.definitions[name], "tags": asked.get("tags", [])}

    def describe_task_definition(self, asked: Json) -> Json:
        name = self._cluster.definition(asked["taskDefinition"])
        told: Json = {"taskDefinition": self._cluster.definitions[name]}
        if "TAGS" in asked.get("include", []):
            told["tags"] = self._cluster.tags[name]
        return told

    def list_task_definitions(self, asked: Json) -> Json:
        fitting = [
            one
            for one in self._cluster.definitions.values()
            if one["family"] == asked.get("familyPrefix", one["family"])
            and one["status"] == asked.get("status", "ACTIVE")
        ]
        fitting.sort(key=lambda one: one["revision"], reverse=asked.get("sort") == "DESC")
        return {"taskDefinitionArns": [one["taskDefinitionArn"] for one in fitting[: asked.get("maxResults", 100)]]}

    def list_service_deployments(self, asked: Json) -> Json:
        service = self._service(asked, asked["service"])
        return {
            "serviceDeployments": [
                {
                    "serviceDeploymentArn": one.arn,
                    "createdAt": one.created,
                    "status": one.status,
                    "targetServiceRevisionArn": revision_arn(service, one.revision),
                }
                for one in reversed(service.deployments)
            ]
        }

    def describe_service_deployments(self, asked: Json) -> Json:
        found = [
            describe_deployment(service, one)
            for service in self._cluster.services.values()
            for one in service.deployments
            if one.arn in asked["serviceDeploymentArns"]
        ]
        return {"serviceDeployments": found, "failures": []}

    def describe_service_revisions(self, asked: Json) -> Json:
        found = [
            describe_revision(service, definition)
            for service in self._cluster.services.values()
            for definition in self._cluster.definitions
            if revision_arn(service, definition) in asked["serviceRevisionArns"]
        ]
        return {"serviceRevisions": found, "failures": []}

    def stop_service_deployment(self, asked: Json) -> Json:
        service, deployment = self._deployment(asked)
        if not deployment.under_way or deployment.rolled_back is not None:
            raise RefusedError("ConflictException", "The service deployment is not in progress.")
        roll_back(
            service, deployment, time.time(), "Service deployment rolled back because StopServiceDeployment was called."
        )
        return {"serviceDeploymentArn": deployment.arn}

    def continue_service_deployment(self, asked: Json) -> Json:
        service, deployment = self._deployment(asked)
        hook = deployment.hook
        if hook is None or hook["hookId"] != asked["hookId"]:
            raise RefusedError("InvalidParameterException", "The hook is not awaiting an action.")
        hook["status"], deployment.hook = "SUCCEEDED", None
        if asked.get("action", "CONTINUE") == "ROLLBACK":
            roll_back(service, deployment, time.time(), "Service deployment rolled back because of a lifecycle hook.")
        else:
            deployment.passed = True
        return {"serviceDeploymentArn": deployment.arn}

    def list_tasks(self, asked: Json) -> Json:
        service = self._service(asked, asked["serviceName"])
        stopped = asked.get("desiredStatus", "RUNNING") == "STOPPED"
        return {"taskArns": [one.arn for one in service.tasks if (one.status == "STOPPED") == stopped]}

    def describe_tasks(self, asked: Json) -> Json:
        found = [
            describe_task(self._cluster, task)
            for service in self._cluster.services.values()
            for task in service.tasks
            if task.arn in asked["tasks"]
        ]
        return {"tasks": found, "failures": []}

    def _service(self, asked: Json, name: str) -> Service:
        return self._cluster.service(name, asked.get("cluster", "default"))

    def _deployment(self, asked: Json) -> tuple[Service, ServiceDeployment]:
        for service in self._cluster.services.values():
            for one in service.deployments:
                if one.arn == asked["serviceDeploymentArn"]:
                    return service, one
        raise RefusedError("ServiceDeploymentNotFoundException", "The service deployment was not found.")


def _check(configuration: Json) -> None:
    """What ECS refuses, as its documentation has it."""
    strategy = configuration.get("strategy", "ROLLING")
    for key, wanted in (("canaryConfiguration", "CANARY"), ("linearConfiguration", "LINEAR")):
        if key in configuration and strategy != wanted:
            raise RefusedError("InvalidParameterException", f"{key} is only valid when the strategy is {wanted}.")
    if strategy != "ROLLING" and configuration.get("deploymentCircuitBreaker"):
        raise RefusedError("InvalidParameterException", "The circuit breaker is for rolling updates only.")
    for hook in configuration.get("lifecycleHooks", []):
        stages = {"TEST_TRAFFIC_SHIFT", "PRODUCTION_TRAFFIC_SHIFT"} & set(hook["lifecycleStages"])
        if hook.get("targetType") == "PAUSE" and stages:
            raise RefusedError("InvalidParameterException", f"PAUSE hooks cannot be configured at {sorted(stages)}.")
