"""What is done about what was seen: a table of cases."""

from __future__ import annotations

import pytest

from modelway.decide.health import decide
from modelway.records.decision import Finding, History, Observation, Traffic
from modelway.records.monitor import Action, PolicyOptions
from modelway.records.verdict import Verdict

NOW = 1_800_000_000.0
HOUR = 3600.0
DAY = 24 * HOUR


def seen(drift="pass", performance="pass", data=None, **more) -> Observation:
    def finding(verdict: str) -> Finding:
        return Finding(verdict=Verdict(verdict), reason=f"it is {verdict}")

    return Observation(
        drift=finding(drift), performance=finding(performance), data=finding(data) if data else None, **more
    )


def traffic(errors: int, requests: int = 1000) -> Traffic:
    return Traffic(requests=requests, errors=errors, refused=0, mean_ms=1.0, p95_ms=2.5)


def asked(*ago: float) -> History:
    return History(retrainings=tuple(NOW - one for one in ago))


@pytest.mark.parametrize(
    ("observation", "history", "action", "word"),
    [
        (seen(), asked(), Action.NOTHING, "pass"),
        (seen(moved=("age",)), asked(), Action.WATCH, "age moved"),
        (seen(drift="inconclusive"), asked(), Action.WATCH, "it is inconclusive"),
        (seen(performance="error"), asked(), Action.WATCH, "it is error"),
        (seen(drift="fail"), asked(), Action.RETRAIN, "the policy lets it"),
        (seen(drift="fail", data="pass"), asked(), Action.RETRAIN, "the policy lets it"),
        (seen(drift="fail"), asked(23 * HOUR), Action.WATCH, "23.0 hours ago"),
        (seen(drift="fail"), asked(25 * HOUR), Action.RETRAIN, "the policy lets it"),
        (seen(drift="fail"), asked(2 * DAY, 3 * DAY, 4 * DAY, 5 * DAY), Action.WATCH, "the budget of 4"),
        (seen(drift="fail"), asked(2 * DAY, 3 * DAY, 4 * DAY, 31 * DAY), Action.RETRAIN, "the policy lets it"),
        (seen(performance="fail"), asked(), Action.RETRAIN, "performance: it is fail"),
        (seen(performance="fail"), asked(HOUR), Action.PAGE, "no retraining"),
        (seen(performance="fail", release_hours=5.0), asked(), Action.ROLL_BACK, "5.0 hours old"),
        (seen(performance="fail", release_hours=24.0), asked(), Action.RETRAIN, "the policy lets it"),
        (seen(drift="fail", release_hours=5.0), asked(), Action.RETRAIN, "the policy lets it"),
        (seen(drift="fail", data="fail"), asked(), Action.PAGE, "the data are to blame"),
        (seen(performance="fail", data="fail", release_hours=1.0), asked(), Action.PAGE, "the data are to blame"),
        (seen(drift="fail", data="error"), asked(), Action.WATCH, "could not be checked"),
        (seen(drift="fail"), asked(24 * HOUR), Action.RETRAIN, "the policy lets it"),
        (seen(drift="fail"), asked(23 * HOUR, 40 * DAY), Action.WATCH, "23.0 hours ago"),
        (seen(drift="fail"), asked(40 * DAY, 23 * HOUR), Action.WATCH, "23.0 hours ago"),
        (seen(drift="fail"), asked(2 * DAY, 3 * DAY, 4 * DAY, 30 * DAY), Action.RETRAIN, "the policy lets it"),
        (seen(drift="fail"), asked(2 * DAY, 3 * DAY, 4 * DAY, 30 * DAY - 1), Action.WATCH, "the budget of 4"),
        (seen(drift="fail", data="inconclusive"), asked(), Action.RETRAIN, "the policy lets it"),
        (seen(drift="fail", performance="inconclusive"), asked(), Action.RETRAIN, "drift: it is fail"),
        (seen(drift="fail", performance="fail"), asked(), Action.RETRAIN, "drift: it is fail"),
        (seen(drift="fail", performance="fail", release_hours=5.0), asked(), Action.ROLL_BACK, "drift: it is fail"),
        (seen(performance="fail", data="error"), asked(), Action.PAGE, "could not be checked"),
        (seen(performance="fail", data="error", release_hours=5.0), asked(), Action.ROLL_BACK, "5.0 hours old"),
        (seen(performance="fail", release_hours=23.999), asked(HOUR), Action.ROLL_BACK, "24.0 hours old"),
        (seen(performance="inconclusive", release_hours=1.0), asked(), Action.WATCH, "performance: it is inconclusive"),
        (seen(data="pass"), asked(), Action.NOTHING, "pass"),
        (seen(data="fail"), asked(), Action.WATCH, "data: it is fail"),
        (seen(data="inconclusive"), asked(), Action.WATCH, "data: it is inconclusive"),
        (seen(data="error"), asked(), Action.WATCH, "data: it is error"),
        (seen(traffic=traffic(0, requests=0)), asked(), Action.NOTHING, "pass"),
        (seen(drift="fail", data="fail", traffic=traffic(50)), asked(), Action.PAGE, "5.0% of the requests fail"),
        (
            seen(performance="fail", release_hours=1.0, traffic=traffic(50)),
            asked(),
            Action.PAGE,
            "5.0% of the requests",
        ),
        (seen(traffic=traffic(50)), asked(), Action.PAGE, "5.0% of the requests fail"),
        (seen(traffic=traffic(49)), asked(), Action.NOTHING, "pass"),
    ],
)
def test_each_case_has_its_action_and_says_why(observation, history, action, word) -> None:
    decision = decide(observation, PolicyOptions(), history, NOW)
    assert decision.action is action
    assert any(word in reason for reason in decision.reasons), decision.reasons
    assert decision.blames_data == ("the data are to blame" in decision.reasons[0])


def test_the_policy_may_forbid_retraining_and_rollback() -> None:
    policy = PolicyOptions(retrain=False, rollback_hours=0)
    assert decide(seen(drift="fail"), policy, asked(), NOW).action is Action.WATCH
    assert decide(seen(performance="fail", release_hours=1.0), policy, asked(), NOW).action is Action.PAGE
