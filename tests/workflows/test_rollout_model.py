"""`rollout-model.yml` looks at a rollout's evidence, by schedule where an environment was named, and by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

COMMIT = "c0ffee" + "0" * 34


@pytest.fixture
def rollout(paths: list[Path]) -> Any:
    (path,) = [path for path in paths if path.name == "rollout-model.yml"]
    told = yaml.safe_load(path.read_text())
    told["on"] = told.pop(True)
    return told


@pytest.fixture
def rollout_call(call_of: Any) -> Any:
    return call_of("rollout-model.yml")


def test_it_looks_by_schedule_only_where_somebody_named_the_environment(rollout: Any) -> None:
    assert rollout["on"]["schedule"] == [{"cron": "*/15 * * * *"}]
    assert "vars.MODELWAY_ROLLOUT != ''" in rollout["jobs"]["rollout"]["if"]
    actions = rollout["on"]["workflow_dispatch"]["inputs"]["action"]["options"]
    assert actions == ["", "status", "pause", "resume", "abort"]


def test_two_looks_are_never_at_once(rollout: Any, rollout_call: Any) -> None:
    environment = rollout_call.told["env"]["ENVIRONMENT"].strip("${} ")
    assert environment in rollout["concurrency"]["group"]
    assert rollout["concurrency"]["cancel-in-progress"] is False


def test_it_calls_the_function(rollout_call: Any, run_step: Any) -> None:
    argv = run_step(rollout_call, {"ENVIRONMENT": "staging", "AGAIN": "false"}).argv
    assert argv[argv.index("rollout") :] == [
        "rollout", "--env", "staging", "--report-only", "--commit", COMMIT, "export", "--path", "reports",
    ]  # fmt: skip


def test_a_person_ends_or_repeats_it(rollout_call: Any, run_step: Any) -> None:
    argv = run_step(rollout_call, {"ENVIRONMENT": "production", "ACTION": "abort", "AGAIN": "true"}).argv
    assert argv[argv.index("--action") + 1] == "abort"
    assert "--again" in argv


@pytest.mark.parametrize("code", [0, 5, 6, 7])
def test_it_ends_as_the_look_did(rollout_call: Any, run_step: Any, code: int) -> None:
    assert run_step(rollout_call, {}, f'{{"exit_code": {code}}}').exit_code == code
