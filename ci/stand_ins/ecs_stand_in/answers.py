"""How things look in ECS's answers."""

from __future__ import annotations

from typing import Any

from ecs_stand_in.cluster import Cluster
from ecs_stand_in.things import Service, ServiceDeployment, Task, arn

Json = dict[str, Any]


def revision_arn(service: Service, definition: str) -> str:
    """The service revision of a task definition."""
    return arn("service-revision", f"{service.cluster}/{service.name}/{definition.rpartition('/')[2].replace(':', '')}")


def describe_service(cluster: Cluster, service: Service) -> Json:
    newest = service.newest
    told: Json = {
        "serviceArn": arn("service", f"{service.cluster}/{service.name}"),
        "serviceName": service.name,
        "clusterArn": arn("cluster", service.cluster),
        "status": "ACTIVE",
        "desiredCount": service.desired,
        "runningCount": sum(task.runs for task in service.tasks),
        "pendingCount": sum(task.status == "PENDING" for task in service.tasks),
        "launchType": "FARGATE",
        "taskDefinition": service.definition,
        "deploymentConfiguration": service.configuration,
        "deployments": _deployments(service),
        "events": [
            {"id": str(number), "createdAt": moment, "message": text}
            for number, (moment, text) in reversed(list(enumerate(service.events)))
        ],
        "createdAt": service.created,
        "currentServiceDeployment": newest.arn,
        "schedulingStrategy": "REPLICA",
        "deploymentController": {"type": "ECS"},
    }
    return told


def _deployments(service: Service) -> list[Json]:
    """The primary one, and one for each other task definition that still has tasks."""
    newest = service.newest
    primary = _deployment(service, newest.aim, "PRIMARY", newest.arn[-6:], newest.created)
    if newest.rolled_back is None:
        primary["failedTasks"] = newest.failures
    if not newest.shifts:
        states = {"SUCCESSFUL": "COMPLETED", "ROLLBACK_SUCCESSFUL": "COMPLETED", "STOPPED": "FAILED"}
        primary["rolloutState"] = states.get(newest.status, "IN_PROGRESS")
        primary["rolloutStateReason"] = newest.reason or f"ECS deployment is {newest.status.lower()}."
    others = {task.revision for task in service.others(newest.aim)}
    return [
        primary,
        *(_deployment(service, one, "ACTIVE", f"old-{one[-1]}", service.created) for one in sorted(others)),
    ]


def _deployment(service: Service, definition: str, status: str, name: str, created: float) -> Json:
    tasks = service.of(definition)
    return {
        "id": f"ecs-svc/{name}",
        "status": status,
        "taskDefinition": definition,
        "desiredCount": service.desired if status == "PRIMARY" else 0,
        "pendingCount": sum(task.status == "PENDING" for task in tasks),
        "runningCount": sum(task.runs for task in tasks),
        "createdAt": created,
        "updatedAt": created,
        "launchType": "FARGATE",
    }


def describe_deployment(service: Service, deployment: ServiceDeployment) -> Json:
    told: Json = {
        "serviceDeploymentArn": deployment.arn,
        "serviceArn": arn("service", f"{service.cluster}/{service.name}"),
        "clusterArn": arn("cluster", service.cluster),
        "createdAt": deployment.created,
        "startedAt": deployment.created,
        "status": deployment.status,
        "statusReason": deployment.reason,
        "sourceServiceRevisions": [_summary(service, one, 100 - deployment.weight) for one in deployment.source],
        "targetServiceRevision": _summary(service, deployment.revision, deployment.weight),
        "deploymentConfiguration": deployment.configuration,
        "lifecycleHookDetails": deployment.hooks,
    }
    if deployment.stage:
        told["lifecycleStage"] = deployment.stage
    if deployment.finished is not None:
        told["finishedAt"] = deployment.finished
    if deployment.rolled_back is not None and deployment.back_to:
        told["rollback"] = {
            "reason": deployment.reason,
            "startedAt": deployment.rolled_back,
            "serviceRevisionArn": revision_arn(service, deployment.back_to),
        }
    return told


def _summary(service: Service, definition: str, weight: float) -> Json:
    tasks = service.of(definition)
    return {
        "arn": revision_arn(service, definition),
        "requestedTaskCount": service.desired,
        "runningTaskCount": sum(task.runs for task in tasks),
        "pendingTaskCount": sum(task.status == "PENDING" for task in tasks),
        "requestedProductionTrafficWeight": weight,
    }


def describe_revision(service: Service, definition: str) -> Json:
    return {
        "serviceRevisionArn": revision_arn(service, definition),
        "serviceArn": arn("service", f"{service.cluster}/{service.name}"),
        "clusterArn": arn("cluster", service.cluster),
        "taskDefinition": definition,
        "createdAt": service.created,
    }


def describe_task(cluster: Cluster, task: Task) -> Json:
    told: Json = {
        "taskArn": task.arn,
        "clusterArn": arn("cluster", cluster.name),
        "taskDefinitionArn": task.revision,
        "lastStatus": task.status,
        "desiredStatus": "STOPPED" if task.status == "STOPPED" else "RUNNING",
        "createdAt": task.created,
        "containers": task.containers,
    }
    if task.stopped_at is not None:
        told |= {"stoppedAt": task.stopped_at, "stopCode": task.stop_code, "stoppedReason": task.stopped_reason}
    return told
