"""Whether a target is stable: each field of its answer by itself not there yet, and each two of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Any

import pytest

from modelway.deploy.ecs.looking import look as look_at_ecs
from modelway.deploy.ecs.service import Deployment
from modelway.deploy.kubernetes.looking import look as look_at_kubernetes
from modelway.deploy.local.files import KEEPER, READY, SERVER, WANTED, WATCHED, Files
from modelway.deploy.local.target import LocalTarget
from modelway.records.deploy import Live, LiveState
from modelway.records.ecs import EcsOptions

ABSENT, CHANGING, FAILED = LiveState.ABSENT, LiveState.CHANGING, LiveState.FAILED
PAUSED, STABLE = LiveState.PAUSED, LiveState.STABLE
Change = Callable[[dict[str, Any]], object]
Table = dict[str, tuple[Change, LiveState, str]]
"""By name: how the answer changes, the state that follows, and words of the reason."""


def pairs_of(table: Table, apart: tuple[set[str], ...] = ()) -> list[Any]:
    """Each row of a table by itself, and each two that can hold at once."""
    pairs = [pair for pair in combinations(table, 2) if not any({*pair} <= group for group in apart)]
    return [
        pytest.param(names, id=" and ".join(names) or "all is there") for names in ((), *((n,) for n in table), *pairs)
    ]


def expected(names: tuple[str, ...], table: Table, order: tuple[LiveState, ...]) -> LiveState:
    """The first of the states in their order that one of the conditions makes; stable where there is none."""
    found = {table[name][1] for name in names}
    return next((state for state in order if state in found), STABLE)


# Kubernetes: the rules of `kubectl rollout status`.


def ago(seconds: float) -> str:
    return (datetime.now(UTC) - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _late(answer: dict[str, Any]) -> None:
    answer["status"]["conditions"].append(
        {
            "type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "timed out",
            "lastUpdateTime": ago(10),
        }
    )  # fmt: skip


KUBERNETES: Table = {
    "a pod is of the release before": (lambda it: it["status"].update(updatedReplicas=2), CHANGING, "2 of 3 pods"),
    "a pod too many": (lambda it: it["status"].update(replicas=4), CHANGING, "1 pods of the release before are ending"),
    "a pod is not available": (lambda it: it["status"].update(availableReplicas=2), CHANGING, "2 of 3 pods are ready"),
    "the change has not been noticed": (lambda it: it["status"].update(observedGeneration=6), CHANGING, "noticed"),
    "no pod is updated": (lambda it: it["status"].pop("updatedReplicas"), CHANGING, "0 of 3 pods are of this"),
    "no pod is available": (lambda it: it["status"].pop("availableReplicas"), CHANGING, "0 of 3 pods are ready"),
    "the deadline is over": (_late, STABLE, ""),
    "an additional unavailable pod": (lambda it: it["status"].update(unavailableReplicas=1), STABLE, ""),
    "ready but not available": (lambda it: it["status"].update(readyReplicas=3), STABLE, ""),
    "more is available than wanted": (lambda it: it["status"].update(availableReplicas=4), STABLE, ""),
}  # fmt: skip
_OF_ONE_FIELD = (
    {"a pod is of the release before", "no pod is updated"},
    {"a pod is not available", "no pod is available", "more is available than wanted"},
)


@pytest.mark.parametrize("names", pairs_of(KUBERNETES, _OF_ONE_FIELD))
def test_kubernetes_state(names: tuple[str, ...]) -> None:
    answer: dict[str, Any] = {
        "metadata": {
            "name": "loans", "namespace": "n", "generation": 7, "annotations": {},
            "managedFields": [{"manager": "modelway", "operation": "Apply", "time": ago(60)}],
        },
        "spec": {"replicas": 3, "template": {"metadata": {"annotations": {"modelway/release": "r1"}}}},
        "status": {
            "observedGeneration": 7, "replicas": 3, "updatedReplicas": 3, "availableReplicas": 3, "conditions": [],
        },
    }  # fmt: skip
    for name in names:
        KUBERNETES[name][0](answer)
    live = look_at_kubernetes(_NoPods(), answer, {})
    state = expected(names, KUBERNETES, (CHANGING,))
    if "the deadline is over" in names and state is CHANGING and "the change has not been noticed" not in names:
        state = FAILED
    assert live.state is state, live.reason
    assert (live.reason == "") == (state is STABLE)
    if len(names) == 1 and state is CHANGING:
        assert KUBERNETES[names[0]][2] in live.reason
    assert live.ready <= 3 or state is STABLE


@pytest.mark.parametrize(
    ("replicas", "seen", "state"), [(0, 7, ABSENT), (1, 7, CHANGING), (0, 6, CHANGING), (None, 7, ABSENT)]
)
def test_kubernetes_state_of_none_wanted(replicas: int | None, seen: int, state: LiveState) -> None:
    status = {"observedGeneration": seen} | ({} if replicas is None else {"replicas": replicas})
    answer = {"metadata": {"generation": 7}, "spec": {"replicas": 0}, "status": status}
    assert look_at_kubernetes(_NoPods(), answer, {}).state is state


class _NoPods:
    def find(self, *_: Any) -> list[Any]:
        return []


# ECS.


def _deployment(**changes: Any) -> Change:
    return lambda it: it["deployment"].update(changes)


def _raw(**changes: Any) -> Change:
    return lambda it: it["deployment"]["raw"].update(changes)


def _primary(**changes: Any) -> Change:
    return lambda it: it["service"]["deployments"][0].update(changes)


def _without_record(it: dict[str, Any]) -> None:
    it["deployment"] = None


HOOK = {"targetType": "PAUSE", "status": "AWAITING_ACTION", "hookId": "h"}
ECS: Table = {
    "a task is missing": (_primary(runningCount=2), CHANGING, "2 of 3 tasks run"),
    "no task runs": (_primary(runningCount=0), CHANGING, "0 of 3 tasks run"),
    "more tasks run than wanted": (_primary(runningCount=4), STABLE, ""),
    "the rollout is in progress": (_primary(rolloutState="IN_PROGRESS"), CHANGING, "tasks run"),
    "it is pending": (_deployment(status="PENDING"), CHANGING, "tasks run"),
    "it is in progress": (_deployment(status="IN_PROGRESS"), CHANGING, "tasks run"),
    "it stopped": (_deployment(status="STOPPED"), FAILED, "why"),
    "the rollback failed": (_deployment(status="ROLLBACK_FAILED"), FAILED, "why"),
    "it is being rolled back": (_deployment(status="ROLLBACK_IN_PROGRESS"), CHANGING, "back: ECS rolled it back"),
    "a rollback is requested": (_deployment(status="ROLLBACK_REQUESTED"), CHANGING, "ECS is rolling back"),
    "a stop is requested": (_deployment(status="STOP_REQUESTED"), CHANGING, "ECS is rolling back"),
    "it was rolled back": (_deployment(status="ROLLBACK_SUCCESSFUL"), STABLE, "ECS rolled it back"),
    "it was brought by someone else": (lambda it: it["tags"].clear(), STABLE, ""),
    "a pause was answered": (_raw(lifecycleHookDetails=[HOOK | {"status": "SUCCEEDED"}]), STABLE, ""),
    "a hook of another kind waits": (_raw(lifecycleHookDetails=[HOOK | {"targetType": "AWS_LAMBDA"}]), STABLE, ""),
}  # fmt: skip
_STATUSES = {
    "it is pending", "it is in progress", "it stopped", "the rollback failed", "it is being rolled back",
    "a rollback is requested", "a stop is requested", "it was rolled back",
}  # fmt: skip
_UNDER_WAY = {"it is pending", "it is in progress"}


@pytest.mark.parametrize(
    "names", pairs_of(ECS, (_STATUSES, {"a task is missing", "no task runs", "more tasks run than wanted"}))
)
def test_ecs_state(names: tuple[str, ...]) -> None:
    live = _look(*(ECS[name][0] for name in names))
    state = expected(names, ECS, (FAILED, CHANGING))
    if "it was rolled back" in names:
        # A rollback that is over counts by its tasks alone; to what is nothing of ours, it is a failure.
        short = {"a task is missing", "no task runs"} & {*names}
        state = FAILED if "it was brought by someone else" in names else CHANGING if short else STABLE
    assert live.state is state, live.reason
    if len(names) == 1:
        assert ECS[names[0]][2] in live.reason
    assert live.release == (None if "it was brought by someone else" in names else "r1")


@pytest.mark.parametrize("status", ["PENDING", "IN_PROGRESS"])
@pytest.mark.parametrize("running", [0, 3])
def test_ecs_state_at_a_pause(status: str, running: int) -> None:
    live = _look(
        _deployment(status=status), _raw(lifecycleHookDetails=[HOOK], lifecycleStage="POST_TEST"),
        _primary(runningCount=running, failedTasks=2),
    )  # fmt: skip
    assert (live.state, live.reason, live.details["pause"]) == (PAUSED, "ECS waits before POST_TEST", "h")


NO_RECORD: list[tuple[tuple[Change, ...], LiveState, str]] = [
    ((_primary(rolloutState="COMPLETED"),), STABLE, ""),
    ((_primary(rolloutState="COMPLETED", runningCount=2),), CHANGING, "2 of 3"),
    ((_primary(rolloutState="IN_PROGRESS"),), CHANGING, "3 of 3 tasks run"),
    ((_primary(rolloutState="IN_PROGRESS", rolloutStateReason="begun"),), CHANGING, "begun"),
    ((_primary(rolloutState="FAILED", rolloutStateReason="broken"),), FAILED, "broken"),
    ((_primary(rolloutState="FAILED", runningCount=0),), FAILED, ""),
    ((_primary(status="ACTIVE", rolloutState="COMPLETED"),), CHANGING, ""),  # there is no primary deployment
]


@pytest.mark.parametrize(("changes", "state", "words"), NO_RECORD)
@pytest.mark.parametrize("how", [_without_record, _deployment(aim="td:1"), _deployment(aim="td:1", status="STOPPED")])
def test_ecs_state_while_the_deployment_is_not_known(
    how: Change, changes: tuple[Change, ...], state: LiveState, words: str
) -> None:
    """ECS keeps no record of it, or has one of an earlier deployment alone."""
    live = _look(*changes, how)
    assert (live.state, live.revision, words in live.reason) == (state, "td:2", True), live.reason


def test_ecs_state_while_a_rollback_goes_to_the_revision_before() -> None:
    live = _look(_deployment(aim="td:1", status="ROLLBACK_IN_PROGRESS"))
    assert (live.state, live.revision) == (CHANGING, "td:1")


@pytest.mark.parametrize(("first", "second", "state"), [(2, 1, STABLE), (1, 2, STABLE), (1, 1, CHANGING)])
def test_ecs_state_of_two_deployments_of_one_revision(first: int, second: int, state: LiveState) -> None:
    """A forced deployment of the revision that runs: its tasks count whichever deployment they are of."""
    live = _look(
        _primary(runningCount=first),
        lambda it: it["service"]["deployments"][1].update(taskDefinition="td:2", runningCount=second),
    )
    assert (live.state, live.ready) == (state, first + second)


@pytest.mark.parametrize(
    ("running", "pending", "state"), [(0, 0, ABSENT), (1, 0, CHANGING), (0, 1, CHANGING), (1, 1, CHANGING)]
)
def test_ecs_state_of_none_wanted(running: int, pending: int, state: LiveState) -> None:
    live = _look(lambda it: it["service"].update(desiredCount=0, runningCount=running, pendingCount=pending))
    assert live.state is state


def _look(*changes: Change) -> Live:
    answer: dict[str, Any] = {
        "service": {
            "desiredCount": 3, "runningCount": 3, "pendingCount": 0, "taskDefinition": "td:2",
            "deployments": [
                {"status": "PRIMARY", "taskDefinition": "td:2", "runningCount": 3, "rolloutState": "COMPLETED"},
                {"status": "ACTIVE", "taskDefinition": "td:1", "runningCount": 5, "rolloutState": "COMPLETED"},
            ],
        },
        "deployment": {
            "arn": "d", "status": "SUCCESSFUL", "aim": "td:2", "tried": "td:2", "source": ("td:1",), "running": 1,
            "raw": {},
        },
        "tags": {"modelway:release": "r1", "modelway:configuration": "c1"},
    }  # fmt: skip
    for change in changes:
        change(answer)
    found: Any = _Service(answer)
    return look_at_ecs(found, EcsOptions(kind="ecs", cluster="c", service="s"))


class _Service:
    """Answers as ECS does, in one look."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self._answer = answer

    def describe(self) -> Any:
        return self._answer["service"]

    def deployment(self, _: Any) -> Deployment | None:
        told = self._answer["deployment"]
        return None if told is None else Deployment(**told)

    def definition(self, revision: str) -> Any:
        return {"containerDefinitions": []}, self._answer["tags"]

    def why_tasks_stopped(self, revision: str) -> str:
        return f"why {revision} stopped"


