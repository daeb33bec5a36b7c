"""The challenger sees what the champion answers, and nobody notices."""

from __future__ import annotations

import os
import signal

import psutil
import pytest

from modelway.flags import update_flags, with_shares
from modelway.records.flags import Shares

SHADOW = {"SHADOW_MODEL_ENABLED": "true"}


def _seen(server, count: int = 1):
    """Whether the challenger has seen so many; on a busy machine an ending server waits too short a time for it."""
    return lambda: server.metric("modelway_shadow_requests_total") >= count


def test_the_caller_gets_the_champions_answer_and_the_log_has_both(start, bundle, until) -> None:
    server = start("--challenger", str(bundle(4, shift=-0.2)), env=SHADOW)
    answer = server.predict()
    assert answer.json["model_version"] == "3"
    assert answer.json["predictions"] == ["yes"]
    until(_seen(server))
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


def _shadows(server) -> list[psutil.Process]:
    """The processes below the supervisor that let others go before."""
    found = []
    for process in psutil.Process(server.process.pid).children():
        try:
            found += [process] if process.nice() > psutil.Process(server.process.pid).nice() else []
        except psutil.NoSuchProcess:
            continue
    return found


def test_it_is_a_process_of_its_own_for_each_worker_and_ends_with_them(start, bundle, until) -> None:
    server = start("--challenger", str(bundle(4)), env=SHADOW, workers__count=2)
    until(lambda: len(_shadows(server)) == 2)
    children = psutil.Process(server.process.pid).children(recursive=True)
    assert len(children) == 4
    assert server.stop() == 0
    assert not psutil.wait_procs(children, 20)[1]


def test_it_ends_when_the_supervisor_is_killed(start, bundle, until) -> None:
    server = start("--challenger", str(bundle(4)), env=SHADOW)
    until(lambda: len(_shadows(server)) == 1)
    children = psutil.Process(server.process.pid).children()
    server.process.kill()
    assert not psutil.wait_procs(children, 20)[1]


def test_one_that_is_killed_is_replaced_and_every_answer_and_record_is_there(start, bundle, until) -> None:
    server = start("--challenger", str(bundle(4)), env=SHADOW)
    server.predict()
    until(_seen(server))
    (before,) = _shadows(server)
    os.kill(before.pid, signal.SIGKILL)
    asked = 1

    def seen_again() -> bool:
        nonlocal asked
        asked += 1
        assert server.predict().json["model_version"] == "3"
        counted = server.metric("modelway_shadow_requests_total") - server.metric("modelway_shadow_failed_total")
        return counted > 1 and _shadows(server) not in ([], [before])

    until(seen_again)
    assert [event["child"] for event in server.events("shadow_ended")] == [before.pid]
    assert server.stop() == 0
    assert len(server.lines()) == asked
    answered = sum(line["shadow_prediction"] is not None for line in server.lines())
    assert 2 <= answered < asked


def test_a_challenger_that_comes_by_a_reload_is_seen(start, bundle, until, tmp_path) -> None:
    uri = str(tmp_path / "flags.json")
    update_flags(uri, lambda found: with_shares(found, Shares(shadow=1)))
    server = start("--admin-port", "0", "--flags", uri, routing__poll_seconds=0.05)
    assert _shadows(server) == []
    wanted = {"champion": str(bundle(3)), "challengers": [str(bundle(4, shift=-0.2))]}
    assert server.admin("POST", "/reload", wanted).status == 200
    until(lambda: server.predict().status == 200 and server.metric("modelway_shadow_flips_total") > 0)
    path = bundle(5, shift=-0.3)
    assert server.admin("POST", "/reload", {**wanted, "challengers": [str(path)]}).status == 200
    until(lambda: server.metric("modelway_flags_fault") == 0)
    before = server.metric("modelway_shadow_requests_total")
    assert server.predict(x_request_id="after").status == 200
    until(_seen(server, before + 1))
    server.stop()
    (line,) = [line for line in server.lines() if line["request"] == "after"]
    assert line["shadow_version"] == "5"
    assert line["shadow_probabilities"]["yes"] == pytest.approx(0.3)


def test_integers_of_any_length_reach_it(start, bundle, row, until) -> None:
    server = start("--challenger", str(bundle(4)), env=SHADOW)
    assert server.predict({**row, "income": 10**30}).status == 200
    until(_seen(server))
    server.stop()
    (line,) = server.lines()
    assert line["shadow_prediction"] == "yes"


def test_many_rows_reach_it(start, bundle, row, until) -> None:
    server = start("--challenger", str(bundle(4, shift=-0.2)), env=SHADOW)
    assert server.predict(*[row] * 5000).status == 200
    until(_seen(server))
    server.stop()
    assert [line["shadow_prediction"] for line in server.lines()] == ["no"] * 5000
