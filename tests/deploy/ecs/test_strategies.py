"""Rolling, canary and linear: who serves while a deployment is under way, and how it comes back."""

from __future__ import annotations

from typing import Any

import pytest
from ecs_stand_in.wire import service_model

from modelway.deploy.ecs.strategy import deployment_configuration
from modelway.records.deploy import LiveState
from modelway.records.ecs import CanaryOptions, EcsOptions, LinearOptions, PauseOptions, RollingOptions

CANARY = CanaryOptions(kind="canary", percent=10.0, minutes=1, pause=PauseOptions(test_url="http://test.example"))


def apply(target: Any, release: Any) -> None:
    for step in target.plan(release, target.inspect()):
        target.apply(step)


def shares(world: Any) -> dict[int, float]:
    """The traffic's shares by version; an image is named by its version's number."""
    serving = world.stand_in.cluster.serving("loans")
    return {int(image.rpartition(":")[2], 16): share for image, share in serving.items() if "sha256" in image}


def test_a_rolling_update_keeps_as_many_tasks_as_it_has_to(world: Any, bring: Any) -> None:
    target = world.open(replicas=3, strategy=RollingOptions(kind="rolling", minimum_healthy_percent=100))
    bring(target, world.release(1))
    assert bring(target, world.release(2)).ready == 3
    service = world.stand_in.cluster.services["loans"]
    assert service.outages == 0
    assert service.configuration["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}


def test_a_canary_waits_before_each_shift_and_goes_on_by_evidence(world: Any, bring: Any, until: Any) -> None:
    bring(world.open(), world.release(1))
    target = world.open(strategy=CANARY)
    apply(target, world.release(2))
    seen = []
    while (live := until(target, LiveState.PAUSED, LiveState.STABLE)).state is LiveState.PAUSED:
        assert live.release == world.release(2).id
        assert live.url == "http://test.example"
        seen.append(shares(world))
        (step,) = target.plan(world.release(2), live)
        assert step.action == "continue"
        target.apply(step)
        target.apply(step)  # a second time lets no further pause through
    assert seen == [{1: 100.0}, {2: 10.0, 1: 90.0}]
    assert shares(world) == {2: 100.0}


def test_a_step_of_one_pause_does_not_let_the_next_one_through(world: Any, bring: Any, until: Any) -> None:
    bring(world.open(), world.release(1))
    target = world.open(strategy=CANARY)
    apply(target, world.release(2))
    (first,) = target.plan(world.release(2), until(target, LiveState.PAUSED))
    target.apply(first)
    assert target.inspect().state is LiveState.CHANGING
    second = until(target, LiveState.PAUSED)
    target.apply(first)
    assert target.inspect() == second


@pytest.mark.parametrize("pauses", [0, 1])
def test_from_a_pause_it_comes_back_at_once(world: Any, bring: Any, until: Any, pauses: int) -> None:
    first = world.release(1).model_copy(update={"revision": bring(world.open(), world.release(1)).revision})
    target = world.open(strategy=CANARY)
    apply(target, world.release(2))
    for _ in range(pauses):
        (step,) = target.plan(world.release(2), until(target, LiveState.PAUSED))
        target.apply(step)
        assert target.inspect().state is LiveState.CHANGING
    until(target, LiveState.PAUSED)
    apply(target, first)
    live = until(target, LiveState.STABLE)
    assert (live.release, shares(world)) == (first.id, {1: 100.0})
    calls = world.stand_in.faults.calls
    assert "ContinueServiceDeployment" in calls
    assert calls.count("UpdateService") == 2
    assert world.stand_in.cluster.services["loans"].outages == 0


def test_a_shift_that_is_over_comes_back_by_the_revisions_name_without_a_canary(world: Any, bring: Any) -> None:
    target = world.open(strategy=CanaryOptions(kind="canary"))
    first = world.release(1).model_copy(update={"revision": bring(target, world.release(1)).revision})
    bring(target, world.release(2))
    (step,) = target.plan(first, target.inspect())
    assert step.arguments["revision"] == first.revision
    live = bring(target, first)
    assert (live.release, live.revision) == (first.id, first.revision)
    assert world.stand_in.cluster.services["loans"].newest.configuration["strategy"] == "BLUE_GREEN"


def test_an_alarm_turns_a_linear_shift_back(world: Any, bring: Any, until: Any) -> None:
    bring(world.open(), world.release(1))
    linear = LinearOptions(kind="linear", percent=25.0, minutes=50)
    target = world.open(strategy=linear, alarms=("loans-5xx",))
    apply(target, world.release(2))
    while shares(world).get(2) != 25.0:
        assert target.inspect().state is LiveState.CHANGING
    world.stand_in.cluster.alarms.add("loans-5xx")
    live = until(target, LiveState.STABLE)
    assert live.release == world.release(1).id
    assert "loans-5xx" in live.reason


def test_what_ecs_rolled_back_can_be_tried_again(world: Any, bring: Any) -> None:
    target = world.open()
    bring(target, world.release(1))
    broken = world.broken()
    live = bring(target, broken)
    assert live.release == world.release(1).id
    assert "circuit breaker" in live.reason
    assert "the bundle does not verify" in live.reason
    world.stand_in.cluster.broken.clear()
    live = bring(target, broken)
    assert (live.state, live.release) == (LiveState.STABLE, broken.id)


@pytest.mark.parametrize(("replicas", "ran", "runs"), [(None, 3, 3), (None, 1, 1), (None, 0, 1), (2, 3, 2), (2, 0, 2)])
def test_deploy_keeps_the_number_of_tasks_that_no_setting_names(
    world: Any, bring: Any, replicas: int | None, ran: int, runs: int
) -> None:
    """A person or an autoscaler has scaled the service; one that was stopped starts with one task."""
    bring(world.open(), world.release(1))
    world.stand_in.cluster.services["loans"].desired = ran
    live = bring(world.open(replicas=replicas), world.release(2))
    assert (live.release, live.wanted, live.ready) == (world.release(2).id, runs, runs)


def test_replicas_of_the_settings_are_seen_and_others_are_left_alone(world: Any, bring: Any, until: Any) -> None:
    live = bring(world.open(replicas=2), world.release(1))
    assert world.open().plan(world.release(1), live) == ()
    more = world.open(replicas=4)
    (step,) = more.plan(world.release(1), live)
    more.apply(step)
    assert more.inspect().state is LiveState.CHANGING
    assert until(more, LiveState.STABLE).ready == 4


PAUSE = PauseOptions(test_url="http://test", minutes=45)
HOOKS = [
    {
        "targetType": "PAUSE",
        "lifecycleStages": ["PRE_PRODUCTION_TRAFFIC_SHIFT"],
        "timeoutConfiguration": {"timeoutInMinutes": 45, "action": "ROLLBACK"},
    }
]
STRATEGIES: tuple[tuple[Any, dict[str, Any]], ...] = (
    (
        RollingOptions(kind="rolling", minimum_healthy_percent=50, maximum_percent=150),
        {
            "strategy": "ROLLING", "deploymentCircuitBreaker": {"enable": True, "rollback": True},
            "minimumHealthyPercent": 50, "maximumPercent": 150,
        },
    ),
    (
        CanaryOptions(kind="canary", percent=7.5, minutes=3, bake_minutes=9),
        {
            "strategy": "CANARY", "canaryConfiguration": {"canaryPercent": 7.5, "canaryBakeTimeInMinutes": 3},
            "bakeTimeInMinutes": 9, "lifecycleHooks": [],
        },
    ),
    (
        LinearOptions(kind="linear", percent=20, minutes=4, bake_minutes=8, pause=PAUSE),
        {
            "strategy": "LINEAR", "linearConfiguration": {"stepPercent": 20.0, "stepBakeTimeInMinutes": 4},
            "bakeTimeInMinutes": 8, "lifecycleHooks": HOOKS,
        },
    ),
)  # fmt: skip
AT_ONCE = {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 0, "lifecycleHooks": []}


@pytest.mark.parametrize(("strategy", "told"), STRATEGIES, ids=["rolling", "canary", "linear"])
@pytest.mark.parametrize("alarms", [(), ("errors", "latency")])
@pytest.mark.parametrize("back", [False, True])
def test_strategy_is_what_ecs_is_told_and_a_way_back_tries_nothing(strategy, told, alarms, back: bool) -> None:
    options = EcsOptions(kind="ecs", cluster="c", service="s", region="r", strategy=strategy, alarms=alarms)
    expected = AT_ONCE if back and strategy.kind != "rolling" else told
    if alarms:
        expected = {**expected, "alarms": {"alarmNames": ["errors", "latency"], "enable": True, "rollback": True}}
    found = deployment_configuration(options, back=back)
    assert found == expected
    members = service_model().shape_for("DeploymentConfiguration").members
    assert set(found) <= set(members)