# The local target.

GONE = {"runs": False}


def _workers(*ready: bool) -> Change:
    return lambda it: it["status"].update(workers=[{"ready": one} for one in ready])


def _silent(it: dict[str, Any]) -> None:
    it["status"] = None


def _file(name: str, **content: Any) -> Change:
    return lambda it: it["files"].setdefault(name, {}).update(content)


LOCAL: Table = {
    "the keeper is gone": (lambda it: it["files"].update({KEEPER: GONE}), FAILED, "the server's keeper is gone"),
    "the server is gone": (lambda it: it["files"].update({SERVER: GONE}), STABLE, ""),
    "a worker is not ready": (_workers(True, False), CHANGING, "1 of 2 workers answer"),
    "a worker is missing": (_workers(True), CHANGING, "1 of 2 workers answer"),
    "there is no worker": (_workers(), CHANGING, "0 of 2 workers answer"),
    "a worker more than at its start": (_workers(True, True, True), STABLE, ""),
    "it ended once before": (_file(WATCHED, failures=1, exit_code=-9), STABLE, ""),
    "nothing is wanted": (lambda it: it["files"].update({WANTED: {}}), ABSENT, ""),
    "it does not answer": (_silent, CHANGING, "the server starts"),
    "it never said where it is": (lambda it: it["files"].update({READY: {"workers": 2}}), CHANGING, "starts"),
}  # fmt: skip
_WORKERS = {
    "a worker is not ready", "a worker is missing", "there is no worker", "a worker more than at its start",
    "it does not answer",
}  # fmt: skip
_QUIET = {"it does not answer", "it never said where it is"}


