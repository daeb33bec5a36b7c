"""One tick of a service: tasks start and end, and the newest deployment goes a step further."""

from __future__ import annotations

import math
from collections.abc import Callable

from ecs_stand_in.things import Service, ServiceDeployment, Task

LEAST_FAILURES = 3
NEW_TASK = Callable[[str], Task]


def tick(
    service: Service, now: float, new_task: NEW_TASK, broken: Callable[[str], str | None], alarms: set[str]
) -> None:
    """Let one unit of time pass.

    Args:
        service: changed in place.
        now: the time after it.
        new_task: makes a task of a task definition.
        broken: why a task definition never gets healthy, in a container's words; None where it does.
        alarms: the alarms that ring.
    """
    deployment = service.newest
    _start(service, deployment, now, broken)
    if deployment.under_way:
        _watch(service, deployment, now, alarms)
    if deployment.shifts and deployment.under_way and service.desired:
        _shift(service, deployment, now, new_task)
    else:
        _replace(service, deployment, now, new_task)
    _remember(service, now)


def roll_back(service: Service, deployment: ServiceDeployment, now: float, reason: str) -> None:
    """Turn a deployment back, or stop it where nothing is there to go back to."""
    deployment.reason = reason
    deployment.hook = None
    if deployment.back_to is None:
        deployment.status, deployment.finished = "STOPPED", now
        return
    deployment.status, deployment.rolled_back, deployment.weight = "ROLLBACK_IN_PROGRESS", now, 0.0
    service.definition = deployment.back_to
    service.events.append((now, f"(service {service.name}) rolling back to {deployment.back_to}"))


def _start(service: Service, deployment: ServiceDeployment, now: float, broken: Callable[[str], str | None]) -> None:
    for task in service.tasks:
        if task.status != "PENDING" or task.created >= now:
            continue
        why = broken(task.revision)
        if why is None:
            task.status = "RUNNING"
            continue
        task.stop(now, "EssentialContainerExited", "Essential container in task exited")
        task.containers = [{"name": "server", "exitCode": 1, "reason": why, "lastStatus": "STOPPED"}]
        if task.revision == deployment.revision:
            deployment.failures += 1


def _watch(service: Service, deployment: ServiceDeployment, now: float, alarms: set[str]) -> None:
    """Circuit breaker and alarms."""
    if deployment.rolled_back is not None:
        return
    told = deployment.configuration.get("alarms", {})
    ringing = set(told.get("alarmNames", [])) & alarms if told.get("enable") else set()
    if ringing:
        roll_back(service, deployment, now, f"Service deployment rolled back because alarms rang: {sorted(ringing)}")
        return
    breaker = deployment.configuration.get("deploymentCircuitBreaker", {})
    if deployment.failures < max(LEAST_FAILURES, math.ceil(service.desired / 2)):
        return
    if deployment.shifts or (breaker.get("enable") and breaker.get("rollback")):
        roll_back(
            service,
            deployment,
            now,
            "Service deployment rolled back because the circuit breaker threshold was exceeded.",
        )
    elif breaker.get("enable"):
        deployment.status, deployment.finished = "STOPPED", now
        deployment.reason = "Service deployment stopped because the circuit breaker threshold was exceeded."


def _replace(service: Service, deployment: ServiceDeployment, now: float, new_task: NEW_TASK) -> None:
    """The rolling way, within the least and the greatest number of tasks; also keeps the count when nothing is new."""
    limits, count = deployment.configuration, service.desired
    most = math.floor(count * limits.get("maximumPercent", 200) / 100)
    least = math.ceil(count * limits.get("minimumHealthyPercent", 100) / 100)
    new, old = service.of(deployment.aim), service.others(deployment.aim)
    stopped = deployment.status == "STOPPED" and deployment.rolled_back is None
    while not stopped and len(new) < count and len(new) + len(old) < most:
        new.append(new_task(deployment.aim))
    surplus = new[count:]
    for task in surplus if count else [*new, *old]:
        task.stop(now, "ServiceSchedulerInitiated", "Scaling activity initiated by deployment")
    for task in old if count else []:
        up = sum(one.runs for one in service.tasks)
        if up - task.runs >= least and not stopped:
            task.stop(now, "ServiceSchedulerInitiated", "Scaling activity initiated by deployment")
    there = sum(task.runs for task in service.of(deployment.aim)) == count
    if deployment.under_way and there and not service.others(deployment.aim):
        _finish(service, deployment, now)


