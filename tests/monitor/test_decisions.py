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


def traffic(errors: int) -> Traffic:
    return Traffic(requests=1000, errors=errors, refused=0, mean_ms=1.0, p95_ms=2.5)


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
