"""`rollout-model.yml` looks at a rollout's evidence, by schedule where an environment was named, and by hand."""

from __future__ import annotations

from typing import Any

import pytest

COMMIT = "c0ffee" + "0" * 34
INPUTS = {"call": "rollout", "report": "rollout-report-staging", "environment": "staging"}


@pytest.fixture
def rollout(read_workflow: Any) -> Any:
    return read_workflow("rollout-model.yml")


def test_it_looks_by_schedule_only_where_an_environment_is_named(rollout: Any) -> None:
    assert rollout["on"]["schedule"] == [{"cron": "*/15 * * * *"}]
    assert "vars.MODELWAY_ROLLOUT != ''" in rollout["jobs"]["rollout"]["if"]
    actions = rollout["on"]["workflow_dispatch"]["inputs"]["action"]["options"]
    assert actions == ["look", "status", "pause", "resume", "abort"]


def test_an_abort_that_waits_behind_a_look_is_not_dropped(rollout: Any, call_of: Any) -> None:
    environment = call_of("rollout-model.yml").given["environment"].strip("${} ")
    assert environment in rollout["concurrency"]["group"]
    assert (rollout["concurrency"]["cancel-in-progress"], rollout["concurrency"]["queue"]) == (False, "max")


def test_the_look_before_can_be_read(rollout: Any) -> None:
    assert rollout["jobs"]["rollout"]["permissions"]["actions"] == "read"


def test_it_calls_the_function(run_action: Any) -> None:
    argv = run_action("call", INPUTS).argv
    assert argv[argv.index("rollout") :] == [
        "rollout", "--report-only", "--tracking-uri", "env://MLFLOW_TRACKING_URI", f"--commit={COMMIT}",
        "--env=staging", "export", "--path", "reports",
    ]  # fmt: skip


def test_a_person_ends_or_repeats_it(run_action: Any, call_of: Any) -> None:
    argv = run_action("call", {**INPUTS, "action": "abort", "again": "true"}).argv
    assert {"--action=abort", "--again=true"} <= set(argv)
    assert call_of("rollout-model.yml").given["action"] == "${{ inputs.action != 'look' && inputs.action || '' }}"
