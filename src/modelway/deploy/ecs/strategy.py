"""How ECS is told to move traffic to a new revision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelway.records.ecs import CanaryOptions, LinearOptions, RollingOptions

if TYPE_CHECKING:
    from modelway.records.ecs import EcsOptions, PauseOptions

_BEFORE_SHIFTS = ("PRE_PRODUCTION_TRAFFIC_SHIFT",)
"""For canary and linear, ECS comes here before every shift."""


def deployment_configuration(options: EcsOptions, *, back: bool) -> dict[str, Any]:
    """ECS's `deploymentConfiguration`.

    Args:
        options: the target's.
        back: whether the revision ran here before: then nothing is tried, and all traffic moves at once.
    """
    strategy = options.strategy
    told: dict[str, Any] = {}
    if options.alarms:
        told["alarms"] = {"alarmNames": list(options.alarms), "enable": True, "rollback": True}
    if isinstance(strategy, RollingOptions):
        return {
            **told,
            "strategy": "ROLLING",
            "deploymentCircuitBreaker": {"enable": True, "rollback": True},
            "minimumHealthyPercent": strategy.minimum_healthy_percent,
            "maximumPercent": strategy.maximum_percent,
        }
    if back:
        return {**told, "strategy": "BLUE_GREEN", "bakeTimeInMinutes": 0, "lifecycleHooks": []}
    told |= {"bakeTimeInMinutes": strategy.bake_minutes, "lifecycleHooks": _hooks(strategy.pause)}
    return {**told, **_shares(strategy)}


def _shares(strategy: CanaryOptions | LinearOptions) -> dict[str, Any]:
    if isinstance(strategy, CanaryOptions):
        shares = {"canaryPercent": strategy.percent, "canaryBakeTimeInMinutes": strategy.minutes}
        return {"strategy": "CANARY", "canaryConfiguration": shares}
    steps = {"stepPercent": strategy.percent, "stepBakeTimeInMinutes": strategy.minutes}
    return {"strategy": "LINEAR", "linearConfiguration": steps}


def _hooks(pause: PauseOptions | None) -> list[dict[str, Any]]:
    if pause is None:
        return []
    late = {"timeoutInMinutes": pause.minutes, "action": "ROLLBACK"}
    return [{"targetType": "PAUSE", "lifecycleStages": list(_BEFORE_SHIFTS), "timeoutConfiguration": late}]


def words_of(options: EcsOptions) -> str:
    """The strategy, for people."""
    strategy = options.strategy
    watched = " and alarms" if options.alarms else ""
    if isinstance(strategy, RollingOptions):
        return f"task by task, under the circuit breaker{watched}"
    paused = ", with a pause for evidence before each shift" if strategy.pause else ""
    share = f"{strategy.percent:g} % of the traffic"
    each = f"{share} first, the rest after" if isinstance(strategy, CanaryOptions) else f"{share} every"
    return f"{each} {strategy.minutes} min{paused}{watched and ', under alarms'}"