def _shift(service: Service, deployment: ServiceDeployment, now: float, new_task: NEW_TASK) -> None:
    """Blue and green side by side: all green tasks first, then traffic, share by share."""
    if deployment.rolled_back is not None or not deployment.source:
        _replace(service, deployment, now, new_task)
        return
    if deployment.waits:
        deployment.waits -= 1
        return
    green = service.of(deployment.revision)
    for _ in range(service.desired - len(green)):
        new_task(deployment.revision)
    if deployment.hook is not None:
        return
    if sum(task.runs for task in green) < service.desired:
        deployment.stage = "SCALE_UP"
    elif deployment.weight < 100:
        _before_shift(deployment)
    elif deployment.stage != "BAKE_TIME":
        deployment.stage, deployment.waits = "BAKE_TIME", deployment.configuration.get("bakeTimeInMinutes", 0)
    else:
        deployment.stage = "CLEAN_UP"
        for task in service.others(deployment.revision):
            task.stop(now, "ServiceSchedulerInitiated", "Scaling activity initiated by deployment")
        _finish(service, deployment, now)


def _before_shift(deployment: ServiceDeployment) -> None:
    stage = "PRE_PRODUCTION_TRAFFIC_SHIFT"
    hooks = [one for one in deployment.configuration.get("lifecycleHooks", []) if stage in one["lifecycleStages"]]
    if hooks and not deployment.passed:
        deployment.stage = "POST_TEST_TRAFFIC_SHIFT" if not deployment.weight else "PRODUCTION_TRAFFIC_SHIFT"
        deployment.hook = {
            "hookId": f"ecs-pause-{deployment.arn[-6:]}-{len(deployment.hooks)}",
            "targetType": "PAUSE",
            "status": "AWAITING_ACTION",
            "timeoutAction": hooks[0].get("timeoutConfiguration", {}).get("action", "ROLLBACK"),
        }
        deployment.hooks.append(deployment.hook)
        return
    deployment.passed = False
    deployment.stage = "PRODUCTION_TRAFFIC_SHIFT"
    deployment.weight, deployment.waits = _next_weight(deployment)


def _next_weight(deployment: ServiceDeployment) -> tuple[float, int]:
    told = deployment.configuration
    if told["strategy"] == "CANARY" and deployment.weight == 0:
        canary = told["canaryConfiguration"]
        return canary["canaryPercent"], canary["canaryBakeTimeInMinutes"]
    if told["strategy"] == "LINEAR":
        linear = told["linearConfiguration"]
        return min(deployment.weight + linear["stepPercent"], 100.0), linear["stepBakeTimeInMinutes"]
    return 100.0, 0


def _finish(service: Service, deployment: ServiceDeployment, now: float) -> None:
    back = deployment.rolled_back is not None
    deployment.status = "ROLLBACK_SUCCESSFUL" if back else "SUCCESSFUL"
    deployment.finished, deployment.stage = now, None
    service.completed = deployment.aim
    service.events.append((now, f"(service {service.name}) has reached a steady state."))


def _remember(service: Service, now: float) -> None:
    serving = service.serving()
    service.was_up = bool(serving) or (service.was_up and service.desired > 0)
    if not serving and service.was_up and service.desired:
        service.outages += 1
    if not service.served or service.served[-1][1] != serving:
        service.served.append((now, serving))
