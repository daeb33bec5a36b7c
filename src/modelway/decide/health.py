"""What is to be done about a live model's health."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelway.records.decision import Decision, History, Observation
from modelway.records.monitor import Action
from modelway.records.verdict import Verdict

if TYPE_CHECKING:
    from modelway.records.monitor import PolicyOptions

_HOUR = 3600.0
_DAY = 24 * _HOUR


def decide(seen: Observation, policy: PolicyOptions, past: History, now: float) -> Decision:
    """Weigh what was seen; the first that applies decides.

    1. Too many requests fail: a person is paged.
    2. The model performs too badly or its inputs moved, and check-data fails: the data are to blame, a person is paged,
       and nothing is trained on them.
    3. It performs too badly: soon after a release that is rolled back; else it is trained again, or where that may not
       be, a person is paged.
    4. Inputs or outputs moved too far: it is trained again, or where that may not be, watched.
    5. Something could not be measured, or moved a little: it is watched.

    Args:
        seen: what was seen.
        policy: the settings' `monitor.policy`.
        past: what was asked for before.
        now: seconds since 1970.
    """
    if (rate := _error_rate(seen)) is not None and rate >= policy.error_rate:
        return _page(f"{rate:.1%} of the requests fail, from {policy.error_rate:.1%} on a person is to look")
    failing = [
        f"{name}: {found.reason}"
        for name, found in (("performance", seen.performance), ("drift", seen.drift))
        if found.verdict is Verdict.FAIL
    ]
    if failing and seen.data is not None and seen.data.verdict is Verdict.FAIL:
        return Decision(
            action=Action.PAGE,
            reasons=(f"the data are to blame: {seen.data.reason}", *failing, "nothing is trained on broken data"),
            blames_data=True,
        )
    if seen.performance.verdict is Verdict.FAIL:
        if seen.release_hours is not None and seen.release_hours < policy.rollback_hours:
            why = f"it is put down to the release, which is {seen.release_hours:.1f} hours old"
            return Decision(action=Action.ROLL_BACK, reasons=(*failing, why))
        return _retrain(seen, policy, past, now, failing, otherwise=Action.PAGE)
    if failing:
        return _retrain(seen, policy, past, now, failing, otherwise=Action.WATCH)
    return _quiet(seen)


def _retrain(
    seen: Observation, policy: PolicyOptions, past: History, now: float, failing: list[str], *, otherwise: Action
) -> Decision:
    if (hindrance := _hindrance(seen, policy, past, now)) is not None:
        return Decision(action=otherwise, reasons=(*failing, f"no retraining: {hindrance}"))
    return Decision(action=Action.RETRAIN, reasons=(*failing, "the policy lets it be trained again"))


def _hindrance(seen: Observation, policy: PolicyOptions, past: History, now: float) -> str | None:
    """Why nothing may be trained now."""
    if not policy.retrain:
        return "the policy does not allow any"
    if seen.data is not None and seen.data.verdict is Verdict.ERROR:
        return f"the data could not be checked: {seen.data.reason}"
    return why_not_retrain(policy, past, now)


def why_not_retrain(policy: PolicyOptions, past: History, now: float) -> str | None:
    """Return why cool-down or budget forbid a retraining, in words; None where they don't.

    Args:
        policy: the settings' `monitor.policy`.
        past: what was asked for before.
        now: seconds since 1970.
    """
    if past.retrainings and (ago := (now - max(past.retrainings)) / _HOUR) < policy.cool_down_hours:
        return f"the last one was {ago:.1f} hours ago, and {policy.cool_down_hours:g} have to pass"
    spent = sum(now - one < policy.budget_days * _DAY for one in past.retrainings)
    if spent >= policy.budget:
        return f"{spent} in {policy.budget_days:g} days have used up the budget of {policy.budget}"
    return None


def _quiet(seen: Observation) -> Decision:
    open_questions = [
        f"{name}: {found.reason}"
        for name, found in (("performance", seen.performance), ("drift", seen.drift))
        if found.verdict in {Verdict.INCONCLUSIVE, Verdict.ERROR}
    ]
    if seen.data is not None and seen.data.verdict is not Verdict.PASS:
        open_questions.append(f"data: {seen.data.reason}")
    moved = [f"{', '.join(seen.moved[:5])} moved, below the threshold"] if seen.moved else []
    if moved or open_questions:
        return Decision(action=Action.WATCH, reasons=(*moved, *open_questions))
    return Decision(action=Action.NOTHING, reasons=("drift and performance pass",))


def _page(reason: str) -> Decision:
    return Decision(action=Action.PAGE, reasons=(reason,))


def _error_rate(seen: Observation) -> float | None:
    traffic = seen.traffic
    return traffic.errors / traffic.requests if traffic is not None and traffic.requests else None
