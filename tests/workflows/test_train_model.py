"""`train-model.yml` trains when code or settings of a model change, and when it is asked to."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

COMMIT = "c0ffee" + "0" * 34
INPUTS = {"call": "train", "report": "model-artifacts"}


@pytest.fixture
def train(read_workflow: Any) -> Any:
    return read_workflow("train-model.yml")


def test_it_runs_for_code_and_settings_and_not_for_data(train: Any) -> None:
    push = train["on"]["push"]
    assert push["branches"] == ["main"]
    assert {"src/**", "modelway.yaml", "requirements.lock"} <= set(push["paths"])
    assert not [path for path in push["paths"] if path.startswith(("data", "tests", "docs", "**"))]


@pytest.mark.parametrize("event", ["workflow_dispatch", "workflow_call"])
def test_people_and_other_workflows_choose_epochs_and_batch_size(train: Any, event: str) -> None:
    inputs = train["on"][event]["inputs"]
    assert set(inputs) == {"epochs", "batch-size"}
    assert {(one["type"], one["default"]) for one in inputs.values()} == {("string", "")}


def test_any_event_reaches_the_call(train: Any, call_of: Any) -> None:
    given = call_of("train-model.yml").given
    assert given["epochs"] == "${{ inputs.epochs || github.event.client_payload.epochs }}"
    assert given["batch-size"] == "${{ inputs.batch-size || github.event.client_payload.batch-size }}"
    assert train["on"]["repository_dispatch"] == {"types": ["train-model"]}


def words_of(argv: list[str]) -> list[str]:
    return argv[argv.index("train") :]


BARE = ["train", "--report-only", "--tracking-uri", "env://MLFLOW_TRACKING_URI", f"--commit={COMMIT}"]


def test_without_inputs_the_call_is_bare(run_action: Any) -> None:
    assert words_of(run_action("call", INPUTS).argv) == [*BARE, "export", "--path", "reports"]


def test_the_time_of_the_commit_is_told_where_git_knows_it(run_action: Any, tmp_path: Path) -> None:
    who = ["-c", "user.name=somebody", "-c", "user.email=somebody@example.org"]
    date = {**os.environ, "GIT_COMMITTER_DATE": "2026-05-04T05:02:01+02:00"}
    for argv in (["init", "--quiet"], [*who, "commit", "--quiet", "--allow-empty", "--message", "first"]):
        subprocess.run(["git", *argv], cwd=tmp_path, env=date, check=True)
    told = [*BARE, "--commit-time=2026-05-04T05:02:01+02:00", "export", "--path", "reports"]
    assert words_of(run_action("call", INPUTS).argv) == told


@pytest.mark.parametrize(
    ("name", "value"), [("epochs", "5"), ("batch-size", "64"), ("data-uri", "s3://b/data of ours/")]
)
def test_an_input_becomes_an_argument_of_train(run_action: Any, name: str, value: str) -> None:
    argv = run_action("call", {**INPUTS, name: value}).argv
    assert words_of(argv) == [*BARE, f"--{name}={value}", "export", "--path", "reports"]


def test_another_workflow_can_hand_in_every_secret_that_is_used(train: Any, call_of: Any) -> None:
    used = {value.strip("${} ").removeprefix("secrets.") for value in call_of("train-model.yml").given.values()}
    assert set(train["on"]["workflow_call"]["secrets"]) == {name for name in used if name.isupper()}


def test_what_was_registered_is_released(train: Any, paths: list[Path]) -> None:
    job = train["jobs"]["release"]
    assert (job["needs"], job["if"]) == ("train", "needs.train.outputs.version != ''")
    assert job["with"] == {"version": "${{ needs.train.outputs.version }}"}
    (called,) = [path for path in paths if job["uses"].endswith(path.name)]
    assert set(yaml.safe_load(called.read_text())[True]["workflow_call"]["secrets"]) == set(job["secrets"])
