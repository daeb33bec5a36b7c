"""What the service runs, in our words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelway.deploy.ecs.definitions import CONFIGURATION_TAG, RELEASE_TAG, log_group
from modelway.deploy.ecs.service import ROLLBACK, Deployment
from modelway.records.deploy import Live, LiveState
from modelway.records.ecs import RollingOptions

if TYPE_CHECKING:
    from modelway.deploy.ecs.service import Service
    from modelway.records.ecs import EcsOptions

HOOK = "pause"
"""Where `Live.details` has the pause's id."""
_ENDED_BADLY = ("ROLLBACK_FAILED", "STOPPED")
_CHANGING = ("PENDING", "IN_PROGRESS")


def look(service: Service, options: EcsOptions) -> Live:
    """What runs now, by several questions; an answer of ECS may lag some seconds behind the last change."""
    described = service.describe()
    wanted, primary = described["desiredCount"], _primary(described)
    if wanted == 0:
        return _stopped(described)
    deployment = service.deployment(described)
    revision = described["taskDefinition"]
    if deployment is not None and (deployment.status in ROLLBACK or deployment.aim == revision):
        revision = deployment.aim
    else:
        deployment = None  # another one has begun, of which ECS does not tell yet, or it keeps no record of them
    definition, tags = service.definition(revision)
    group = log_group(definition)
    live = Live(
        state=LiveState.CHANGING,
        release=tags.get(RELEASE_TAG),
        revision=revision,
        configuration=tags.get(CONFIGURATION_TAG),
        wanted=wanted,
        ready=_running(described, deployment, revision),
        details={"log group": group} if group else {},
    )
    if deployment is None:
        return _by_rollout(live, primary)
    return _by_deployment(live, deployment, primary, service, options)


def _stopped(described: dict[str, Any]) -> Live:
    ending = described["runningCount"] + described["pendingCount"]
    if ending:
        return Live(state=LiveState.CHANGING, reason=f"{ending} tasks are ending")
    return Live(state=LiveState.ABSENT)


def _by_rollout(live: Live, primary: dict[str, Any]) -> Live:
    """As the service's primary deployment has it."""
    rollout, reason = primary.get("rolloutState"), primary.get("rolloutStateReason", "")
    if rollout == "FAILED":
        return _with(live, LiveState.FAILED, reason)
    return _settled(live, reason) if rollout == "COMPLETED" else _with(live, LiveState.CHANGING, reason or _count(live))


def _by_deployment(
    live: Live, deployment: Deployment, primary: dict[str, Any], service: Service, options: EcsOptions
) -> Live:
    reason = deployment.raw.get("statusReason", "")
    if deployment.status in _CHANGING:
        return _under_way(live, deployment, primary, service, options)
    if deployment.status in _ENDED_BADLY:
        return _with(live, LiveState.FAILED, _because(reason, service.why_tasks_stopped(deployment.tried)))
    if deployment.status == "SUCCESSFUL":
        # The task definition is the newest deployment's, so this rollout state is its own.
        lagging = primary.get("rolloutState") == "IN_PROGRESS"
        return _with(live, LiveState.CHANGING, _count(live)) if lagging else _settled(live, "")
    why = _because(reason or "ECS rolled it back", service.why_tasks_stopped(deployment.tried))
    if deployment.status != "ROLLBACK_SUCCESSFUL":
        return _with(live, LiveState.CHANGING, f"ECS is rolling back: {why}")
    # Where what it went back to is nothing of ours, nothing of ours runs.
    return _settled(live, why) if live.release else _with(live, LiveState.FAILED, why)


def _under_way(
    live: Live, deployment: Deployment, primary: dict[str, Any], service: Service, options: EcsOptions
) -> Live:
    stage = deployment.raw.get("lifecycleStage", "")
    hook = deployment.hook
    if hook is not None:
        pause = None if isinstance(options.strategy, RollingOptions) else options.strategy.pause
        told = live.model_copy(
            update={"url": pause and pause.test_url, "details": {**live.details, HOOK: hook["hookId"], "stage": stage}}
        )
        return _with(told, LiveState.PAUSED, f"ECS waits before {stage}")
    if primary.get("failedTasks"):
        why = service.why_tasks_stopped(deployment.tried)
        return _with(live, LiveState.CHANGING, f"{primary['failedTasks']} tasks have failed{why and ': ' + why}")
    return _with(live, LiveState.CHANGING, f"{_count(live)}{stage and ', at ' + stage}")


def _settled(live: Live, reason: str) -> Live:
    """Stable where as many tasks run as should."""
    if live.ready < live.wanted:
        return _with(live, LiveState.CHANGING, _because(_count(live), reason))
    return _with(live, LiveState.STABLE, reason)


def _running(described: dict[str, Any], deployment: Deployment | None, revision: str) -> int:
    """Tasks of a revision that run; the service's own count is the fresher one."""
    counts = [one["runningCount"] for one in described["deployments"] if one["taskDefinition"] == revision]
    if counts:
        return sum(counts)
    return (deployment.running if deployment else None) or 0


def _primary(described: dict[str, Any]) -> dict[str, Any]:
    return next((one for one in described["deployments"] if one["status"] == "PRIMARY"), {})


def _with(live: Live, state: LiveState, reason: str) -> Live:
    return live.model_copy(update={"state": state, "reason": reason})


def _count(live: Live) -> str:
    return f"{live.ready} of {live.wanted} tasks run"


def _because(*reasons: str) -> str:
    return "; ".join(reason.rstrip(".") for reason in reasons if reason)
