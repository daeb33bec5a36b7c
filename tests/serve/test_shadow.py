"""The challenger sees what the champion answers, and nobody notices."""

from __future__ import annotations

import pytest

SHADOW = {"SHADOW_MODEL_ENABLED": "true"}


def test_the_caller_gets_the_champions_answer_and_the_log_has_both(start, bundle) -> None:
    server = start("--challenger", str(bundle(4, shift=-0.2)), env=SHADOW)
    answer = server.predict()
    assert answer.json["model_version"] == "3"
    assert answer.json["predictions"] == ["yes"]
    server.stop()
    (line,) = server.lines()
    assert (line["version"], line["prediction"]) == ("3", "yes")
    assert (line["shadow_version"], line["shadow_prediction"]) == ("4", "no")
    assert line["shadow_probabilities"]["yes"] == pytest.approx(0.4)
    assert sum(counts["shadowed"] for counts in server.lines("statistics")) == 1


def test_it_is_counted(start, bundle, until) -> None:
    server = start("--challenger", str(bundle(4, shift=-0.2)), env=SHADOW)
    for _ in range(5):
        server.predict()
    until(lambda: server.metric("modelway_shadow_requests_total") == 5)
    assert server.metric("modelway_shadow_flips_total") == 5


def test_a_failing_challenger_costs_the_caller_nothing(start, bundle, until) -> None:
    server = start("--challenger", str(bundle(4, fails=True)), env=SHADOW)
    assert server.predict().status == 200
    until(lambda: server.metric("modelway_shadow_failed_total") == 1)
    server.stop()
    (line,) = server.lines()
    assert line["prediction"] == "yes"
    assert line["shadow_prediction"] is None


def test_a_slow_challenger_makes_nobody_wait_and_what_it_can_not_see_is_counted(start, bundle) -> None:
    server = start("--challenger", str(bundle(4, seconds=0.5)), env=SHADOW, shadow__queue=2)
    for _ in range(80):
        assert server.predict().json["model_version"] == "3"
    dropped = server.metric("modelway_shadow_dropped_total")
    assert dropped > 0
    server.stop()
    lines = server.lines()
    assert len(lines) == 80
    assert sum(line["shadow_version"] is None for line in lines) == dropped
    assert sum(counts["shadow_dropped"] for counts in server.lines("statistics")) == dropped


def test_a_challenger_that_wants_other_columns_sees_nothing(start, bundle, until) -> None:
    server = start("--challenger", str(bundle(4, extra_columns=["score"])), env=SHADOW)
    assert server.predict().status == 200
    until(lambda: server.metric("modelway_shadow_failed_total") == 1)
