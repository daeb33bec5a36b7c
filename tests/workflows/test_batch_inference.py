"""`batch-inference.yml` scores what came in, every night, and goes on where a run was cut off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml


@pytest.fixture
def batch(paths: list[Path]) -> Any:
    (path,) = [path for path in paths if path.name == "batch-inference.yml"]
    told = yaml.safe_load(path.read_text())
    told["on"] = told.pop(True)
    return told


@pytest.fixture
def batch_call(call_of: Any) -> Any:
    return call_of("batch-inference.yml")


def test_it_runs_at_two_every_night_and_by_hand(batch: Any) -> None:
    assert batch["on"]["schedule"] == [{"cron": "0 2 * * *"}]
    assert set(batch["on"]["workflow_dispatch"]["inputs"]) == {"input", "model-version"}


def test_the_run_number_names_the_run_so_that_another_attempt_goes_on(batch_call: Any, run_step: Any) -> None:
    assert batch_call.told["env"]["RUN"] == "${{ github.run_number }}"
    argv = run_step(batch_call, {"RUN": "12"}).argv
    assert argv == ["call", "batch", "--report-only", "--run", "12", "export", "--path", "reports"]


GIVEN = {
    "INPUT_URI": ["--input-uri", "s3://bucket/batch-input/"],
    "OUTPUT_URI": ["--output-uri", "s3://bucket/batch-output"],
    "MODEL_VERSION": ["--model-version", "7"],
    "MLFLOW_TRACKING_URI": ["--tracking-uri", "env://MLFLOW_TRACKING_URI"],
}


@pytest.mark.parametrize("name", GIVEN)
def test_an_input_becomes_an_argument_of_batch(batch_call: Any, run_step: Any, name: str) -> None:
    argv = run_step(batch_call, {name: GIVEN[name][1]}).argv
    assert argv[argv.index("batch") :] == ["batch", "--report-only", *GIVEN[name], "export", "--path", "reports"]


def test_slack_is_told_where_the_run_is(batch_call: Any, run_step: Any) -> None:
    argv = run_step(batch_call, {"SLACK_WEBHOOK": "secret", "RUN_URL": "https://github.test/runs/1"}).argv
    assert argv[1:5] == ["--run-url", "https://github.test/runs/1", "--slack-webhook", "env://SLACK_WEBHOOK"]


def test_the_report_is_kept_under_its_name(batch: Any) -> None:
    (kept,) = [step for step in batch["jobs"]["batch"]["steps"] if "upload-artifact" in step.get("uses", "")]
    assert (kept["with"]["name"], kept["if"]) == ("prediction-report", "always()")
