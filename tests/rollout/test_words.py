"""What `rollout status` says of a rollout."""

from __future__ import annotations

from typing import Any

import pytest

from modelway.records.rollout import RolloutOptions
from modelway.records.rollout_state import RolloutStatus
from modelway.rollout.gauges import gauges_on
from modelway.rollout.words import bar, clock, describe, lasting

NAMES = ("empty", "good", "bad", "shifted", "held")


@pytest.fixture(scope="module")
def made(rollouts: Any) -> dict[str, Any]:
    return {name: rollouts.CASES[name]() for name in NAMES}


def said(case: Any, later: float = 20.0, width: int = 1000) -> str:
    now = (case.ticks[-1].time if case.ticks else case.rollout.began) + later
    return "\n".join(describe(*case.arguments(), now=now, width=width))


@pytest.mark.parametrize("name", NAMES)
def test_status_reason_and_versions_come_first(made: Any, name: str) -> None:
    case = made[name]
    lines = said(case).splitlines()
    assert lines[0] == f"loans, rollout 20261127T033000Z-7: {case.rollout.status}"
    assert lines[1].strip() == case.rollout.reason
    assert "version 7 (7a7a7a7a7a7a) in place of 5" in lines[2]


@pytest.mark.parametrize("width", [30, 40, 72])
@pytest.mark.parametrize("name", NAMES)
def test_it_fits_a_narrow_terminal_without_colours(made: Any, name: str, width: int) -> None:
    text = said(made[name], width=width)
    assert text.isascii()
    assert text.replace("\n", "").isprintable()
    assert max(map(len, text.splitlines())) <= width


def test_one_of_which_nothing_was_seen(made: Any) -> None:
    text = said(made["empty"])
    for line in ("step 1 of 4 [>...]: shadow 100%", "seen: nothing yet", "decided: nothing yet", "next: the first"):
        assert line in text


def test_bars_tell_what_is_against_it(made: Any) -> None:
    bad, good = said(made["bad"]), said(made["good"])
    evidence = made["bad"].ticks[-1].decision.numbers["errors_log_evidence"]
    assert f"failures     ##########  log evidence {evidence:.2f} of 3.69" in bad
    assert f"decided at {clock(made['bad'].ticks[-1].time)}: back" in bad
    assert "failures     ..........  log evidence" in good
    assert "ended after" in bad


def test_what_is_still_needed_is_named(rollouts: Any) -> None:
    driver = rollouts.Driver(rollouts.SCENARIOS["no-difference"], per_second=5.0)
    case = driver.run(22)
    assert case.rollout.step == 1
    text = said(case)
    assert "step 2 of 4 [#>..]: canary 5%, 5% of the traffic" in text
    assert "next: more evidence on failures, latency and " in text
    assert "more of the step" in text
    assert "up to +2.00% of the keys" not in text


def test_bars_are_full_where_the_decision_went_on(made: Any) -> None:
    case = made["good"]
    onward = next(tick for tick in case.ticks[::-1] if tick.decision.action == "advance")
    assert onward.decision.reasons == ("every margin is excluded",)
    on = said(case).partition("it goes on where all bars are full")[2].partition("decided")[0]
    assert on.count("##########") == 3
    assert ".." not in on


def test_bars_are_full_where_the_decision_says_that_margins_are_excluded_and_only_there(made: Any) -> None:
    case, found = made["good"], set()
    for tick in case.ticks:
        gauges = gauges_on(tick.decision.numbers, case.options.steps[tick.step], case.options)
        full = all(one.part >= 1 for one in gauges)
        wanting = any("margin is not" in one or "pairs of answers" in one for one in tick.decision.reasons)
        assert full is not wanting, (tick.number, tick.decision.reasons, gauges)
        found.add((tick.step, full))
    assert len(found) >= 7


def test_missing_metrics_are_named_and_nothing_is_weighed(made: Any) -> None:
    text = said(made["held"])
    assert "metrics are late" in text
    assert "next: metrics that are whole" in text
    assert "bar" not in text


def test_a_step_that_has_only_just_begun_lacks_nothing_yet(made: Any) -> None:
    case = made["held"].changed(step_began=made["held"].ticks[-1].time)
    assert "next: the first intervals of the step" in said(case, later=100.0)
    assert "next: metrics that are whole" in said(case, later=200.0)


def test_a_paused_one_says_how_it_goes_on(made: Any) -> None:
    text = said(made["held"].changed(status=RolloutStatus.PAUSED))
    assert "`modelway rollout resume`" in text


def test_a_watch_says_how_long_it_lasts(made: Any) -> None:
    case = made["good"]
    rollout = case.rollout.model_copy(
        update={"status": RolloutStatus.WATCHING, "ended": None, "step_began": case.ticks[-1].time}
    )
    options = RolloutOptions(steps=case.options.steps, watch_hours=2.0)
    text = said(type(case)(rollout, case.ticks, options), later=3600.0)
    assert "next: outcomes are watched for 1 h 00 min more" in text


def test_a_deadline_that_has_passed_is_said(made: Any) -> None:
    assert "time is up" in said(made["held"], later=25 * 3600.0)
    assert "time is up" not in said(made["held"])


def test_what_nobody_knows_breaks_nothing(made: Any) -> None:
    case = made["good"]
    decision = case.ticks[-1].decision
    nothing = decision.model_copy(update={"numbers": dict.fromkeys(decision.numbers)})
    last = case.ticks[-1].model_copy(update={"decision": nothing})
    assert "no bounds yet" in said(type(case)(case.rollout, (last,), case.options))


def test_a_bar_is_full_only_where_all_is_there() -> None:
    assert [bar(part) for part in (-1.0, 0.0, 0.55, 0.999, 1.0, 7.0)] == [
        "..........", "..........", "#####.....", "#########.", "##########", "##########",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-5, "0 s"), (59.9, "59 s"), (61, "1 min 01 s"), (3600, "1 h 00 min"), (90061, "25 h 01 min")],
)
def test_time_spans(seconds: float, words: str) -> None:
    assert lasting(seconds) == words