@pytest.mark.parametrize("names", pairs_of(LOCAL, (_WORKERS,)))
def test_local_state(names: tuple[str, ...], make_place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    live = _inspect(make_place, monkeypatch, *(LOCAL[name][0] for name in names))
    state = expected(names, LOCAL, (ABSENT, FAILED, CHANGING))
    if _QUIET & {*names} and state is FAILED:
        state = CHANGING  # the keeper may be starting it again
    if {"the keeper is gone", "the server is gone"} <= {*names}:
        state = ABSENT
    assert live.state is state, live.reason
    if len(names) == 1:
        assert LOCAL[names[0]][2] in live.reason
    assert (live.reason == "") == (state in {STABLE, ABSENT})


@pytest.mark.parametrize(
    ("watched", "state"),
    [
        ({"failures": 2, "exit_code": -9}, CHANGING),
        ({"failures": 3, "exit_code": -9}, FAILED),
        ({"failures": 0, "exit_code": 0}, CHANGING),
        ({"failures": 1, "exit_code": 1}, FAILED),
        ({"failures": 1, "exit_code": 2}, FAILED),
        ({"failures": 1, "exit_code": 3}, FAILED),
        ({"failures": 1, "exit_code": 4}, CHANGING),
        ({"failures": 1, "exit_code": 6}, CHANGING),
        ({}, CHANGING),
    ],
)
def test_local_state_of_a_server_that_ends_again_and_again(
    watched: dict[str, int], state: LiveState, make_place: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = _inspect(make_place, monkeypatch, _silent, _file(WATCHED, **watched))
    assert live.state is state
    assert (f"the server ended ({watched.get('exit_code')})" in live.reason) is (state is FAILED)


def _inspect(make_place: Any, monkeypatch: pytest.MonkeyPatch, *changes: Change) -> Live:
    place = make_place()
    digest = "a" * 64
    answer: dict[str, Any] = {
        "files": {
            KEEPER: {"runs": True, "listens": True}, SERVER: {"runs": True},
            WANTED: {"champion": f"/b/{digest}", "challengers": [], "settings": None, "configuration": "c"},
            READY: {"admin_url": "http://127.0.0.1:1", "url": "http://127.0.0.1:2", "workers": 2},
        },
        "status": {"workers": [{"ready": True}] * 2, "champion": f"/b/{digest}", "challengers": []},
    }  # fmt: skip
    for change in changes:
        change(answer)
    files = Files(place.state / "local")
    for name, content in answer["files"].items():
        files.write(name, content)
    monkeypatch.setattr(Files, "process", lambda self, name: 1 if self.read(name).get("runs") else None)
    monkeypatch.setattr("modelway.deploy.local.target.ask", lambda *_: answer["status"])
    return LocalTarget(place).inspect()
