"""`rollout simulate`: what the settings' plan would do, by the real rollout's rules."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from modelway.decide.judging import EDGES
from modelway.records.rollout import CanaryStep, GuardOptions, LatencyGuard, RolloutOptions
from modelway.records.rollout_seen import LATENCY_EDGES_MS, SCORE_BUCKETS, ArmCounts, RolloutAction
from modelway.rollout.faults import FAULTS, decide_with_fault
from modelway.rollout.recorded import RecordedTraffic
from modelway.rollout.scenarios import SCENARIOS, MadeUpTraffic, draw
from modelway.rollout.simulation import simulate

QUICK = RolloutOptions(guards=GuardOptions(latency=LatencyGuard(alpha=0.0)))
SETTINGS = "name: loans\nrollout:\n  steps:\n    - {kind: canary, share: 0.25, slack: 2.0}\n"


@pytest.mark.parametrize("scenario", ["no-difference", "incident", "correlated"])
def test_an_equal_challenger_is_promoted(scenario: str) -> None:
    found = simulate(QUICK, MadeUpTraffic(SCENARIOS[scenario], 100, QUICK), hours=24, runs=60, seed=1)
    assert found.promoted >= 55
    assert found.promoted + found.rolled_back + found.held == 60


@pytest.mark.parametrize("scenario", ["errors-doubled", "errors-fourfold"])
def test_a_bad_one_is_rolled_back(scenario: str) -> None:
    found = simulate(QUICK, MadeUpTraffic(SCENARIOS[scenario], 50, QUICK), hours=12, runs=60, seed=1)
    assert found.rolled_back >= 57
    assert found.promoted == 0


def test_a_slow_one_too() -> None:
    found = simulate(
        RolloutOptions(), MadeUpTraffic(SCENARIOS["latency"], 50, RolloutOptions()), hours=3, runs=20, seed=1
    )
    assert found.rolled_back == 20


def test_too_little_traffic_promotes_nobody() -> None:
    found = simulate(QUICK, MadeUpTraffic(SCENARIOS["no-difference"], 0.01, QUICK), hours=24, runs=20, seed=1)
    assert found.promoted == 0


def test_requests_of_a_key_fail_together() -> None:
    minute = draw(SCENARIOS["correlated"], np.full(50, 0.5), 0.0, 60.0, 50.0, np.random.default_rng(2), latencies=False)
    assert (minute.requests[0] == 20 * minute.arms[0].keys).all()
    assert (minute.errors[1] == 20 * minute.arms[1].failed).all()


def test_latencies_come_to_the_number_of_keys_and_the_slow_arm_is_slower() -> None:
    minute = draw(SCENARIOS["latency"], np.full(5, 0.5), 0.0, 60.0, 200.0, np.random.default_rng(2))
    champion, challenger = (arm.latency for arm in minute.arms)
    assert (champion.sum(axis=-1) == minute.arms[0].keys).all()
    middles = [EDGES[np.searchsorted(np.cumsum(one[0]) / one[0].sum(), 0.5)] for one in (champion, challenger)]
    assert middles[0] == pytest.approx(20, rel=0.15)
    assert middles[1] == pytest.approx(30, rel=0.15)


ONE = RolloutOptions(steps=(CanaryStep(kind="canary", share=0.25, slack=4),))


@pytest.mark.parametrize("fault", FAULTS)
def test_metrics_with_a_fault_decide_nothing(fault: str) -> None:
    found = decide_with_fault(ONE, fault, SCENARIOS["errors-fourfold"], per_second=50, runs=3, seed=1)
    assert found == {RolloutAction.HOLD: 3, RolloutAction.ADVANCE: 0, RolloutAction.BACK: 0}


def test_the_same_without_the_fault_decides() -> None:
    found = decide_with_fault(ONE, None, SCENARIOS["errors-fourfold"], per_second=50, runs=3, seed=1)
    assert found[RolloutAction.BACK] == 3


def test_the_command_tells_what_a_fault_does(in_project, tmp_path: Path) -> None:
    (tmp_path / "modelway.yaml").write_text(SETTINGS)
    argv = ["rollout", "simulate", "--scenario", "silent-replica", "--runs", "2"]
    record = in_project(tmp_path).json(*argv, "--config", str(tmp_path / "modelway.yaml"))
    assert record["decisions"] == {"hold": 2, "advance": 0, "back": 0}


def test_the_command_tells_and_repeats_itself(in_project, tmp_path: Path) -> None:
    (tmp_path / "modelway.yaml").write_text(SETTINGS)
    project = in_project(tmp_path)
    argv = ["rollout", "simulate", "--scenario", "errors-doubled", "--runs", "10", "--hours", "2"]
    argv += ["--config", str(tmp_path / "modelway.yaml")]
    first, again = project.json(*argv), project.json(*argv)
    assert first == again
    assert first["rolled_back"] + first["promoted"] + first["held"] == 10
    assert len(first["reached"]) == 1
    assert project.run(*argv) == 0
    assert "rolled back: " in project.out


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--scenario", "nonsense"], "Known are: no-difference"),
        (["--runs", "0"], "--runs"),
        (["--hours", "nan"], "--hours"),
        (["--set", "rollout.guards.errors.alpha=0.9"], "make 1.4"),
        (["--set", "rollout.steps=[{kind: canary, share: 1.0}]"], "less than 1"),
        (["--set", "rollout.steps=[{kind: canary, share: 0.5}, {kind: canary, share: 0.1}]"], "less than the step's"),
        (["--set", "rollout.steps=[{kind: ab, hours: 30}]"], "beyond deadline_hours"),
        (["--set", "rollout.guards.errors.margins=0.1"], "Did you mean 'margin'"),
    ],
)
def test_what_makes_no_sense_is_refused(in_project, tmp_path: Path, flags: list[str], words: str) -> None:
    (tmp_path / "modelway.yaml").write_text("name: loans\n")
    project = in_project(tmp_path)
    assert project.run("rollout", "simulate", "--config", str(tmp_path / "modelway.yaml"), *flags) == 2
    assert words in project.err


RECORDED = ArmCounts(
    keys=3000,
    failed=15,
    new=3000,
    latency=tuple(int(count) for count in np.bincount(np.full(2985, 50), minlength=len(LATENCY_EDGES_MS) + 1)),
    scores=(2985, *(0,) * (SCORE_BUCKETS - 1)),
)


@pytest.mark.parametrize(
    ("scenario", "word"),
    [("no-difference", "promoted"), ("errors-fourfold", "rolled_back"), ("latency", "rolled_back")],
)
def test_recorded_traffic_is_dealt_out_to_both_arms(scenario: str, word: str) -> None:
    traffic = RecordedTraffic([RECORDED], SCENARIOS[scenario])
    found = simulate(RolloutOptions(), traffic, hours=12, runs=40, seed=1)
    assert getattr(found, word) >= 36, found


def test_what_is_dealt_out_is_what_was_recorded() -> None:
    traffic = RecordedTraffic([RECORDED], SCENARIOS["no-difference"])
    minute = traffic.draw(7, np.array([0.25, 0.0]), np.array([0.0, 1.0]), np.random.default_rng(1))
    for name in ("keys", "failed", "new", "latency", "scores"):
        one, other = (getattr(arm, name) for arm in minute.arms)
        assert np.array_equal((one + other)[0], np.array(getattr(RECORDED, name), float))
    assert minute.arms[1].keys[1] == 0
    assert minute.pairs[1, 0, 0] == 3000
    assert minute.pairs[0, 0, 0] == 0
